"""A work that says what it does: a batch puts whole entities in the place of others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from broker.model.entity import Entity
from broker.store.contract import Tx


class Replacement:
    """A work that replaces an entity by `entity`, or creates it; tells whether it was created.

    It is run as any other (`work`). An engine may instead do what it would do, where there is no
    such entity, or it has the same members, types and attributes, each attribute one instance,
    the default one, on both sides, and nothing has sub-attributes or expires. It then shows `may`,
    where there is one, the entity before and after, which raises where that is refused, before it
    writes anything.
    """

    __slots__ = ("entity", "may", "work")

    def __init__(
        self,
        work: Callable[[Tx], Awaitable[bool]],
        entity: Entity,
        may: Callable[[Entity | None, Entity], None] | None,
    ) -> None:
        """Say that `work` replaces; `entity` is as parsed, without system times."""
        self.work = work
        self.entity = entity
        self.may = may

    def __call__(self, tx: Tx) -> Awaitable[bool]:
        return self.work(tx)

    def answer(self, created: bool) -> bool:
        """Return what the work returns where it did, or did not, create the entity."""
        return created
