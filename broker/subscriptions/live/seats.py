"""How many streams there may be, in all and for one caller."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from broker.errors import ServiceUnavailable, TooManyStreams
from broker.guard import ANYONE, Caller


class Seats:
    """Counts connections that listen. Callers nothing is known of are counted in all only."""

    def __init__(self, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._taken: Counter[Caller] = Counter()
        self.total = 0

    def check(self, caller: Caller) -> None:
        """Raise TooManyStreams or ServiceUnavailable where one more is too many."""
        if self.total >= self._most:
            raise ServiceUnavailable(
                f"This broker serves {self._most} streams at a time, and they are all taken.",
                place="broker",
                remedy="Try again later, or start the broker with a larger --max-streams.",
            )
        if caller != ANYONE and self._taken[caller] >= self._most_each:
            raise TooManyStreams(
                f"This caller has {self._most_each} streams open, which is the most.",
                place="caller",
                remedy="Close one, or carry several subscriptions on one WebSocket.",
            )

    @contextmanager
    def taken(self, caller: Caller) -> Iterator[None]:
        """Hold a seat for as long as the block runs."""
        self.total += 1
        self._taken[caller] += 1
        try:
            yield
        finally:
            self.total -= 1
            self._taken[caller] -= 1
            if not self._taken[caller]:
                del self._taken[caller]
