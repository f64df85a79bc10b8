"""Print the microseconds to parse and to render an entity of 15 attributes."""

from __future__ import annotations

import timeit
from typing import Any

import orjson

from broker.model.parse import parse_entity
from broker.model.render import Form, render

ROUNDS = 20_000
VOCAB = "https://uri.etsi.org/ngsi-ld/default-context/"


class Vocabulary:
    """An @context of one vocabulary, its names remembered as a real one remembers them."""

    def __init__(self) -> None:
        self.plain: dict[str, str] = {}
        self._iris: dict[str, str] = {}
        self._names: dict[str, str] = {}

    def expand(self, term: str, /) -> str:
        """Return the IRI of a term."""
        iri = self._iris.get(term)
        if iri is None:
            iri = self._iris[term] = term if ":" in term else VOCAB + term
        return iri

    def compact(self, iri: str, /) -> str:
        """Return the name of an IRI."""
        name = self._names.get(iri)
        if name is None:
            name = self._names[iri] = iri.removeprefix(VOCAB)
        return name


def sample() -> dict[str, Any]:
    """Return a normalized entity of 15 attributes, about 1.4 KB."""
    at = "2020-07-04T06:30:00Z"
    entity: dict[str, Any] = {"id": "urn:ngsi-ld:Gauge:hitoyoshi-01", "type": "Gauge"}
    for number in range(6):
        entity[f"level{number}"] = {
            "type": "Property",
            "value": 3.25 + number,
            "unitCode": "MTR",
            "observedAt": at,
        }
    for number in range(4):
        entity[f"note{number}"] = {"type": "Property", "value": f"水位計 {number}"}
    for number in range(2):
        entity[f"refBridge{number}"] = {
            "type": "Relationship",
            "object": f"urn:ngsi-ld:Bridge:{number}",
        }
    entity["address"] = {"type": "Property", "value": {"locality": "人吉市", "region": "熊本県"}}
    entity["title"] = {"type": "LanguageProperty", "languageMap": {"ja": "人吉", "en": "Hitoyoshi"}}
    entity["place"] = {
        "type": "GeoProperty",
        "value": {"type": "Point", "coordinates": [130.7600, 32.2100]},
    }
    return entity


def main() -> None:
    """Print one line for each operation."""
    names = Vocabulary()
    body = sample()
    entity = parse_entity(body, names)
    text = orjson.dumps(body)
    cases = {
        "parse": lambda: parse_entity(body, names),
        "render normalized": lambda: render(entity, names, Form()),
        "render normalized, sysAttrs": lambda: render(entity, names, Form(sys_attrs=True)),
        "render concise": lambda: render(entity, names, Form("concise")),
        "render simplified": lambda: render(entity, names, Form("simplified")),
        "orjson.loads": lambda: orjson.loads(text),
    }
    for name, case in cases.items():
        best = min(timeit.repeat(case, number=ROUNDS // 10, repeat=10)) / (ROUNDS // 10)
        print(f"{name:30} {best * 1e6:7.1f} µs")
    print(f"{'size':30} {len(text):7} bytes")


if __name__ == "__main__":
    main()
