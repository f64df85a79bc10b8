"""Simplified values in a merge: what each stands for (§4.5.4, §5.6.17)."""

from __future__ import annotations

from typing import Any

from broker.model.attribute import (
    GEO_ONLY,
    PROOF,
    Instances,
    check_geo_only,
    check_proof,
    given_twice,
    null_refused,
)
from broker.model.entity import DEFAULT, NULL, Instance
from broker.model.geometry import is_geometry
from broker.model.kinds import KIND_OF
from broker.model.limits import INSTANCES
from broker.model.names import (
    ENTITY_MEMBERS,
    RESERVED_IRIS,
    Names,
    check_attribute_name,
    check_dataset,
    reserved,
)
from broker.model.place import At, bad
from broker.model.primary import MERGE, Mode, parse_primary


def parse_simplified(
    body: dict[str, Any], at: At, context: Names, *, nulls: bool
) -> dict[str, Instances]:
    """Return the attributes of a simplified body, each of the kind its value looks like.

    A merge gives a value the kind of the attribute it meets, where that is another.
    """
    mode = MERGE if nulls else Mode(fragment=True)
    attrs: dict[str, Instances] = {}
    for term, value in body.items():
        if term in ENTITY_MEMBERS:
            continue
        here = (at, term)
        iri = context.expand(check_attribute_name(term, here))
        if iri in RESERVED_IRIS:
            raise reserved(term, here)
        if iri in attrs:
            raise given_twice(iri, here)
        attrs[iri] = _parse_attribute(value, here, context, mode)
        if iri in GEO_ONLY:
            check_geo_only(iri, attrs[iri], here)
        elif iri == PROOF:
            check_proof(attrs[iri], here)
    return attrs


def _parse_attribute(value: Any, at: At, context: Names, mode: Mode) -> Instances:
    datasets = value.get("dataset") if type(value) is dict and len(value) == 1 else None
    if type(datasets) is not dict:
        return {DEFAULT: _parse_value(value, at, context, mode)}
    at = (at, "dataset")
    if not datasets or len(datasets) > INSTANCES:
        raise bad(
            at,
            f"An attribute has 1 to {INSTANCES} instances; these are {len(datasets)}.",
            'Map datasetIds to values: {"dataset": {"@none": 1, "urn:ngsi-ld:Dataset:b": 2}}.',
        )
    return {
        check_dataset(dataset, (at, dataset)): _parse_value(item, (at, dataset), context, mode)
        for dataset, item in datasets.items()
    }


def _parse_value(value: Any, at: At, context: Names, mode: Mode) -> Instance | None:
    if type(value) is str and value == NULL:
        if mode.nulls:
            return None
        raise null_refused(at)
    if is_geometry(value):
        return {
            "type": "GeoProperty",
            "value": parse_primary("GeoProperty", value, at, context, mode),
        }
    if type(value) is dict and len(value) == 1:
        (member,) = value
        if member in _WRAPPED:
            kind = KIND_OF[member]
            inner = parse_primary(kind, value[member], (at, member), context, mode)
            return {"type": kind, member: inner}
    return {"type": "Property", "value": parse_primary("Property", value, at, context, mode)}


_WRAPPED = frozenset(("languageMap", "vocab", "json"))
