"""Bringing a file into history: many entries a commit, each with its place in the file."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from broker.store.contract import Store
from machi.history.sources import Source

BATCH = 4000
"""Entries in one commit."""

Progress = Callable[[int, int], None]
"""Told after each commit: bytes read of how many."""


async def bring(store: Store, tenant: str, source: Source, name: str, progress: Progress) -> int:
    """Record what a source tells; return how many attribute instances were read.

    Goes on where an earlier run of the same source was interrupted. What history has already is
    kept once. Raises UnreadableSource; what was read before stays.
    """
    place = await store.history.place(name)
    entries = source.entries(place)
    count = 0
    while batch := list(islice(entries, BATCH)):
        place += len(batch)
        await store.history.record(tenant, batch, create_tenant=True, place=(name, place))
        count += sum(len(entry.facts) for entry in batch)
        progress(source.done, source.size)
    await store.history.record(tenant, (), create_tenant=True, place=(name, 0))
    return count
