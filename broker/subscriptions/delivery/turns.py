"""Whose turn it is: which queues run, which pause, and which wait for an endpoint's breaker."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Final

from broker.subscriptions.delivery.breaker import State as Breaking
from broker.subscriptions.delivery.clock import Ticker
from broker.subscriptions.delivery.origin import Origin, Target
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
        self._targets: dict[str, Target] = {}
        self._starved: dict[str, Origin] = {}
        self._running: set[asyncio.Future[None]] = set()

    @property
    def running(self) -> int:
        """Return how many queues run."""
        return len(self._running)

    def targets(self) -> list[Target]:
        """Return the endpoints that are in use."""
        return [target for name, target in self._targets.items() if name]

    def state(self, name: str) -> Breaking:
        """Return the state of an endpoint's breaker."""
        target = self._targets.get(name)
        return Breaking.CLOSED if target is None else target.breaker.state

    def target(self, queue: Queue) -> Target:
        """Return the endpoint of a queue; one without a name is for those not known yet."""
        target = self._targets.get(queue.target)
        if target is None:
            origin = self._origins.get(queue.origin)
            if origin is None:
                origin = self._origins[queue.origin] = Origin(queue.origin)
                origin.known = not queue.origin
            target = self._targets[queue.target] = Target(queue.target, origin, self._policy)
        return target

    def ready(self, queue: Queue) -> None:
        """Run a queue now if there is room, or in its turn."""
        target = self.target(queue)
        queue.state = State.READY
        full = len(self._running) >= MOST_RUNNING
        if not target.ready and target.origin.room(target) and not full:
            self._run(queue, target)
            return
        target.origin.wait(target, queue)
        if full:
            self._starved[target.origin.name] = target.origin

    def resume(self, queue: Queue) -> None:
        """Give a queue its turn, whatever it was waiting for."""
        self._unpause(queue)
        self.ready(queue)

    def pause(self, queue: Queue, until: float) -> None:
        """Let a queue wait until then."""
        queue.state = State.PAUSED
        queue.timer = self._ticker.at(until, partial(self._wake, queue))

    def shut(self, queue: Queue, target: Target) -> None:
        """Let a queue wait until the breaker closes, or it is chosen as the probe."""
        queue.state = State.PAUSED
        target.shut[queue.sid] = queue
        self._arm(target, queue.not_before)

    def heard(self, target: Target, tried: Tried) -> None:
        """Tell the breaker how a try ended, and those who wait for it."""
        if tried.fate is Fate.NO_ANSWER:
            target.breaker.silent(self._ticker.monotonic(), self._draw())
            self._rearm(target)
            return
        target.origin.known = True
        if target.breaker.answered():
            log.info("a receiver answers again")
            waiting, target.shut = target.shut, {}
            for queue in waiting.values():
                if queue.not_before <= self._ticker.monotonic():
                    self.ready(queue)
                else:
                    self.pause(queue, queue.not_before)
            self._hurry(target)

    def tidy(self) -> None:
        """Forget endpoints and servers that nothing is sent to."""
        for name in [name for name, one in self._targets.items() if name and one.unused]:
            del self._targets[name]
        used = {target.origin.name for target in self._targets.values()}
        for name in self._origins.keys() - used:
            del self._origins[name]

    async def close(self) -> None:
        """Start nothing any more, and end what runs."""
        self.closing = True
        for target in self._targets.values():
            if target.timer is not None:
                target.timer()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _run(self, queue: Queue, target: Target) -> None:
        if self.closing:
            return
        queue.state = State.RUNNING
        end = target.origin.begin(target)
        task = queue.task = asyncio.ensure_future(self._drain(queue))
        self._running.add(task)
        task.add_done_callback(lambda done: self._ended(done, queue, target, end))

    def _ended(
        self, task: asyncio.Future[None], queue: Queue, target: Target, end: Callable[[], None]
    ) -> None:
        self._running.discard(task)
        end()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the queue of a subscription failed, next try later", exc_info=error)
            self.pause(queue, self._ticker.monotonic() + self._policy.longest)
        elif queue.task is task and queue.state is State.RUNNING:
            if queue.empty:
                queue.state = State.IDLE
                self._idle(queue)
            else:
                self.ready(queue)
        self._next(target)

    def _next(self, target: Target) -> None:
        """Fill the room that became free."""
        if target.timer is None:
            self._rearm(target)
        for origin in (target.origin, *self._starved.values()):
            while len(self._running) < MOST_RUNNING and (taken := origin.take()) is not None:
                self._run(*taken)
            if len(self._running) >= MOST_RUNNING:
                return
        self._starved.clear()

    def _unpause(self, queue: Queue) -> None:
        if queue.timer is not None:
            queue.timer()
            queue.timer = None
        target = self._targets.get(queue.target)
        if target is not None:
            target.shut.pop(queue.sid, None)

    def _wake(self, queue: Queue) -> None:
        queue.timer = None
        if queue.state is State.PAUSED and not self.closing:
            self.ready(queue)

    def _hurry(self, target: Target) -> None:
        """Probe the other endpoints of a server soon: it may be the server that is back."""
        now = self._ticker.monotonic()
        for other in self._targets.values():
            if other.origin is target.origin and other.breaker.state is Breaking.OPEN:
                other.breaker.until = min(other.breaker.until, now + self._policy.shortest)
                self._rearm(other)

    def _rearm(self, target: Target) -> None:
        """Set the time of the next probe anew."""
        if target.timer is not None:
            target.timer()
            target.timer = None
        if target.shut:
            self._arm(target, min(queue.not_before for queue in target.shut.values()))

    def _arm(self, target: Target, first: float) -> None:
        """See that a probe goes out once the breaker admits one and a queue may try (`first`)."""
        if target.breaker.state is not Breaking.OPEN:
            return
        when = max(target.breaker.until, first)
        if target.timer is not None:
            if target.probe_at <= when:
                return
            target.timer()
        target.probe_at = when
        target.timer = self._ticker.at(when, partial(self._probe, target))

    def _probe(self, target: Target) -> None:
        """Let the queue that may try first be the probe."""
        target.timer = None
        if self.closing or not target.shut:
            return
        queue = min(target.shut.values(), key=lambda one: one.not_before)
        del target.shut[queue.sid]
        self.ready(queue)


def count_states(targets: Iterable[Target]) -> dict[str, float]:
    """Return how many breakers are in each state, for /metrics."""
    states = Counter(target.breaker.state for target in targets)
    return {f"delivery_breakers_{state.value}": states[state] for state in Breaking}


def worst(targets: Iterable[Target]) -> dict[str, Breaking]:
    """Return for each server the state of the breaker that is furthest from closed."""
    found: dict[str, Breaking] = {}
    for target in targets:
        states = (found.get(target.origin.name, Breaking.CLOSED), target.breaker.state)
        found[target.origin.name] = max(states, key=list(Breaking).index)
    return found
