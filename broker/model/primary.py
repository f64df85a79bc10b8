"""The values of attributes, one check for each kind (§4.5.2, §4.5.3, §4.5.18 to §4.5.24)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from broker.model.entity import DEFAULT, NULL, PRIMARY
from broker.model.geometry import parse_geometry
from broker.model.limits import check_value
from broker.model.names import Names, check_uri
from broker.model.place import At, bad, show

_TAG = re.compile(r"[A-Za-z]{1,8}(?:[-_][A-Za-z0-9]{1,8})*")
_TARGET = "urn:ngsi-ld:Bridge:mizunote"


@dataclass(frozen=True, slots=True)
class Mode:
    """What a request may leave out or remove.

    `nulls`: an instance or member may be the NGSI-LD Null; `nested`: members of values too
    (merge); `fragment`: the value and the type may be absent; `history`: a value that is the Null
    says that the attribute was deleted, and is kept (§4.5.7).
    """

    nulls: bool = False
    nested: bool = False
    fragment: bool = False
    history: bool = False


CREATE: Final = Mode()
UPDATE: Final = Mode(nulls=True)
MERGE: Final = Mode(nulls=True, nested=True, fragment=True)
HISTORY: Final = Mode(history=True)


def parse_language_map(value: Any, at: At, *, nested_nulls: bool) -> dict[str, Any]:
    """Return a languageMap: language tag or `@none` → text or list of texts (§4.5.18)."""
    remedy = 'Map language tags to text, for example {"ja": "人吉", "en": "Hitoyoshi"}.'
    if type(value) is not dict:
        raise bad(at, f"A languageMap must be an object; this is {show(value)}.", remedy)
    for tag, text in value.items():
        if tag != DEFAULT and _TAG.fullmatch(tag) is None:
            raise bad((at, tag), f"{show(tag)} is not a language tag.", remedy)
        texts = text if type(text) is list else (text,)
        for item in texts:
            if type(item) is not str:
                raise bad(
                    (at, tag), f"A text or a list of texts goes here, not {show(text)}.", remedy
                )
    check_value(value, at, nested_nulls=nested_nulls)
    languages: dict[str, Any] = value
    return languages


def is_null(kind: str, value: Any) -> bool:
    """Tell whether the primary value of an attribute of `kind` is the NGSI-LD Null (§4.5.0)."""
    if type(value) is str:
        return value == NULL
    if kind == "LanguageProperty":
        return type(value) is dict and value == {DEFAULT: NULL}
    return kind in _LISTS and type(value) is list and value == [NULL]


def parse_primary(kind: str, value: Any, at: At, context: Names, mode: Mode) -> Any:
    """Return the primary value of an attribute of `kind` as it is stored."""
    if value is None:
        raise bad(
            at,
            "The value is null, which NGSI-LD does not store.",
            f'To remove the attribute, send "{NULL}" in an update or merge; to store a JSON null, '
            'write {"@type": "@json", "@value": null}.',
        )
    return _PARSERS[kind](value, at, context, mode)


def _property(value: Any, at: At, context: Names, mode: Mode) -> Any:
    if type(value) in _CONTAINERS:
        check_value(value, at, nested_nulls=mode.nested)
    return value


def _geo_property(value: Any, at: At, context: Names, mode: Mode) -> Any:
    return parse_geometry(value, at)


def _language_property(value: Any, at: At, context: Names, mode: Mode) -> Any:
    return parse_language_map(value, at, nested_nulls=mode.nested)


def _vocab_property(value: Any, at: At, context: Names, mode: Mode) -> Any:
    terms = value if type(value) is list else [value]
    for term in terms:
        if type(term) is not str or not term or term[0] == "@" or term == NULL:
            raise bad(
                at,
                f"A vocab must be a term or a list of terms; {show(term)} is none.",
                "Give a term of your @context or an IRI, as a string.",
            )
    if not terms:
        raise bad(at, "The list of terms is empty.", "Give at least one term.")
    iris = [context.expand(term) for term in terms]
    return iris if type(value) is list else iris[0]


def _json_property(value: Any, at: At, context: Names, mode: Mode) -> Any:
    items = value if type(value) is list else (value,)
    if any(type(item) is not dict for item in items):
        raise bad(
            at,
            f"The json of a JsonProperty must be an object or an array of objects, not "
            f"{show(value)}.",
            "Send single values as a Property.",
        )
    check_value(value, at, nested_nulls=mode.nested)
    return value


def _list_property(value: Any, at: At, context: Names, mode: Mode) -> Any:
    if type(value) is not list:
        raise bad(
            at,
            f"A valueList must be an array; this is {show(value)}.",
            "Send single values as a Property.",
        )
    check_value(value, at, nested_nulls=False)
    return value


def _relationship(value: Any, at: At, context: Names, mode: Mode) -> Any:
    if type(value) is not list:
        return check_uri(value, at, "The object of a Relationship", _TARGET)
    if not value:
        raise bad(at, "The list of objects is empty.", "Give a URI, or leave the attribute out.")
    for index, item in enumerate(value):
        check_uri(item, (at, index), "The object of a Relationship", _TARGET)
    return value


def _list_relationship(value: Any, at: At, context: Names, mode: Mode) -> Any:
    if type(value) is not list:
        raise bad(
            at,
            f"An objectList must be an array; this is {show(value)}.",
            'Give a list of URIs, or of {"object": URI}.',
        )
    uris = []
    for index, item in enumerate(value):
        if type(item) is dict and len(item) == 1:
            item = item.get("object")
        uris.append(check_uri(item, (at, index), "An item of an objectList", _TARGET))
    return uris


_PARSERS: dict[str, Callable[[Any, At, Names, Mode], Any]] = {
    "Property": _property,
    "GeoProperty": _geo_property,
    "LanguageProperty": _language_property,
    "VocabProperty": _vocab_property,
    "JsonProperty": _json_property,
    "ListProperty": _list_property,
    "Relationship": _relationship,
    "ListRelationship": _list_relationship,
}
assert _PARSERS.keys() == PRIMARY.keys()
_CONTAINERS = frozenset((dict, list))
_LISTS = frozenset(("ListProperty", "ListRelationship"))
