"""AST → Python predicate on the expanded entity: the meaning of every query (§4.9, §4.10).

The other compilers are held equal to this one. How a condition reads its target:

- any instance of the attribute may satisfy it, and any instance of a sub-attribute in turn;
- `==` looks at the value or, in an array, at its elements; `!=` asks that the target exists and
  `==` does not hold; the other operators look at scalars only, never into arrays;
- values of different kinds are never equal and never ordered; integers and floats are numbers,
  booleans are not; texts are ordered by code points; times compare as instants with texts that
  are written as such;
- without a language, a LanguageProperty offers the texts of all its languages;
- Relationship, ListRelationship and VocabProperty answer only `==` and `!=` with texts.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, TypeAlias

from broker.model.entity import DEFAULT, TARGETS, Entity, Instance
from broker.query.ast import (
    And,
    Compare,
    Exists,
    Geo,
    HasType,
    IdIn,
    IdMatches,
    Linked,
    Node,
    Not,
    Op,
    Or,
    Path,
    ScopeMatches,
)
from broker.query.moment import clock, instant
from broker.query.operands import (
    INT64_MAX,
    INT64_MIN,
    Family,
    Operands,
    keyed,
    number,
    sort_operands,
)
from broker.query.regex import compile_pattern

Predicate: TypeAlias = Callable[[Entity], bool]
Find: TypeAlias = Callable[[str], Entity | None]
"""From an id to the entity, None where there is none."""
Test: TypeAlias = Callable[[Any], bool]
Reader: TypeAlias = Callable[[Instance, str, str], Any]
"""(instance, its dataset, its owner's createdAt) → the target, or MISSING."""

MISSING: Any = object()


class Texts(list[Any]):
    """The texts of a LanguageProperty: each of them is a target."""


class Uris(list[str]):
    """The URIs of a Relationship or VocabProperty: comparable for equality only."""


def _nobody(entity_id: str) -> Entity | None:
    return None


def compile_predicate(node: Node, find: Find = _nobody) -> Predicate:
    """Return a function that tells whether an entity satisfies `node`.

    `find` gives the entities that conditions on linked entities look at; by default there are
    none.
    """
    match node:
        case And(nodes):
            return _all([compile_predicate(each, find) for each in nodes])
        case Or(nodes):
            return _any([compile_predicate(each, find) for each in nodes])
        case Not(inner):
            test = compile_predicate(inner, find)
            return lambda entity: not test(entity)
        case Linked(relationship, inner):
            return _linked(relationship, compile_predicate(inner, find), find)
        case HasType(iri):
            return lambda entity: iri in entity["type"]
        case IdIn(ids):
            wanted = frozenset(ids)
            return lambda entity: entity["id"] in wanted
        case IdMatches(pattern):
            search = compile_pattern(pattern).search
            return lambda entity: search(entity["id"]) is not None
        case ScopeMatches(pattern):
            found = compile_pattern(pattern).search
            return lambda entity: any(found(each) is not None for each in entity.get("scope", ()))
        case Exists(path):
            return _on_path(path, lambda target: target is not MISSING)
        case Compare(path, op, operands):
            return _on_path(path, _comparison(op, operands))
        case Geo():
            return _geo(node)


def _all(tests: list[Predicate]) -> Predicate:
    if len(tests) == 1:
        return tests[0]

    def test(entity: Entity) -> bool:
        for each in tests:  # noqa: SIM110 - faster than a generator, and hot
            if not each(entity):
                return False
        return True

    return test


def _any(tests: list[Predicate]) -> Predicate:
    def test(entity: Entity) -> bool:
        for each in tests:  # noqa: SIM110 - faster than a generator, and hot
            if each(entity):
                return True
        return False

    return test


def _linked(relationship: str, test: Predicate, find: Find) -> Predicate:
    def holds(entity: Entity) -> bool:
        for instance in entity["attrs"].get(relationship, {}).values():
            member = TARGETS.get(instance["type"])
            target = () if member is None else instance[member]
            for uri in (target,) if isinstance(target, str) else target:
                linked = find(uri)
                if linked is not None and test(linked):
                    return True
        return False

    return holds


def _geo(node: Geo) -> Predicate:
    from broker.query.shapes import compile_geo

    holds = compile_geo(node)
    attribute = node.attribute

    def test(entity: Entity) -> bool:
        for instance in entity["attrs"].get(attribute, {}).values():
            if instance["type"] == "GeoProperty" and holds(instance.get("value")):
                return True
        return False

    return test


def _on_path(path: Path, test: Test) -> Predicate:
    if not path.names:
        return _on_entity_member(path, test)
    read = _reader(path)
    first, *rest = path.names
    if rest:
        return _on_sub_attribute(path.names, read, test)

    def on_attribute(entity: Entity) -> bool:
        instances = entity["attrs"].get(first)
        if instances is None:
            return False
        created = entity.get("createdAt", MISSING)
        for dataset, instance in instances.items():
            if test(read(instance, dataset, created)):
                return True
        return False

    return on_attribute


def _on_sub_attribute(names: tuple[str, ...], read: Reader, test: Test) -> Predicate:
    last = len(names) - 1

    def within(owner: dict[str, Any], created: str, level: int) -> bool:
        for dataset, instance in owner.get("attrs", {}).get(names[level], {}).items():
            if level == last:
                if test(read(instance, dataset, created)):
                    return True
            elif within(instance, instance.get("createdAt", created), level + 1):
                return True
        return False

    return lambda entity: within(entity, entity.get("createdAt", MISSING), 0)


def _on_entity_member(path: Path, test: Test) -> Predicate:
    member, keys = path.member or "", path.keys
    return lambda entity: test(_enter(entity.get(member, MISSING), keys))


def _reader(path: Path) -> Reader:
    member, keys = path.member, path.keys
    if member is None:
        return lambda instance, dataset, created: _value(instance, keys)
    if member == "datasetId":
        return lambda instance, dataset, created: (
            MISSING if dataset == DEFAULT else _enter(dataset, keys)
        )
    if member == "createdAt":
        return lambda instance, dataset, created: _enter(instance.get(member, created), keys)
    if member == "modifiedAt":
        return lambda instance, dataset, created: _enter(
            instance.get(member, instance.get("createdAt", created)), keys
        )
    return lambda instance, dataset, created: _enter(instance.get(member, MISSING), keys)


def _value(instance: Instance, keys: tuple[str, ...]) -> Any:
    kind = instance["type"]
    if kind == "Property" or kind == "GeoProperty":
        value = instance.get("value", MISSING)
        return _enter(value, keys) if keys else value
    if kind == "LanguageProperty":
        languages = instance.get("languageMap", {})
        if not keys:
            return Texts(languages.values())
        if keys == ("*",):
            return Texts(languages.values()) if languages else MISSING
        return _enter(languages, keys)
    if kind == "JsonProperty":
        return _enter(instance.get("json", MISSING), keys)
    if kind == "ListProperty":
        return _enter(instance.get("valueList", MISSING), keys)
    if keys:
        return MISSING
    if kind == "Relationship":
        uris = instance.get("object", ())
    else:
        uris = instance.get("objectList" if kind == "ListRelationship" else "vocab", ())
    return Uris((uris,) if isinstance(uris, str) else uris)


def _enter(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        if value.__class__ is not dict:
            return MISSING
        value = value.get(key, MISSING)
    return value


def _comparison(op: Op, operands: tuple[Any, ...]) -> Test:
    if op is Op.EQ:
        return _equality(sort_operands(operands))
    if op is Op.NE:
        equal = _equality(sort_operands(operands))
        return lambda target: target is not MISSING and not equal(target)
    (operand,) = operands
    if op is Op.MATCH:
        return _on_texts(_search(operand))
    if op is Op.NOT_MATCH:
        return _on_all_texts(_search(operand))
    return _on_scalars(_ordering(op, operand))


def _equality(operands: Operands) -> Test:
    equal = _equal_scalar(operands)
    texts = frozenset(operands.keys.get(Family.TEXT, ()))

    def test(target: Any) -> bool:
        kind = target.__class__
        if kind is list:
            return any(map(equal, target))
        if kind is Uris:
            return not texts.isdisjoint(target)
        if kind is Texts:
            return any(
                any(map(equal, text)) if text.__class__ is list else equal(text) for text in target
            )
        return equal(target)

    return test


def _equal_scalar(operands: Operands) -> Test:
    keys = {family: frozenset(found) for family, found in operands.keys.items()}
    numbers = keys.get(Family.NUMBER, frozenset())
    texts = keys.get(Family.TEXT, frozenset())
    booleans = keys.get(Family.BOOLEAN, frozenset())
    instants = keys.get(Family.INSTANT, frozenset())
    clocks = keys.get(Family.CLOCK, frozenset())
    ranges = {
        family: [(low, high) for kind, low, high in operands.ranges if kind is family]
        for family in Family
    }

    def within(family: Family, key: Any) -> bool:
        return any(low <= key <= high for low, high in ranges[family])

    has_times = bool(instants or clocks or ranges[Family.INSTANT] or ranges[Family.CLOCK])

    def equal_time(text: str) -> bool:
        key = instant(text)
        if key is not None:
            return key in instants or within(Family.INSTANT, key)
        key = clock(text)
        return key is not None and (key in clocks or within(Family.CLOCK, key))

    def equal(value: Any) -> bool:
        kind = value.__class__
        if kind is str:
            if value in texts or (ranges[Family.TEXT] and within(Family.TEXT, value)):
                return True
            return has_times and equal_time(value)
        if kind is float or kind is int:
            value = number(value)
            return value in numbers or within(Family.NUMBER, value)
        return kind is bool and value in booleans

    return equal


_ORDER: dict[Op, Callable[[Any, Any], bool]] = {
    Op.GT: operator.gt,
    Op.GE: operator.ge,
    Op.LT: operator.lt,
    Op.LE: operator.le,
}


def _ordering(op: Op, operand: Any) -> Test:
    compare = _ORDER[op]
    found = keyed(operand)
    if found is None or found[0] is Family.BOOLEAN:
        return lambda value: False
    family, bound = found
    if family is Family.NUMBER:

        def on_number(value: Any) -> bool:
            if value.__class__ is float:
                return compare(value, bound)
            if value.__class__ is int:
                exact = INT64_MIN <= value <= INT64_MAX
                return compare(value if exact else float(value), bound)
            return False

        return on_number
    if family is Family.TEXT:
        return lambda value: value.__class__ is str and compare(value, bound)
    key_of = instant if family is Family.INSTANT else clock

    def on_time(value: Any) -> bool:
        key = key_of(value) if value.__class__ is str else None
        return key is not None and compare(key, bound)

    return on_time


def _search(pattern: str) -> Test:
    search = compile_pattern(pattern).search
    return lambda text: search(text) is not None


def _on_scalars(test: Test) -> Test:
    def on_target(target: Any) -> bool:
        if target.__class__ is Texts:
            return any(map(test, target))
        return test(target)

    return on_target


def _on_texts(test: Test) -> Test:
    return _on_scalars(lambda value: value.__class__ is str and test(value))


def _on_all_texts(test: Test) -> Test:
    """Hold where the target is a text, or has texts in some language, and none passes `test`."""

    def on_target(target: Any) -> bool:
        texts = target if target.__class__ is Texts else (target,)
        found = [text for text in texts if text.__class__ is str]
        return bool(found) and not any(map(test, found))

    return on_target
