"""What of the queues is this broker's, as it knows at the moment.

Two questions differ. Who owns a queue is decided by the database: in a transaction the answer is
exact, and what a late owner writes is refused. Whether to go on sending is asked at any moment:
not once the last sign of life is so old that others may soon take this broker for dead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from broker.store.mongodb.slots import FIRST, Slots, slot_of

LEASE: Final = 3.0
"""Seconds for which a sign of life lets a broker deliver; shorter than `replicas.SILENCE`."""


class Sharing:
    """A broker's part. `monotonic` gives seconds of a clock that never jumps."""

    def __init__(self, name: str, monotonic: Callable[[], float]) -> None:
        self.name = name
        self.slots = Slots()
        self.giving: frozenset[int] = frozenset()
        """Slots that are being handed over."""
        self._monotonic = monotonic
        self._until = 0.0

    def renew(self, since: float) -> bool:
        """Note a sign of life that was begun at a moment; tell whether the one before was over."""
        over = not self.alive
        self._until = since + LEASE
        return over

    @property
    def alive(self) -> bool:
        """Tell whether others take this broker to be there."""
        return self._monotonic() < self._until

    def owns(self, sid: int) -> bool:
        """Tell whether a queue is this broker's by the newest turn that was taken over."""
        return self.slots.owners[slot_of(sid)] == self.name

    def keeps(self, sid: int) -> bool:
        """Tell whether a queue is this broker's, and is not being handed over."""
        return self.owns(sid) and slot_of(sid) not in self.giving

    def mine(self, sid: int) -> bool:
        """Tell whether this broker may deliver a queue now."""
        return self.keeps(sid) and self.alive

    def leads(self) -> bool:
        """Tell whether this broker does what is done once for all."""
        return self.slots.owners[FIRST] == self.name and self.alive

    def deal(self, slots: Slots) -> frozenset[int]:
        """Take over who owns what; return the slots that are new here."""
        before, self.slots = self.slots.of(self.name), slots
        return slots.of(self.name) - before
