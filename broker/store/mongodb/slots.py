"""Which replica has which queues: subscriptions are dealt out in slots (pure).

A slot has one owner at a time. Where an owner is gone, its slots go to those who have fewest at
once. Where somebody has more than its share, it hands slots over itself, once it has let go.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

SLOTS: Final = 64
NOBODY: Final = ""
STRIDE: Final = 29
"""Prime to `SLOTS`: subscriptions made one after another go to different brokers."""
FIRST: Final = 0
"""Whoever has this slot also does what is done once for all."""


def slot_of(sid: int) -> int:
    """Return the slot of a subscription."""
    return sid % SLOTS


@dataclass(frozen=True, slots=True)
class Slots:
    """Who is there, and who owns each slot."""

    members: tuple[str, ...] = ()
    owners: tuple[str, ...] = (NOBODY,) * SLOTS

    def of(self, name: str) -> frozenset[int]:
        """Return the slots somebody owns."""
        return frozenset(slot for slot, owner in enumerate(self.owners) if owner == name)

    def joined(self, name: str) -> Slots:
        """Return the slots with one who came; it gets those that nobody has."""
        if name in self.members:
            return self
        return Slots((*self.members, name), self.owners)._dealt()

    def left(self, name: str) -> Slots:
        """Return the slots without one who went; the others get what it had."""
        members = tuple(one for one in self.members if one != name)
        owners = tuple(NOBODY if owner == name else owner for owner in self.owners)
        return Slots(members, owners)._dealt()

    def too_many(self, name: str) -> frozenset[int]:
        """Return the slots that somebody has beyond its share, from all over."""
        if name not in self.members:
            return frozenset()
        most = -(-SLOTS // len(self.members))
        return frozenset(sorted(self.of(name), key=lambda slot: slot * STRIDE % SLOTS)[most:])

    def handed_over(self, name: str, slots: frozenset[int]) -> Slots:
        """Return the slots with some of somebody's dealt out to others."""
        given = slots & self.of(name)
        owners = tuple(NOBODY if slot in given else owner for slot, owner in enumerate(self.owners))
        return Slots(self.members, owners)._dealt()

    def _dealt(self) -> Slots:
        if not self.members:
            return self
        has = Counter(self.owners)
        owners = []
        for owner in self.owners:
            to = owner
            if owner == NOBODY:
                to = min(self.members, key=lambda one: (has[one], one))
                has[to] += 1
            owners.append(to)
        return Slots(self.members, tuple(owners))
