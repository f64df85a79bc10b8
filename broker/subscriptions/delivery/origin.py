"""What the queues that deliver to one server share: its breaker and its share of tries."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from broker.subscriptions.delivery.breaker import Breaker
from broker.subscriptions.delivery.policy import Policy
from broker.subscriptions.delivery.queue import Queue

MOST: Final = 16
"""Tries under way to one server; fewer while it has not answered."""
STRANGER: Final = 2


class Origin:
    """One server (scheme, host, port). `ready` queues wait for a turn, `shut` for the breaker.

    `timer` is set for the next probe, at `probe_at`.
    """

    __slots__ = ("breaker", "known", "name", "probe_at", "ready", "running", "shut", "timer")

    def __init__(self, name: str, policy: Policy) -> None:
        self.name = name
        self.breaker = Breaker(policy)
        self.known = False
        self.running = 0
        self.ready: deque[Queue] = deque()
        self.shut: dict[int, Queue] = {}
        self.timer: Callable[[], None] | None = None
        self.probe_at = 0.0

    @property
    def room(self) -> bool:
        """Tell whether one more queue may run: a server that does not answer gets little."""
        if self.breaker.failed or self.breaker.shut:
            return self.running < 1
        return self.running < (MOST if self.known else STRANGER)

    @property
    def unused(self) -> bool:
        """Tell whether nothing is kept here that would be missed."""
        return not (self.running or self.ready or self.shut or self.breaker.failed)
