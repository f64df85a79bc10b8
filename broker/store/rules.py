"""The rules by type, checked on every change (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Context, Decimal
from typing import Any

import orjson

from broker.errors import Conflict
from broker.model.entity import DEFAULT, PRIMARY, Entity
from broker.model.expiry import first_expiry
from broker.store.contract import TypeRules

EXACT = Context(prec=1000)
"""Adds any two numbers that JSON can write in 64 bits without rounding."""


def check_change(
    rules: Mapping[str, TypeRules], client: str | None, before: Entity | None, after: Entity | None
) -> None:
    """Refuse a change that breaks `append_only`, `writers` or `bounded`; raises Conflict.

    `client` is None where the store itself removes what has expired.
    """
    entity = after or before
    assert entity is not None
    for type_iri, rule in _applying(rules, before, after):
        if rule.append_only and before is not None:
            raise _broken(
                "appendOnly",
                type_iri,
                entity["id"],
                "entities of this type are created, never changed or deleted",
                "Create a new entity that corrects this one.",
            )
        if rule.append_only and after is not None and first_expiry(after) is not None:
            raise _broken(
                "appendOnly",
                type_iri,
                entity["id"],
                "entities of this type stay, and cannot have an expiresAt",
                "Leave expiresAt out.",
            )
        if after is not None and _ends(rule, after):
            raise _broken(
                "balanced",
                type_iri,
                entity["id"],
                "what is summed would go by itself, with nothing to balance it",
                "Leave expiresAt out of the entity and of what is summed.",
            )
        if rule.writers is not None and client is not None and client not in rule.writers:
            raise _broken(
                "writer",
                type_iri,
                entity["id"],
                f"the client {client!r} may not write entities of this type",
                "Let one of the clients named in the rule make this change.",
            )
        if after is not None and type_iri in after["type"]:
            _check_bounds(type_iri, rule, before, after)


class Balance:
    """The running sums of `balanced` attributes over one unit of work."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str, str], Decimal] = {}
        self._last: dict[tuple[str, str, str], str] = {}

    def add(
        self, rules: Mapping[str, TypeRules], before: Entity | None, after: Entity | None
    ) -> None:
        """Take one change into the sums: `after` counts up, `before` down."""
        for entity, sign in ((before, -1), (after, 1)):
            if entity is None:
                continue
            for type_iri in entity["type"]:
                rule = rules.get(type_iri)
                if rule is not None and rule.balanced is not None:
                    self._post(type_iri, rule.balanced, rule.balanced_by, entity, sign)

    def check(self) -> None:
        """Refuse a unit of work whose sums are not zero; raises Conflict."""
        for key, total in self._sums.items():
            if total:
                type_iri, attribute, group = key
                within = f" for {group}" if group else ""
                raise _broken(
                    "balanced",
                    type_iri,
                    self._last[key],
                    f"the changes of {attribute}{within} sum to {total:f}, not to zero",
                    "Send the postings that balance each other in one transaction.",
                )

    def _post(
        self, type_iri: str, attribute: str, by: str | None, entity: Entity, sign: int
    ) -> None:
        key = (type_iri, attribute, _group(entity, by))
        total = self._sums.get(key, Decimal(0))
        for number in numbers(entity, attribute):
            total = EXACT.add(total, Decimal(sign) * Decimal(repr(number)))
            self._last[key] = entity["id"]
        self._sums[key] = total


def numbers(entity: Entity, attribute: str) -> Iterator[int | float]:
    """Yield the numbers that are values of the attribute's instances."""
    for instance in entity["attrs"].get(attribute, {}).values():
        value = instance.get("value")
        if value.__class__ is int or value.__class__ is float:
            yield value


def _applying(
    rules: Mapping[str, TypeRules], before: Entity | None, after: Entity | None
) -> Iterator[tuple[str, TypeRules]]:
    types = dict.fromkeys((before or {}).get("type", ()))
    types.update(dict.fromkeys((after or {}).get("type", ())))
    for type_iri in types:
        rule = rules.get(type_iri)
        if rule is not None:
            yield type_iri, rule


def _ends(rule: TypeRules, entity: Entity) -> bool:
    """Say whether something that a `balanced` rule sums has an expiresAt."""
    if rule.balanced is None:
        return False
    summed = (entity["attrs"].get(name or "", {}) for name in (rule.balanced, rule.balanced_by))
    return "expiresAt" in entity or any(
        "expiresAt" in one for instances in summed for one in instances.values()
    )


def _check_bounds(type_iri: str, rule: TypeRules, before: Entity | None, entity: Entity) -> None:
    """Check the numbers this change writes: what it leaves alone is none of its business.

    A number that is out of bounds since before the rule was set blocks no other edit, and does
    not show itself to a caller who may not see it.
    """
    old = before["attrs"] if before is not None and type_iri in before["type"] else {}
    for attribute, minimum, maximum in rule.bounded:
        if attribute in old and old[attribute] == entity["attrs"].get(attribute):
            continue
        for number in numbers(entity, attribute):
            if (minimum is not None and number < minimum) or (
                maximum is not None and number > maximum
            ):
                low = "" if minimum is None else f" at least {minimum:g}"
                high = "" if maximum is None else f" at most {maximum:g}"
                raise _broken(
                    "bounded",
                    type_iri,
                    entity["id"],
                    f"{attribute} would be {number} and must be{low}{high}",
                    "Send a value within the bounds, or a smaller change.",
                )


def _group(entity: Entity, by: str | None) -> str:
    """Return the value of `by` as JSON text: the group a posting belongs to; "" without it."""
    if by is None:
        return ""
    instances = entity["attrs"].get(by, {})
    instance: dict[str, Any] = instances.get(DEFAULT) or next(iter(instances.values()), {})
    value = instance.get(PRIMARY.get(instance.get("type", ""), "value"))
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _broken(rule: str, type_iri: str, entity_id: str, why: str, remedy: str) -> Conflict:
    return Conflict(
        f"The rule {rule} of type {type_iri} refuses the change of {entity_id}: {why}.",
        place="body:",
        remedy=remedy,
        rule=rule,
        entityType=type_iri,
        entityId=entity_id,
    )
