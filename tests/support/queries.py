"""Hypothesis strategies for query nodes that have something to say about given entities.

`nodes(entities)` takes operands, paths and geometries from the entities most of the time, so
that conditions hold now and then.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

from broker.query.ast import (
    And,
    Compare,
    Exists,
    Geo,
    HasType,
    IdIn,
    IdMatches,
    Moment,
    Node,
    Not,
    Op,
    Or,
    Path,
    Range,
    ScopeMatches,
)
from broker.query.members import ENTITY_MEMBERS, INSTANCE_MEMBERS
from broker.query.moment import clock, instant
from tests.support.strategies import (
    LOCATION,
    geometries,
    ids,
    iris,
    scalars,
    texts,
    times,
    type_iris,
)

ABSENT = "https://example.org/nobody-has-this"

_FREQUENT = st.integers(0, 3)
_OPERATORS = st.sampled_from(list(Op))
_RELATIONS = st.sampled_from(
    ["within", "contains", "intersects", "equals", "disjoint", "overlaps", "near", "near"]
)
_DISTANCES = st.sampled_from([1.0, 5e4, 3e6, 1.2e7])
_PATTERNS = st.sampled_from(
    ["a", "^a", "[0-9]+", "水", "(?i)K", "^$", r"\x00", "urn:.*:é$", "(a|b)."]
)
_SCOPES = st.one_of(_PATTERNS, st.sampled_from([".", "^/?a(/|$)", "^/?[^/]+$"]))
_MOMENTS = st.one_of(
    st.sampled_from(["2020-07-04", "2025-03-03T10:00:00Z", "12:00:00Z", "nonsense"]), times()
).map(Moment)
_SCALARS = scalars()
_GEOMETRIES = geometries()
_NAMES = st.lists(st.one_of(iris(), st.just(ABSENT)), min_size=1, max_size=2)
_KEYS = st.lists(st.one_of(texts(), st.sampled_from(["*", "en", "type"])), max_size=2)
_MEMBERS = st.sampled_from(sorted(INSTANCE_MEMBERS))
_ENTITY_MEMBERS = st.sampled_from(sorted(ENTITY_MEMBERS))
_IDS = st.lists(ids(), max_size=3)
_TYPES = type_iris()
_GEO_ATTRIBUTES = st.one_of(st.just(LOCATION), iris())


@st.composite
def nodes(draw: st.DrawFn, entities: Sequence[dict[str, Any]]) -> Node:
    """A query node of any kind, combined up to two levels deep."""
    return _node(draw, entities, 2)


@st.composite
def paths(draw: st.DrawFn, entities: Sequence[dict[str, Any]]) -> Path:
    """A path, mostly one that some entity has."""
    return _target(draw, entities)[0]


def _node(draw: st.DrawFn, entities: Sequence[dict[str, Any]], depth: int) -> Node:
    kind = draw(st.sampled_from(_SIMPLE if depth == 0 else _COMBINED))
    if kind == "not":
        return Not(_node(draw, entities, depth - 1))
    if kind in ("and", "or"):
        parts = tuple(_node(draw, entities, depth - 1) for _ in range(draw(st.integers(0, 3))))
        return And(parts) if kind == "and" else Or(parts)
    return _LEAVES[kind](draw, entities)


def _compare(draw: st.DrawFn, entities: Sequence[dict[str, Any]]) -> Node:
    path, near = _target(draw, entities)
    op = draw(_OPERATORS)
    if op in (Op.MATCH, Op.NOT_MATCH):
        return Compare(path, op, (draw(_PATTERNS),))
    if op not in (Op.EQ, Op.NE):
        return Compare(path, op, (_operand(draw, near),))
    return Compare(
        path,
        op,
        tuple(
            Range(_operand(draw, near), _operand(draw, near))
            if draw(_FREQUENT) == 0
            else _operand(draw, near)
            for _ in range(draw(st.integers(1, 3)))
        ),
    )


def _operand(draw: st.DrawFn, near: list[Any]) -> Any:
    """Return a scalar, mostly one of those near, with times as Moments half of the time."""
    choice = draw(_FREQUENT)
    if choice == 0:
        return draw(_MOMENTS)
    if choice == 1 or not near:
        return draw(_SCALARS)
    scalar = draw(st.sampled_from(near))
    if isinstance(scalar, str) and (instant(scalar) or clock(scalar)) and draw(st.booleans()):
        return Moment(scalar)
    return scalar


def _target(draw: st.DrawFn, entities: Sequence[dict[str, Any]]) -> tuple[Path, list[Any]]:
    """Return a path, mostly one that some entity has, and the scalars found near its end."""
    seen = [found for entity in entities for found in _paths(entity)]
    choice = draw(st.integers(0, 6))
    if choice == 0:
        return Path((), draw(_ENTITY_MEMBERS)), list(_scalars(list(entities)))
    if choice == 1 or not seen:
        member = draw(_MEMBERS) if draw(_FREQUENT) == 0 else None
        return Path(tuple(draw(_NAMES)), member, tuple(draw(_KEYS))), []
    path, near = draw(st.sampled_from(seen))
    scalars_near = list(_scalars(near))
    return (Path(path.names, draw(_MEMBERS)) if choice == 2 else path), scalars_near


def _geo(draw: st.DrawFn, entities: Sequence[dict[str, Any]]) -> Node:
    seen = [
        instance["value"]
        for entity in entities
        for instances in entity["attrs"].values()
        for instance in instances.values()
        if instance["type"] == "GeoProperty"
    ]
    own = bool(seen) and draw(st.booleans())
    geometry = draw(st.sampled_from(seen)) if own else draw(_GEOMETRIES)
    return Geo(
        draw(_GEO_ATTRIBUTES), draw(_RELATIONS), geometry, draw(_DISTANCES), draw(st.booleans())
    )


_LEAVES: dict[str, Callable[[st.DrawFn, Sequence[dict[str, Any]]], Node]] = {
    "compare": _compare,
    "exists": lambda draw, entities: Exists(_target(draw, entities)[0]),
    "type": lambda draw, _: HasType(draw(_TYPES)),
    "ids": lambda draw, _: IdIn(tuple(draw(_IDS))),
    "pattern": lambda draw, _: IdMatches(draw(_PATTERNS)),
    "scope": lambda draw, _: ScopeMatches(draw(_SCOPES)),
    "geo": _geo,
}
_SIMPLE = ["compare", "compare", "compare", *_LEAVES]
_COMBINED = [*_SIMPLE, "and", "or", "not"]


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from _scalars(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _scalars(inner)
    elif value is not None:
        yield value


def _paths(owner: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[Path, Any]]:
    for iri, instances in owner.get("attrs", {}).items():
        names = (*above, iri)
        yield Path(names), list(instances.values())
        for instance in instances.values():
            for member in ("value", "json", "languageMap"):
                for keys, value in _keys(instance.get(member)):
                    yield Path(names, None, keys), value
            yield from _paths(instance, names)


def _keys(value: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*above, key), inner
            yield from _keys(inner, (*above, key))
