"""What queues share that deliver to one server, or to one endpoint of it."""

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
DOUBTED: Final = 2
"""Tries under way to endpoints of one server that did not answer last time."""


class Target:
    """One endpoint. `ready` queues wait for a turn, `shut` ones for the breaker.

    `timer` is set for the next probe, at `probe_at`.
    """

    __slots__ = ("breaker", "name", "origin", "probe_at", "ready", "running", "shut", "timer")

    def __init__(self, name: str, origin: Origin, policy: Policy) -> None:
        self.name = name
        self.origin = origin
        self.breaker = Breaker(policy)
        self.running = 0
        self.ready: deque[Queue] = deque()
        self.shut: dict[int, Queue] = {}
        self.timer: Callable[[], None] | None = None
        self.probe_at = 0.0

    @property
    def doubted(self) -> bool:
        """Tell whether the endpoint did not answer last time."""
        return bool(self.breaker.failed) or self.breaker.shut

    @property
    def unused(self) -> bool:
        """Tell whether nothing is kept here that would be missed."""
        return not (self.running or self.ready or self.shut or self.breaker.failed)


class Origin:
    """One server (scheme, host, port). `waiting` targets have queues that wait for a turn."""

    __slots__ = ("_doubted", "known", "name", "running", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.known = False
        self.running = 0
        self.waiting: dict[str, Target] = {}
        self._doubted = 0

    def room(self, target: Target) -> bool:
        """Tell whether one more try may go out: one to an endpoint that does not answer at a time.

        A few of them together cannot take the turns of those of the server that do.
        """
        if self.running >= (MOST if self.known else STRANGER):
            return False
        most = DOUBTED if self.known else 1
        return not target.doubted or (not target.running and self._doubted < most)

    def wait(self, target: Target, queue: Queue) -> None:
        """Let a queue wait for its turn."""
        target.ready.append(queue)
        self.waiting.setdefault(target.name, target)

    def take(self) -> tuple[Queue, Target] | None:
        """Return the queue whose turn it is, endpoint by endpoint; None without room for any."""
        for target in self.waiting.values():
            if self.room(target):
                queue = target.ready.popleft()
                del self.waiting[target.name]
                if target.ready:
                    self.waiting[target.name] = target
                return queue, target
        return None

    def begin(self, target: Target) -> Callable[[], None]:
        """Count a queue that runs; return what to call at its end."""
        doubted = target.doubted
        self._count(target, 1, doubted)
        return lambda: self._count(target, -1, doubted)

    def _count(self, target: Target, number: int, doubted: bool) -> None:
        self.running += number
        target.running += number
        self._doubted += number * doubted
