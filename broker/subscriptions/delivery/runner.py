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
from contextlib import suppress
from random import random
from typing import Final

from broker.clock import Clock, now
from broker.disclosures import Disclosures, NoDisclosures
from broker.errors import ServiceUnavailable
from broker.guard import Guard
from broker.store.outbox import IN_FLIGHT, PERIODIC, Failure, Outbox, Outcome, Settlement, Waiting
from broker.subscriptions.delivery.clock import LoopTicker, Ticker, later, seconds_between
from broker.subscriptions.delivery.loops import CHAINED, MOST_ROUNDS, PROBED, Chains, Rounds
from broker.subscriptions.delivery.notification import Silent, prepare
from broker.subscriptions.delivery.policy import Again, Dead, Fate, Policy, Tried, decide
from broker.subscriptions.delivery.queue import Held, Queue, State
from broker.subscriptions.delivery.recipient import Known, Recipient, Unready
from broker.subscriptions.delivery.senders import Senders
from broker.subscriptions.delivery.settling import Settler
from broker.subscriptions.delivery.turns import Turns, count_states, worst
from broker.subscriptions.endpoint import Address

QUANTUM: Final = 32
"""Rows after which a queue lets others have its turn."""
TIDY: Final = 30.0
GRACE: Final = 0.5
"""Seconds that who reads counters waits at most for tries that are under way."""

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
        disclosures: Disclosures | None = None,
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
        self._disclosures = disclosures or NoDisclosures()
        self._quiet = self._disclosures.quiet(guard)
        self._clock = clock
        self._ticker = ticker or LoopTicker()
        self._draw = draw
        self._rounds = Rounds()
        self._held = Held()
        self._known: dict[int, Recipient] = {}
        self._queues: dict[int, Queue] = {}
        self._turns = Turns(self._drain, self._forget, self.policy, self._ticker, draw)
        self._stops: list[Callable[[], None]] = []
        self._tidying: asyncio.Future[None] | None = None
        self._stop_tidying: Callable[[], None]
        self._settler: Settler

    async def start(self) -> None:
        """Take up what waits, and from now on what is added."""
        self._settler = Settler(self._outbox)
        self._stops = [self._outbox.listen(self._added), self._outbox.follow(self._changed)]
        self._outbox.deliver_with(self)
        self.take(await self._outbox.queues())
        self._stop_tidying = self._ticker.at(self._ticker.monotonic() + TIDY, self._tidy)

    def take(self, sids: Collection[int]) -> None:
        """Look at queues that have rows."""
        for sid in sids:
            queue = self._queue(sid)
            queue.forget()
            if queue.state is State.IDLE and not self._turns.closing:
                self._turns.ready(queue)

    async def leave(self, sids: Collection[int]) -> None:
        """Let go of queues; return when nothing of them is under way and all is settled."""
        queues = [self._queues[sid] for sid in sids if sid in self._queues]
        for queue in queues:
            queue.drop()
        under_way = [one.task for one in queues if one.task is not None and not one.task.done()]
        if under_way:
            await asyncio.wait(under_way)
        await self._settler.flushed()

    async def close(self) -> None:
        """Stop: let tries under way end, note those that do not, and write what is to settle."""
        for stop in (*self._stops, self._stop_tidying):
            stop()
        for queue in self._queues.values():
            if queue.timer is not None:
                queue.timer()
        await self._turns.close()
        if self._tidying is not None:
            await asyncio.wait((self._tidying,))
        await self._settler.close()
        await self.senders.close()

    async def settled(self) -> None:
        """Wait until what receivers have answered so far is in the books."""
        if self._stops:
            await self._settler.flushed()

    async def caught_up(self, sid: int) -> None:
        """Wait until what is being sent to a subscription is in its books, `GRACE` at most."""
        queue = self._queues.get(sid)
        trying = None if queue is None else queue.trying
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                if trying is not None:
                    await asyncio.wait((trying,))
                await self.settled()

    def breakers(self) -> dict[str, str]:
        """Return the state of the worst breaker of each server, by its origin."""
        return {name: state.value for name, state in worst(self._turns.targets()).items()}

    def breaker(self, address: Address) -> str:
        """Return the state of an endpoint's breaker."""
        return self._turns.state(address.place).value

    def figures(self) -> dict[str, float]:
        """Return figures for /metrics: no label names a receiver."""
        told: dict[str, float] = {
            "delivery_queues_running": self._turns.running,
            "delivery_rows_held": self._held.rows,
        }
        told |= count_states(self._turns.targets())
        return told | {
            f"delivery_tries_{fate.name.lower()}_total": self.tries[fate] for fate in Fate
        }

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
                self._turns.ready(queue)
            elif refuted and queue.state is State.PAUSED:
                self._turns.resume(queue)

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
                self._turns.resume(queue)

    def _forget(self, queue: Queue) -> None:
        if queue.state is State.IDLE and queue.empty and not queue.open:
            self._queues.pop(queue.sid, None)

    async def _drain(self, queue: Queue) -> None:
        name = queue.target
        for _ in range(QUANTUM):
            if self._turns.closing or not await self._step(queue) or queue.target != name:
                return

    async def _step(self, queue: Queue) -> bool:
        """Deal with the next row; return whether the queue can go on at once."""
        if not self._outbox.mine(queue.sid):
            queue.drop()
            return False
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
            return self._failed(queue, row, None, Tried(Fate.NOT_NOW, known.words))
        if queue.target != known.address.place:
            queue.origin, queue.target = known.address.origin, known.address.place
            return True
        if queue.young and self._resting(queue, row):
            return False
        return await self._deliver(queue, row, known)

    async def _head(self, queue: Queue) -> Waiting | None:
        row = queue.head()
        # The store supersedes no period that is its oldest: what is sent has to be that.
        if queue.open >= IN_FLIGHT or (queue.open and row is not None and row.seq >= PERIODIC):
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
        self._turns.pause(queue, self._ticker.monotonic() + min(left, self.policy.longest))
        return True

    async def _deliver(self, queue: Queue, row: Waiting, to: Recipient) -> bool:
        prepared = await prepare(row, to, self._guard, self.chains, self._clock(), self._quiet)
        if isinstance(prepared, Silent):
            self._settle(queue, row, prepared.outcome, prepared.words)
            return True
        if self._disclosures.pending:
            try:
                await self._disclosures.settled()
            except ServiceUnavailable as error:
                return self._failed(queue, row, None, Tried(Fate.NOT_NOW, error.detail))
        moment = self._ticker.monotonic()
        change = row.committed.change if row.committed is not None else None
        if change is not None:
            held = self._rounds.hold(row.sid, change.entity_id, moment)
            if held > 0:
                self._turns.pause(queue, moment + held)
                return False
            if held < 0 or self.chains.rounds(row.sid, row.seq) >= MOST_ROUNDS:
                words = PROBED if held < 0 else CHAINED
                log.warning("a loop of notifications was stopped; see the dead letters")
                self._settle(queue, row, Outcome.DEAD, words)
                return True
        target = self._turns.target(queue)
        if not target.breaker.admits(moment):
            queue.forget()
            self._turns.shut(queue, target)
            return False
        if not self._outbox.mine(row.sid):
            queue.drop()
            return False
        if change is not None:
            self._rounds.sent(row.sid, change.entity_id, moment)
        timeout = min(to.timeout or self.policy.patience, self.policy.most_patience)
        attempt = row.attempts + 1
        trying = queue.trying = asyncio.get_running_loop().create_future()
        try:
            tried = await self.senders.send(to, prepared, attempt=attempt, timeout=timeout)
        except asyncio.CancelledError:
            self._note(queue, row, attempt, self._clock(), "The broker was stopped meanwhile.")
            raise
        finally:
            queue.trying = None
            trying.set_result(None)
        self.tries[tried.fate] += 1
        self._turns.heard(target, tried)
        if tried.fate is Fate.DELIVERED:
            self._settle(queue, row, Outcome.DELIVERED, None, row.attempts + tried.tries)
            return True
        return self._failed(queue, row, to, tried)

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
        queue.reach = 1
        queue.not_before = self._ticker.monotonic() + verdict.pause
        target = self._turns.target(queue)
        if to is not None and target.breaker.shut:
            self._turns.shut(queue, target)
        else:
            self._turns.pause(queue, queue.not_before)
        return False

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
        if self._turns.closing:
            return
        self._turns.tidy()
        self._tidying = asyncio.ensure_future(self.senders.tidy())
        self._stop_tidying = self._ticker.at(self._ticker.monotonic() + TIDY, self._tidy)
