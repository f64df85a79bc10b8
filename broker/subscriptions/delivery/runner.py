"""Moves every queue of the outbox: who is next, when, and what becomes of each row.

Nothing polls: the store tells which rows begin to wait. A queue runs while it has rows and its
receiver takes them, one row at a time, so that order holds; a few rows of it are held in memory,
the rest is read when its turn comes. Ends of rows are written many in one commit. Pauses are
measured by a clock that never jumps; from the store's wall-clock times a pause is only taken
over at the start, and then bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from random import random
from typing import Final

from broker.clock import Clock, now
from broker.guard import Guard
from broker.store.outbox import IN_FLIGHT, Failure, Outbox, Outcome, Settlement, Waiting
from broker.subscriptions.delivery.breaker import State as Breaking
from broker.subscriptions.delivery.clock import LoopTicker, Ticker, later, seconds_between
from broker.subscriptions.delivery.loops import CHAINED, MOST_ROUNDS, PROBED, Chains, Rounds
from broker.subscriptions.delivery.notification import Silent, prepare
from broker.subscriptions.delivery.origin import Origin
from broker.subscriptions.delivery.policy import Again, Dead, Fate, Policy, Tried, decide
from broker.subscriptions.delivery.queue import Held, Queue, State
from broker.subscriptions.delivery.recipient import Known, Recipient, Unready
from broker.subscriptions.delivery.senders import Senders
from broker.subscriptions.delivery.settling import Settler

MOST_RUNNING: Final = 256
"""Queues that run at a time."""
QUANTUM: Final = 32
"""Rows after which a queue lets others have its turn."""
GRACE: Final = 2.0
"""Seconds for tries under way to end when the broker stops."""
TIDY: Final = 30.0

log = logging.getLogger("machi.broker")


class Delivery:
    """The delivery of one broker. `know` gives what is to be known of a subscription."""

    def __init__(
        self,
        outbox: Outbox,
        know: Callable[[int], Awaitable[Known | None]],
        guard: Guard,
        senders: Senders,
        chains: Chains,
        *,
        policy: Policy | None = None,
        clock: Clock = now,
        ticker: Ticker | None = None,
        draw: Callable[[], float] = random,
    ) -> None:
        self.policy = policy or Policy()
        self.tries: Counter[Fate] = Counter()
        self.chains = chains
        self.senders = senders
        self._outbox = outbox
        self.know = know
        self._guard = guard
        self._clock = clock
        self._ticker = ticker or LoopTicker()
        self._draw = draw
        self._rounds = Rounds()
        self._held = Held()
        self._known: dict[int, Recipient] = {}
        self._queues: dict[int, Queue] = {}
        self._origins: dict[str, Origin] = {}
        self._starved: dict[str, Origin] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._stops: list[Callable[[], None]] = []
        self._closing = False
        self._settler: Settler

    async def start(self) -> None:
        """Take up what waits, and from now on what is added."""
        self._settler = Settler(self._outbox)
        self._stops = [self._outbox.listen(self._added), self._outbox.follow(self._changed)]
        for sid in await self._outbox.queues():
            queue = self._queue(sid)
            queue.forget()
            if queue.state is State.IDLE:
                self._ready(queue)
        self._stops.append(self._ticker.at(self._ticker.monotonic() + TIDY, self._tidy))

    async def close(self) -> None:
        """Stop: let tries under way end, note those that do not, and write what is to settle."""
        self._closing = True
        for stop in self._stops:
            stop()
        for queue in self._queues.values():
            self._unpause(queue)
        for origin in self._origins.values():
            if origin.timer is not None:
                origin.timer()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._settler.close()
        await self.senders.close()

    def breakers(self) -> dict[str, str]:
        """Return the state of each server's breaker, by its origin."""
        return {name: origin.breaker.state.value for name, origin in self._origins.items() if name}

    def figures(self) -> dict[str, float]:
        """Return figures for /metrics: no label names a receiver."""
        states = Counter(origin.breaker.state for name, origin in self._origins.items() if name)
        told: dict[str, float] = {
            "delivery_queues_running": len(self._running),
            "delivery_rows_held": self._held.rows,
        }
        told |= {f"delivery_breakers_{state.value}": states[state] for state in Breaking}
        told |= {f"delivery_tries_{fate.name.lower()}": self.tries[fate] for fate in Fate}
        return told

    def _queue(self, sid: int) -> Queue:
        queue = self._queues.get(sid)
        if queue is None:
            queue = self._queues[sid] = Queue(sid, self._held)
        return queue

    def _added(self, rows: Sequence[Waiting]) -> None:
        """Take rows that begin to wait: the outbox's listener."""
        moment = self._ticker.monotonic()
        for row in rows:
            queue = self._queue(row.sid)
            refuted = row.committed is not None and self._rounds.queued(
                row.sid, row.committed.change.entity_id, moment
            )
            queue.offer(row)
            if queue.state is State.IDLE:
                queue.young = False
                self._ready(queue)
            elif refuted and queue.state is State.PAUSED:
                self._resume(queue)

    def _changed(self, sids: Collection[int]) -> None:
        """Look again at subscriptions that changed, and at what waits for them."""
        for sid in sids:
            self._known.pop(sid, None)
            queue = self._queues.get(sid)
            if queue is None:
                continue
            if self._outbox.find(sid) is None:
                queue.drop()
            else:
                queue.forget()
            queue.not_before = 0.0
            if queue.state is State.PAUSED or (queue.state is State.IDLE and queue.behind):
                self._resume(queue)

    def _resume(self, queue: Queue) -> None:
        """Give a queue its turn, whatever it was waiting for."""
        self._unpause(queue)
        self._ready(queue)

    def _unpause(self, queue: Queue) -> None:
        if queue.timer is not None:
            queue.timer()
            queue.timer = None
        origin = self._origins.get(queue.origin)
        if origin is not None:
            origin.shut.pop(queue.sid, None)

    def _origin(self, name: str) -> Origin:
        origin = self._origins.get(name)
        if origin is None:
            origin = self._origins[name] = Origin(name, self.policy)
            origin.known = not name
        return origin

    def _ready(self, queue: Queue) -> None:
        """Run a queue now if there is room, or in its turn."""
        origin = self._origin(queue.origin)
        queue.state = State.READY
        if not origin.ready and origin.room and len(self._running) < MOST_RUNNING:
            self._run(queue, origin)
        else:
            origin.ready.append(queue)
            self._starved[origin.name] = origin

    def _run(self, queue: Queue, origin: Origin) -> None:
        if self._closing:
            return
        queue.state = State.RUNNING
        origin.running += 1
        task = asyncio.ensure_future(self._drain(queue))
        self._running.add(task)
        task.add_done_callback(lambda done: self._ended(done, queue, origin))

    def _ended(self, task: asyncio.Task[None], queue: Queue, origin: Origin) -> None:
        self._running.discard(task)
        origin.running -= 1
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("the queue of a subscription failed, next try later", exc_info=error)
            self._pause(queue, self._ticker.monotonic() + self.policy.longest)
        elif queue.state is State.RUNNING and queue.empty:
            queue.state = State.IDLE
            self._forget(queue)
        elif queue.state is State.RUNNING:
            self._ready(queue)
        self._next(origin)

    def _next(self, origin: Origin) -> None:
        """Fill the room that became free."""
        if origin.timer is None:
            self._arm(origin)
        for waiting in (origin, *self._starved.values()):
            while waiting.ready and waiting.room and len(self._running) < MOST_RUNNING:
                self._run(waiting.ready.popleft(), waiting)
            if len(self._running) >= MOST_RUNNING:
                break
        for name in [name for name, one in self._starved.items() if not one.ready]:
            del self._starved[name]

    def _forget(self, queue: Queue) -> None:
        if queue.state is State.IDLE and queue.empty and not queue.open:
            self._queues.pop(queue.sid, None)

    async def _drain(self, queue: Queue) -> None:
        name = queue.origin
        for _ in range(QUANTUM):
            if self._closing or not await self._step(queue) or queue.origin != name:
                return

    async def _step(self, queue: Queue) -> bool:
        """Deal with the next row; return whether the queue can go on at once."""
        row = await self._head(queue)
        if row is None:
            return queue.behind
        known: Known | None = self._known.get(queue.sid)
        if known is None:
            known = await self.know(queue.sid)
            if known is None:
                queue.drop()
                return False
            if isinstance(known, Recipient):
                self._known[queue.sid] = known
        if isinstance(known, Unready):
            return self._failed(queue, row, None, Tried(Fate.NOT_NOW, known.words, tries=0))
        if queue.origin != known.address.origin:
            queue.origin = known.address.origin
            return True
        if queue.young and self._resting(queue, row):
            return False
        return await self._deliver(queue, row, known)

    async def _head(self, queue: Queue) -> Waiting | None:
        if queue.open >= IN_FLIGHT:
            await self._settler.flushed()
        row = queue.head()
        if row is None and queue.behind:
            if queue.open:
                await self._settler.flushed()
            await queue.read(self._outbox)
            row = queue.head()
        return row

    def _resting(self, queue: Queue, row: Waiting) -> bool:
        """Take over the pause a queue was in when the broker last ended."""
        queue.young = False
        if row.not_before is None:
            return False
        left = seconds_between(self._clock(), row.not_before)
        if left <= 0:
            return False
        self._pause(queue, self._ticker.monotonic() + min(left, self.policy.longest))
        return True

    async def _deliver(self, queue: Queue, row: Waiting, to: Recipient) -> bool:
        prepared = prepare(row, to, self._guard, self.chains, self._clock())
        if isinstance(prepared, Silent):
            self._settle(queue, row, prepared.outcome, prepared.words)
            return True
        moment = self._ticker.monotonic()
        change = row.committed.change if row.committed is not None else None
        if change is not None:
            held = self._rounds.hold(row.sid, change.entity_id, moment)
            if held > 0:
                self._pause(queue, moment + held)
                return False
            if held < 0 or self.chains.rounds(row.sid, row.seq) >= MOST_ROUNDS:
                words = PROBED if held < 0 else CHAINED
                log.warning("a loop of notifications was stopped; see the dead letters")
                self._settle(queue, row, Outcome.DEAD, words)
                return True
        origin = self._origin(queue.origin)
        if not origin.breaker.admits(moment):
            self._shut(queue, origin)
            return False
        if change is not None:
            self._rounds.sent(row.sid, change.entity_id, moment)
        timeout = min(to.timeout or self.policy.patience, self.policy.most_patience)
        attempt = row.attempts + 1
        try:
            tried = await self.senders.send(to, prepared, attempt=attempt, timeout=timeout)
        except asyncio.CancelledError:
            self._note(queue, row, attempt, self._clock(), "The broker was stopped meanwhile.")
            raise
        self.tries[tried.fate] += 1
        self._heard(origin, tried)
        if tried.fate is Fate.DELIVERED:
            self._settle(queue, row, Outcome.DELIVERED, None, row.attempts + tried.tries)
            return True
        return self._failed(queue, row, to, tried)

    def _heard(self, origin: Origin, tried: Tried) -> None:
        """Tell the breaker how a try ended, and those who wait for it."""
        if tried.fate is Fate.NO_ANSWER:
            origin.breaker.silent(self._ticker.monotonic(), self._draw())
            if origin.breaker.state is Breaking.OPEN:
                self._arm(origin)
            return
        origin.known = True
        if origin.breaker.answered():
            log.info("a receiver answers again")
            waiting, origin.shut = origin.shut, {}
            for queue in waiting.values():
                if queue.not_before <= self._ticker.monotonic():
                    self._ready(queue)
                else:
                    self._pause(queue, queue.not_before)

    def _failed(self, queue: Queue, row: Waiting, to: Recipient | None, tried: Tried) -> bool:
        """Decide what follows a failed try; return whether the queue can go on at once."""
        attempts = row.attempts + tried.tries
        wall = self._clock()
        age = max(0.0, seconds_between(row.queued_at, wall))
        cooldown = to.cooldown if to is not None else 0.0
        verdict = decide(self.policy, tried, attempts, age, cooldown, self._draw())
        if isinstance(verdict, Dead):
            self._settle(queue, row, Outcome.DEAD, verdict.words, attempts)
            return True
        assert isinstance(verdict, Again)
        self._note(queue, row, attempts, later(wall, verdict.pause), tried.words)
        queue.forget()
        queue.not_before = self._ticker.monotonic() + verdict.pause
        origin = self._origin(queue.origin)
        if to is not None and origin.breaker.state is not Breaking.CLOSED:
            self._shut(queue, origin)
        else:
            self._pause(queue, queue.not_before)
        return False

    def _pause(self, queue: Queue, until: float) -> None:
        queue.state = State.PAUSED
        queue.timer = self._ticker.at(until, lambda: self._wake(queue))

    def _wake(self, queue: Queue) -> None:
        queue.timer = None
        if queue.state is State.PAUSED and not self._closing:
            self._ready(queue)

    def _shut(self, queue: Queue, origin: Origin) -> None:
        """Let a queue wait until the breaker closes, or it is chosen as the probe."""
        queue.state = State.PAUSED
        origin.shut[queue.sid] = queue
        self._arm(origin)

    def _arm(self, origin: Origin) -> None:
        if origin.breaker.state is not Breaking.OPEN or not origin.shut:
            return
        if origin.timer is not None:
            origin.timer()
        first = min(queue.not_before for queue in origin.shut.values())
        when = max(origin.breaker.until, first)
        origin.timer = self._ticker.at(when, lambda: self._probe(origin))

    def _probe(self, origin: Origin) -> None:
        """Let the queue that may try first be the probe."""
        origin.timer = None
        if self._closing or not origin.shut:
            return
        queue = min(origin.shut.values(), key=lambda one: one.not_before)
        del origin.shut[queue.sid]
        self._ready(queue)

    def _settle(
        self,
        queue: Queue,
        row: Waiting,
        outcome: Outcome,
        words: str | None,
        attempts: int | None = None,
    ) -> None:
        tries = row.attempts if attempts is None else attempts
        queue.passed(row)
        self._write(queue, Settlement(row.sid, row.seq, outcome, self._clock(), tries, words))

    def _note(self, queue: Queue, row: Waiting, attempts: int, until: str, words: str) -> None:
        failure = Failure(row.sid, row.seq, self._clock(), attempts, until, words)
        self._write(queue, failure)

    def _write(self, queue: Queue, what: Settlement | Failure) -> None:
        queue.open += 1

        def durable() -> None:
            queue.open -= 1
            self._forget(queue)

        self._settler.add(what, durable)

    def _tidy(self) -> None:
        """Close what is unused, now and then."""
        if self._closing:
            return
        for name in [name for name, one in self._origins.items() if name and one.unused]:
            del self._origins[name]
        task = asyncio.ensure_future(self.senders.tidy())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        self._stops[2] = self._ticker.at(self._ticker.monotonic() + TIDY, self._tidy)
