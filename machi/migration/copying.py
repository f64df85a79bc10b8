"""Copying a store slice by slice. What was interrupted goes on with the slice it was at."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from broker.store.exchange import Ends, ExchangeError, Sort, Source, Target, canonical

SLICE: Final = 1000
"""Items of one slice, about."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a copy is: items of one sort, and of all."""

    sort: Sort
    done: int
    of: int
    done_in_all: int
    in_all: int


Progress: TypeAlias = Callable[[Step], None]
"""Told after each slice."""


async def copy(source: Source, target: Target, progress: Progress, size: int = SLICE) -> int:
    """Copy all that a store has and finish the target; return how many items it has.

    Raises ExchangeError where the target was begun with another source, or the source has
    changed since, whatever was copied by then.
    """
    ends = await source.ends()
    noted = dict(await target.progress()) or {"source": state(ends), "sorts": {}}
    if noted["source"] != state(ends):
        raise ExchangeError(
            "The target is an unfinished copy of another source, or the source has changed since: "
            "empty the target and begin anew."
        )
    sorts: dict[str, Any] = noted["sorts"]
    counts = {sort: await source.count(sort) for sort in Sort}
    for sort in Sort:
        at = sorts.setdefault(sort.value, {"place": None, "count": 0})
        while True:
            part = await source.slice(sort, at["place"], size)
            if not part.items:
                break
            at["place"], at["count"] = part.place, at["count"] + len(part.items)
            await target.write(sort, part.items, noted)
            copied = sum(each["count"] for each in sorts.values())
            progress(Step(sort, at["count"], counts[sort], copied, sum(counts.values())))
    if await source.ends() != ends:
        raise ExchangeError("The source has changed meanwhile: stop its brokers, and begin anew.")
    await target.finish(ends)
    return sum(each["count"] for each in sorts.values())


def state(ends: Ends) -> str:
    """Return by what a source is known again, as long as nothing was written to it."""
    return hashlib.sha256(canonical(ends)).hexdigest()
