"""What of an entity is indexed: numbers, texts and boxes of its attributes (pure).

Index rows cover every value a condition on an attribute could look at, and may cover more. How
far they decide a comparison on their own is said beside them; else they only narrow a search,
and the exact condition is tested on the document.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, TypeAlias

from broker.model.entity import PRIMARY, Instance
from broker.model.geometry import positions
from broker.query.plan import TEXT_LENGTH, Exact

MANY: Final = b""
"""Stands for the values of an attribute that has more than `MAX_VALUES` of them."""

MAX_VALUES: Final = 100
LARGEST: Final = 2**63 - 1

_URIS: Final = frozenset({"Relationship", "VocabProperty", "ListRelationship"})

Box: TypeAlias = tuple[float, float, float, float]


class Terms(NamedTuple):
    """What the index holds of one attribute of an entity, each value once."""

    numbers: tuple[int | float | bytes, ...] = ()
    texts: tuple[str | bytes, ...] = ()
    box: Box | None = None
    exact: Exact = Exact.ORDER


NOTHING: Final = Terms(exact=Exact.SINGLE)


def terms(instances: dict[str, Instance]) -> Terms:
    """Return what to index of the instances of one attribute."""
    if len(instances) == 1:
        (instance,) = instances.values()
        value: Any = instance.get("value")
        kind = type(value)
        if kind is float:
            return Terms((value,), exact=Exact.SINGLE)
        if kind is str:
            return Terms((), (value[:TEXT_LENGTH],))
        if kind is int:
            return Terms((number_key(value),), exact=Exact.SINGLE)
        uri = target(instance)
        if uri is not None:
            return Terms((), (uri,), None, Exact.EQUALITY)
    return _all_terms(instances)


def _all_terms(instances: dict[str, Instance]) -> Terms:
    values: dict[int | float | str, None] = {}
    points: list[tuple[float, float]] = []
    exact = Exact.ORDER
    for instance in instances.values():
        kind = instance["type"]
        value = instance.get(PRIMARY.get(kind, "value"))
        if kind == "GeoProperty":
            points += positions(value)
            continue
        exact = min(exact, _exactness(kind, value))
        for scalar in _scalars(value, kind == "LanguageProperty"):
            if type(scalar) is str:
                values[scalar[:TEXT_LENGTH]] = None
            elif type(scalar) is int or type(scalar) is float:
                values[number_key(scalar)] = None
            if len(values) > MAX_VALUES:
                break
    if len(values) > MAX_VALUES:
        return Terms((MANY,), (MANY,), _box(points), Exact.NOTHING)
    texts = tuple(value for value in values if isinstance(value, str))
    numbers = tuple(value for value in values if not isinstance(value, str))
    return Terms(numbers, texts, _box(points), exact)


def _exactness(kind: str, value: Any) -> Exact:
    """Return what the rows of one instance's value decide."""
    if kind in _URIS:
        return Exact.EQUALITY
    parts = value.values() if kind == "LanguageProperty" else (value,)
    lists = [part for part in parts if isinstance(part, list)]
    if any(isinstance(inner, list) for part in lists for inner in part):
        return Exact.NOTHING
    return Exact.EQUALITY if lists else Exact.ORDER


def _box(points: list[tuple[float, float]]) -> Box | None:
    if not points:
        return None
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return min(xs), max(xs), min(ys), max(ys)


def target(instance: Instance) -> str | None:
    """Return the term of a Relationship with one object, None for all others."""
    uri = instance.get("object")
    if type(uri) is str and instance["type"] == "Relationship":
        return uri[:TEXT_LENGTH]
    return None


def point(instance: Instance) -> Box | None:
    """Return the box of an instance that is nothing but a point, None for all others."""
    value: Any = instance.get("value")
    if instance["type"] != "GeoProperty" or value.get("type") != "Point":
        return None
    x, y = value["coordinates"][:2]
    return x, x, y, y


SEVERAL: Final = object()
"""What `single` returns for an attribute that may have any number of terms, or a box."""


def single(instances: dict[str, Instance]) -> Any:
    """Return the only term of an attribute, None for none, or SEVERAL.

    A short way for what most attributes are: one instance with a plain value.
    """
    if len(instances) != 1:
        return SEVERAL
    (instance,) = instances.values()
    value = instance.get("value")
    if type(value) is float:
        return value
    if type(value) is str:
        return value[:TEXT_LENGTH]
    if type(value) is int:
        return number_key(value)
    return None if type(value) is bool else SEVERAL


def number_key(number: int | float) -> int | float:
    """Return a number as SQLite can hold it. Keeps order, not exactness, beyond 64 bits."""
    return number if -LARGEST <= number <= LARGEST else float(number)


def _scalars(value: Any, mapping: bool = False) -> Iterator[Any]:
    if isinstance(value, list):
        for part in value:
            yield from _scalars(part, mapping)
    elif isinstance(value, dict) and mapping:
        for part in value.values():
            yield from _scalars(part)
    else:
        yield value
