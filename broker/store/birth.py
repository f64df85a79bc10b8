"""A work that says what it does: it creates one entity and looks at nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from broker.model.entity import Entity
from broker.store.contract import Record, Tx


class Birth:
    """A work that stores `fragment`, a parsed entity, as it is first stored.

    It is run as any other (`work`). An engine may instead do what it would do, where no entity has
    the id, no rules by type are set, and nothing of the entity expires. It then shows `may` the
    entity, which raises where that is refused, before it writes anything.
    """

    __slots__ = ("fragment", "may", "work")

    def __init__(
        self,
        work: Callable[[Tx], Awaitable[Record]],
        fragment: Entity,
        may: Callable[[Entity], None],
    ) -> None:
        self.work = work
        self.fragment = fragment
        self.may = may

    def __call__(self, tx: Tx) -> Awaitable[Record]:
        return self.work(tx)

    def answer(self, record: Record) -> Record:
        """Return what the work returns of the record it stored."""
        return record
