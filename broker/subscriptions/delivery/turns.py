"""Whose turn it is: which queues run, which pause, and which wait for a server's breaker."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from broker.subscriptions.delivery.breaker import State as Breaking
from broker.subscriptions.delivery.clock import Ticker
from broker.subscriptions.delivery.origin import Origin
from broker.subscriptions.delivery.policy import Fate, Policy, Tried
from broker.subscriptions.delivery.queue import Queue, State

MOST_RUNNING: Final = 256
"""Queues that run at a time."""
GRACE: Final = 2.0
"""Seconds for tries under way to end when the broker stops."""

log = logging.getLogger("machi.broker")


class Turns:
    """Gives queues their turns. `drain` works on a queue; `idle` is told when one has nothing."""

    def __init__(
        self,
        drain: Callable[[Queue], Awaitable[None]],
        idle: Callable[[Queue], None],
        policy: Policy,
        ticker: Ticker,
        draw: Callable[[], float],
    ) -> None:
        self.closing = False
        self._drain = drain
        self._idle = idle
        self._policy = policy
        self._ticker = ticker
        self._draw = draw
        self._origins: dict[str, Origin] = {}
        self._starved: dict[str, Origin] = {}
        self._running: set[asyncio.Future[None]] = set()

    @property
    def running(self) -> int:
        """Return how many queues run."""
        return len(self._running)

    def breakers(self) -> dict[str, Breaking]:
        """Return the state of each server's breaker, by its origin."""
        return {name: one.breaker.state for name, one in self._origins.items() if name}

    def origin(self, name: str) -> Origin:
        """Return what is shared by the queues of a server; `""` is for those not known yet."""
        origin = self._origins.get(name)
        if origin is None:
            origin = self._origins[name] = Origin(name, self._policy)
            origin.known = not name
        return origin

    def ready(self, queue: Queue) -> None:
        """Run a queue now if there is room, or in its turn."""
        origin = self.origin(queue.origin)
        queue.state = State.READY
        full = len(self._running) >= MOST_RUNNING
        if not origin.ready and origin.room and not full:
            self._run(queue, origin)
            return
        origin.ready.append(queue)
        if full:
            self._starved[origin.name] = origin

    def resume(self, queue: Queue) -> None:
        """Give a queue its turn, whatever it was waiting for."""
        self._unpause(queue)
        self.ready(queue)

    def pause(self, queue: Queue, until: float) -> None:
        """Let a queue wait until then."""
        queue.state = State.PAUSED
        queue.timer = self._ticker.at(until, partial(self._wake, queue))

    def shut(self, queue: Queue, origin: Origin) -> None:
        """Let a queue wait until the breaker closes, or it is chosen as the probe."""
        queue.state = State.PAUSED
        origin.shut[queue.sid] = queue
        self._arm(origin, queue.not_before)

    def heard(self, origin: Origin, tried: Tried) -> None:
        """Tell the breaker how a try ended, and those who wait for it."""
        if tried.fate is Fate.NO_ANSWER:
            origin.breaker.silent(self._ticker.monotonic(), self._draw())
            self._rearm(origin)
            return
        origin.known = True
        if origin.breaker.answered():
            log.info("a receiver answers again")
            waiting, origin.shut = origin.shut, {}
            for queue in waiting.values():
                if queue.not_before <= self._ticker.monotonic():
                    self.ready(queue)
                else:
                    self.pause(queue, queue.not_before)

    def tidy(self) -> None:
        """Forget servers that nothing is sent to."""
        for name in [name for name, one in self._origins.items() if name and one.unused]:
            del self._origins[name]

    async def close(self) -> None:
        """Start nothing any more, and end what runs."""
        self.closing = True
        for origin in self._origins.values():
            if origin.timer is not None:
                origin.timer()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _run(self, queue: Queue, origin: Origin) -> None:
        if self.closing:
            return
        queue.state = State.RUNNING
        origin.running += 1
        task = queue.task = asyncio.ensure_future(self._drain(queue))
        self._running.add(task)
        task.add_done_callback(lambda done: self._ended(done, queue, origin))

    def _ended(self, task: asyncio.Future[None], queue: Queue, origin: Origin) -> None:
        self._running.discard(task)
        origin.running -= 1
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the queue of a subscription failed, next try later", exc_info=error)
            self.pause(queue, self._ticker.monotonic() + self._policy.longest)
        elif queue.task is task and queue.state is State.RUNNING:
            if queue.empty:
                queue.state = State.IDLE
                self._idle(queue)
            else:
                self.ready(queue)
        self._next(origin)

    def _next(self, origin: Origin) -> None:
        """Fill the room that became free."""
        if origin.timer is None:
            self._rearm(origin)
        for waiting in (origin, *self._starved.values()):
            while waiting.ready and waiting.room and len(self._running) < MOST_RUNNING:
                self._run(waiting.ready.popleft(), waiting)
            if len(self._running) >= MOST_RUNNING:
                return
        self._starved.clear()

    def _unpause(self, queue: Queue) -> None:
        if queue.timer is not None:
            queue.timer()
            queue.timer = None
        origin = self._origins.get(queue.origin)
        if origin is not None:
            origin.shut.pop(queue.sid, None)

    def _wake(self, queue: Queue) -> None:
        queue.timer = None
        if queue.state is State.PAUSED and not self.closing:
            self.ready(queue)

    def _rearm(self, origin: Origin) -> None:
        """Set the time of the next probe anew."""
        if origin.timer is not None:
            origin.timer()
            origin.timer = None
        if origin.shut:
            self._arm(origin, min(queue.not_before for queue in origin.shut.values()))

    def _arm(self, origin: Origin, first: float) -> None:
        """See that a probe goes out once the breaker admits one and a queue may try (`first`)."""
        if origin.breaker.state is not Breaking.OPEN:
            return
        when = max(origin.breaker.until, first)
        if origin.timer is not None:
            if origin.probe_at <= when:
                return
            origin.timer()
        origin.probe_at = when
        origin.timer = self._ticker.at(when, partial(self._probe, origin))

    def _probe(self, origin: Origin) -> None:
        """Let the queue that may try first be the probe."""
        origin.timer = None
        if self.closing or not origin.shut:
            return
        queue = min(origin.shut.values(), key=lambda one: one.not_before)
        del origin.shut[queue.sid]
        self.ready(queue)


def count_states(breakers: dict[str, Breaking]) -> dict[str, float]:
    """Return how many breakers are in each state, for /metrics."""
    states = Counter(breakers.values())
    return {f"delivery_breakers_{state.value}": states[state] for state in Breaking}
