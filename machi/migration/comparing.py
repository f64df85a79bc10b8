"""Comparing two stores: of each tenant and sort how many items there are, and their digest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Final, TypeAlias

from broker.store.exchange import Sort, Source, Sum

SLICE: Final = 1000

Key: TypeAlias = tuple[str, Sort]
"""A tenant and a sort."""

Read: TypeAlias = Callable[[int], None]
"""Told how many items were read."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs: a tenant's items of a sort, or a number of the store (`sort` is its name)."""

    tenant: str
    sort: str
    one: str
    other: str


async def sums(source: Source, read: Read, size: int = SLICE) -> dict[Key, Sum]:
    """Return the sums of all that a store has."""
    found: dict[Key, Sum] = {}
    count = 0
    for sort in Sort:
        place = None
        while (part := await source.slice(sort, place, size)).items:
            place = part.place
            for item in part.items:
                tenant = item.tenant
                found.setdefault((tenant, sort), Sum()).add(item)
            count += len(part.items)
            read(count)
    return found


async def differences(
    one: Source, other: Source, read: Read
) -> tuple[list[Difference], Mapping[Key, Sum]]:
    """Return what differs between two stores, and the sums of the first."""
    mine, theirs = await sums(one, read), await sums(other, read)
    found = [
        Difference(tenant, sort.value, _told(a), _told(b))
        for tenant, sort in sorted(mine.keys() | theirs.keys())
        for a, b in [(mine.get((tenant, sort), Sum()), theirs.get((tenant, sort), Sum()))]
        if a != b
    ]
    first, second = asdict(await one.ends()), asdict(await other.ends())
    found += [
        Difference("", name, str(first[name]), str(second[name]))
        for name in first
        if first[name] != second[name]
    ]
    return found, mine


def _told(one: Sum) -> str:
    return f"{one.count} ({one.digest})"
