"""A work that says what it does: most updates put one instance in the place of another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, TypeVar

from broker.model.entity import DEFAULT, Entity, Instance
from broker.store.contract import Record, Tx

R = TypeVar("R")

_APART: Final = frozenset(("attrs", "expiresAt"))
"""Members of an instance that are looked at together with the rest of its entity."""


class Swap(Generic[R]):
    """A work that stamps `instance` and puts it in the place of the only one of an attribute.

    It is run as any other (`work`). An engine may instead do what it would do, and return the
    record and `told`, where the entity is there, its attribute `iri` has one instance, the
    default one, neither has sub-attributes, and nothing of either expires. It then shows `may`,
    unless that is None, the entity before and after, which raises where that is refused, before it
    writes anything.
    """

    __slots__ = ("entity_id", "instance", "iri", "may", "told", "work")

    def __init__(
        self,
        work: Callable[[Tx], Awaitable[tuple[Record, R]]],
        entity_id: str,
        iri: str,
        instance: Instance,
        may: Callable[[Entity, Entity], None] | None,
        told: R,
    ) -> None:
        self.work = work
        self.entity_id = entity_id
        self.iri = iri
        self.instance = instance
        self.may = may
        self.told = told

    def __call__(self, tx: Tx) -> Awaitable[tuple[Record, R]]:
        return self.work(tx)

    def answer(self, record: Record) -> tuple[Record, R]:
        """Return what the work returns of the record it stored."""
        return record, self.told


def swapped(fragment: Entity) -> tuple[str, Instance] | None:
    """Return attribute and instance where a fragment is nothing but one that can be swapped."""
    attrs: dict[str, dict[str, Any]] = fragment["attrs"]
    if len(fragment) != 1 or len(attrs) != 1:
        return None
    ((iri, instances),) = attrs.items()
    instance = instances.get(DEFAULT)
    if instance is None or len(instances) != 1 or not _APART.isdisjoint(instance):
        return None
    return iri, instance
