"""Orders → keys of entities in Python, and ORDER BY terms in SQL: both give the same order.

The Python side says what is meant; `broker.query.order` has the keys of single values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from broker.model.entity import DEFAULT, PRIMARY, Entity, Instance
from broker.query.ast import Order
from broker.query.order import MISSING, Key, behind, group, value_key

ABSENT: Any = object()


def sort_entities(
    entities: list[Any], orders: Sequence[Order], of: Callable[[Any], Entity]
) -> None:
    """Sort in place by `orders`; `of` gives the entity of an element. Equal ones stay in order."""
    for order in reversed(orders):
        keys = [(each, *_keys(of(each), order)) for each in entities]
        keys.sort(key=lambda keyed: _comparable(keyed[2]), reverse=order.descending)
        keys.sort(key=lambda keyed: keyed[1])
        entities[:] = [each for each, _, _ in keys]


def _keys(entity: Entity, order: Order) -> tuple[int, Key]:
    kind, value = next(_targets(entity, order), ("", ABSENT))
    distance = order.reference is not None
    if value is ABSENT:
        key: Key = MISSING
    elif distance and kind == "GeoProperty":
        from broker.query.shapes import metres_from

        key = metres_from(order.reference)(value)
    else:
        key = value_key(order.collation, value)
        key = behind(key) if distance else key
    return group(key, distance), key


def _comparable(key: Key) -> tuple[bool, Key]:
    return (isinstance(key, bytes), key)


def _targets(entity: Entity, order: Order) -> Iterator[tuple[str, Any]]:
    """Yield what a path leads to, default instances first: (kind, value).

    The kind is that of the instance whose value it is, empty where it is something within.
    """
    path = order.path
    if not path.names:
        value = entity.get(path.member or "", ABSENT)
        if path.member in ("type", "scope") and value is not ABSENT and len(value) == 1:
            (value,) = value
        value = _enter(value, path.keys)
        if value is not ABSENT:
            yield "", value
        return
    for instance, dataset, created in _instances(entity, path.names, entity.get("createdAt")):
        value = _value(instance, dataset, created, path.member)
        value = _enter(value, path.keys)
        if value is not ABSENT:
            whole = path.member is None and not path.keys
            yield instance["type"] if whole else "", value


def _instances(
    owner: dict[str, Any], names: tuple[str, ...], created: Any
) -> Iterator[tuple[Instance, str, Any]]:
    instances = owner.get("attrs", {}).get(names[0], {})
    for dataset in sorted(instances, key=lambda each: each != DEFAULT):
        instance = instances[dataset]
        since = instance.get("createdAt", created)
        if len(names) == 1:
            yield instance, dataset, since
        else:
            yield from _instances(instance, names[1:], since)


def _value(instance: Instance, dataset: str, created: Any, member: str | None) -> Any:
    if member is None:
        return instance.get(PRIMARY[instance["type"]], ABSENT)
    if member == "datasetId":
        return ABSENT if dataset == DEFAULT else dataset
    if member == "createdAt":
        return ABSENT if created is None else created
    if member == "modifiedAt":
        value = instance.get("modifiedAt", created)
        return ABSENT if value is None else value
    return instance.get(member, ABSENT)


def _enter(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        if value.__class__ is not dict:
            return ABSENT
        value = value.get(key, ABSENT)
    return value


def sql_value_key(collation: str, kind: str | None, value: Any) -> Key:
    """Return the key of a value as SQLite's JSON functions give it: its JSON type and value."""
    if kind is None:
        return MISSING
    if kind in ("object", "array"):
        return value_key(collation, orjson.loads(value))
    if kind in ("true", "false"):
        return value_key(collation, kind == "true")
    return value_key(collation, None if kind == "null" else value)
