"""Forgets the oldest changes, and what the feed tells of who was deleted, one slice at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import apsw

from broker.store.sqlite import feed
from broker.store.sqlite.connection import runner
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.forgetting import forget_slice
from broker.store.sqlite.mover import Mover, Submit
from broker.store.sqlite.pending import Pending
from broker.store.sqlite.queuing import Queuing
from broker.store.sqlite.town import Town

Enter: TypeAlias = Callable[[str, bool, Effects], Town]


class Forgetter:
    """Forgets in transactions of its own, up to what the index has of all changes.

    `enter` gives a tenant for writing, `queuing` is told what is no longer due.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        pending: Pending,
        mover: Mover,
        queuing: Queuing,
        enter: Enter,
        submit: Submit,
    ) -> None:
        self._connection = connection
        self._run = runner(connection)
        self._pending = pending
        self._mover = mover
        self._queuing = queuing
        self._enter = enter
        self._submit = submit

    async def prune(self, before: str, until: int, pruned: Callable[[int], None]) -> int:
        """Forget changes up to `until` and remembered answers older than a time; return how many.

        `pruned` is called with the newest change that is forgotten, after each slice.
        """
        forgotten, more = 0, True
        await self._mover.until(until)
        while more:
            count, newest, more = await self._submit(partial(self._prune_slice, before))
            if newest:
                pruned(newest)
            forgotten += count
        while count := await self._submit(
            lambda effects: feed.prune_answers(self._connection, before)
        ):
            forgotten += count
        return forgotten

    async def forget(self, tenant: str, entity_id: str, until: int) -> int:
        """Forget what was told of an entity up to its newest deletion; return how many changes."""
        await self._mover.until(until)
        forgotten, more = 0, True
        while more:
            count, more = await self._submit(partial(self._forget_slice, tenant, entity_id))
            forgotten += count
        return forgotten

    def _prune_slice(self, before: str, effects: Effects) -> tuple[int, int, bool]:
        pruned = feed.prune_changes(self._connection, before, self._pending.indexed)
        self._queuing.expire(pruned[1], before, effects)
        return pruned

    def _forget_slice(self, tenant: str, entity_id: str, effects: Effects) -> tuple[int, bool]:
        town = self._enter(tenant, False, effects)
        found = forget_slice(self._run, town.tid, entity_id, self._pending.indexed)
        if found is None:
            return 0, False
        seqs, more = found
        self._queuing.forget(tenant, None if more else entity_id, seqs, effects)
        feed.vacuum(self._connection)
        return len(seqs), more
