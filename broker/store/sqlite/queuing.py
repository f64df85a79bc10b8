"""Rows that come into the queues with a commit, and those that leave other than by settlement."""

from __future__ import annotations

import asyncio
import logging
from array import array
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

import apsw
import orjson

from broker.errors import ServiceUnavailable
from broker.model.entity import Entity
from broker.store.books import Posting
from broker.store.contract import Committed
from broker.store.outbox import PERIODIC, Due, Matched, Matcher, Notice, StoredSubscription, Waiting
from broker.store.refusals import encode
from broker.store.sqlite import bundles
from broker.store.sqlite.connection import runner
from broker.store.sqlite.documents import interned, parse
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.ledger import Ledger
from broker.store.sqlite.queues import Line
from broker.store.sqlite.swapped import Swapped
from broker.store.sqlite.town import Town

T = TypeVar("T")

SWEEP: Final = 500
"""Cancelled rows that are deleted in one transaction."""

log = logging.getLogger(__name__)


class Engine(Protocol):
    """What the outbox needs of its store."""

    def newest(self) -> int:
        """Return the newest committed change."""
        ...

    def check_tenant(self, tenant: str) -> None:
        """Raise NonexistentTenant, or ServiceUnavailable once closed."""
        ...

    def enter(self, tenant: str, create: bool, effects: Effects) -> Town:
        """Return a tenant for writing, inside the transaction."""
        ...

    async def submit(self, job: Callable[[Effects], T]) -> T:
        """Run a job in the writing transaction; return its result once it is durable."""
        ...


class Listeners(Generic[T]):
    """Whom to tell; one that fails harms nobody."""

    def __init__(self) -> None:
        self._all: list[Callable[[T], None]] = []

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, listener: Callable[[T], None]) -> Callable[[], None]:
        """Tell one more; return the way to stop it."""
        self._all.append(listener)

        def stop() -> None:
            with suppress(ValueError):
                self._all.remove(listener)

        return stop

    def tell(self, what: T) -> None:
        """Call them all."""
        for listener in list(self._all):
            try:
                listener(what)
            except Exception:
                log.exception("a listener of the outbox failed")


class Queuing:
    """Asks the matcher, queues rows, lets them expire, and sweeps what was cancelled."""

    def __init__(
        self,
        connection: apsw.Connection,
        engine: Engine,
        lines: dict[int, Line],
        ledger: Ledger,
    ) -> None:
        self.row_listeners: Listeners[Sequence[Waiting]] = Listeners()
        self.news_listeners: Listeners[Collection[int]] = Listeners()
        self._many = connection.cursor().executemany
        self._run = runner(connection)
        self._engine = engine
        self._lines = lines
        self._ledger = ledger
        self._matcher: Matcher | None = None
        self._garbage: list[tuple[int, int, array[int]]] = []
        self._sweeper: asyncio.Task[None] | None = None
        self._closing = False

    def match_with(self, matcher: Matcher) -> None:
        """Give `matcher` all subscriptions, and ask it from now on."""
        self._matcher = matcher
        for line in self._lines.values():
            matcher.keep(line.stored())

    def index(
        self, after: StoredSubscription | None, before: StoredSubscription | None, effects: Effects
    ) -> None:
        """Let the matcher know of a subscription as the open transaction has it."""
        matcher = self._matcher
        if matcher is None:
            return

        def show(known: StoredSubscription | None, sid: int) -> None:
            if known is None:
                matcher.drop(sid)
            else:
                matcher.keep(known)

        sid = (after or before).sid  # type: ignore[union-attr]
        show(after, sid)
        effects.undo.append(lambda: show(before, sid))

    def flush(self, effects: Effects) -> None:
        """Queue what a group of changes is due to, in the open transaction."""
        if self._matcher is None or not effects.committed:
            return
        matched = self._matcher.match(effects.committed, partial(self._entity, effects))
        if matched.due:
            self._queue(matched, effects)
        for sid, count in matched.throttled.items():
            self._throttled(sid, count, matched.due, effects)
        if matched.commit is not None:
            effects.publish.append(matched.commit)

    def queue_period(
        self, line: Line, at: str, entities: Sequence[Entity], town: Town, effects: Effects
    ) -> None:
        """Queue a periodic notification, already counted, in the open transaction."""
        town.names.undo = effects.undo
        documents = encode([interned(entity, town.names.keys) for entity in entities])
        row = Waiting(line.sid, 0, None, 0, None, at, None, tuple(entities))
        self._queue_row(line, row, documents, effects, period=True)

    def queue_notice(
        self, line: Line, at: str, notice: Notice, effects: Effects, *, period: bool = False
    ) -> None:
        """Queue what is about no entity, already counted, in the open transaction."""
        row = Waiting(line.sid, 0, None, 0, None, at, None, (), notice)
        self._queue_row(line, row, encode(notice), effects, period=period)

    def supersede(self, line: Line, effects: Effects) -> int:
        """Take out the periods that wait but for the oldest, not yet counted; return how many."""
        old: list[int] = [
            seq
            for (seq,) in self._run(
                "SELECT seq FROM period WHERE sid = ? AND epoch = ? AND snapshot ORDER BY seq "
                "LIMIT -1 OFFSET 1",
                (line.sid, line.epoch_written),
            ).fetchall()
        ]
        for table in ("period", "tried"):
            self._many(
                f"DELETE FROM {table} WHERE sid = ? AND seq = ?", [(line.sid, seq) for seq in old]
            )
        if old:
            effects.publish.append(partial(line.take_out, old))
        return len(old)

    def _queue_row(
        self, line: Line, row: Waiting, documents: bytes, effects: Effects, *, period: bool
    ) -> None:
        """Queue a row that is about no change, and gets its number here."""
        sid, epoch = line.sid, line.epoch_written
        queued = self._run("SELECT queued FROM ledger WHERE sid = ?", (sid,)).get
        seq = PERIODIC + queued - 1
        self._run(
            "INSERT INTO period VALUES (?, ?, ?, ?, ?, ?)",
            (sid, seq, epoch, row.queued_at, documents, period),
        )
        row = replace(row, seq=seq)

        def publish() -> None:
            if line.epoch == epoch:
                line.add(seq)
                self.tell_rows([row])

        effects.publish.append(publish)

    def expire(self, newest: int, before: str, effects: Effects) -> None:
        """Let rows about changes up to `newest` expire, and periodic ones queued before a time."""
        rows = [
            (sid, seq)
            for seq, packed in self._run(
                "SELECT seq, due FROM outbox WHERE seq <= ?", (newest,)
            ).fetchall()
            for sid, epoch in bundles.unpack(packed)
            if self._is_current(sid, epoch)
        ]
        rows += [
            (sid, seq)
            for sid, seq, epoch in self._run(
                "SELECT sid, seq, epoch FROM period WHERE at < ?", (before,)
            ).fetchall()
            if self._is_current(sid, epoch)
        ]
        self._forget(newest, before)
        self._expired(rows, effects)

    def forget(
        self, tenant: str, entity_id: str | None, seqs: Sequence[int], effects: Effects
    ) -> None:
        """Let go of rows about these changes, and about periods with an entity of the tenant."""
        rows: list[tuple[int, int]] = []
        for seq in seqs:
            pairs = bundles.due(self._run, seq)
            rows += [(sid, seq) for sid, epoch in pairs if self._is_current(sid, epoch)]
            for table in ("outbox", "dead", "tried"):
                self._run(f"DELETE FROM {table} WHERE seq = ?", (seq,))
        if entity_id is not None:
            for sid, seq, epoch in self._periods_with(tenant, entity_id):
                if self._is_current(sid, epoch):
                    rows.append((sid, seq))
                for table in ("period", "dead", "tried"):
                    self._run(f"DELETE FROM {table} WHERE sid = ? AND seq = ?", (sid, seq))
        self._expired(rows, effects)

    def _periods_with(self, tenant: str, entity_id: str) -> list[tuple[int, int, int]]:
        return [
            (sid, seq, epoch)
            for sid, line in self._lines.items()
            if line.tenant == tenant
            for seq, epoch, docs in self._run(
                "SELECT seq, epoch, docs FROM period WHERE sid = ?", (sid,)
            ).fetchall()
            if _has(orjson.loads(docs), entity_id)
        ]

    def _expired(self, rows: Sequence[tuple[int, int]], effects: Effects) -> None:
        """Count rows that are gone from the tables as expired."""
        by_sid: dict[int, list[int]] = {}
        for sid, seq in rows:
            by_sid.setdefault(sid, []).append(seq)
        for sid, seqs in by_sid.items():
            self._ledger.post(sid, Posting(expired=len(seqs)), self._engine.newest(), effects)
            effects.publish.append(partial(self._lines[sid].take_out, seqs))
        if by_sid:
            effects.publish.append(lambda: self.tell_news(by_sid))

    def clear(self, line: Line) -> None:
        """Empty the queue of a line whose rows were cancelled, and see that they are swept."""
        if line.queue:
            self._garbage.append((line.sid, line.epoch, line.queue))
            if self._sweeper is None or self._sweeper.done():
                self._sweeper = asyncio.get_running_loop().create_task(self._sweep())
        line.epoch += 1
        line.queue = array("q")
        line.tried = {}

    def tell_rows(self, rows: Sequence[Waiting]) -> None:
        """Tell of rows that begin to wait."""
        if rows:
            self.row_listeners.tell(rows)

    def tell_news(self, sids: Collection[int]) -> None:
        """Tell of subscriptions that changed."""
        self.news_listeners.tell(sids)

    async def close(self) -> None:
        """Stop sweeping; what is left is swept when the store opens again."""
        self._closing = True
        if self._sweeper is not None:
            await self._sweeper

    def _entity(self, effects: Effects, tenant: str, entity_id: str) -> Entity | None:
        """Return an entity as the open transaction has it."""
        town = self._engine.enter(tenant, False, effects)
        document = self._run(
            "SELECT doc FROM entity WHERE tid = ? AND id = ?", (town.tid, entity_id)
        ).get
        return None if document is None else parse(document, town.names)

    def _queue(self, matched: Matched, effects: Effects) -> None:
        by_seq = {each.change.seq: each for each in effects.committed}
        lines = self._lines
        pairs: dict[int, list[bundles.Pair]] = {}
        for sid, seq in matched.due:
            pairs.setdefault(seq, []).append((sid, lines[sid].epoch_written))
        bundles.add(
            self._many,
            [
                (seq, bundles.pack(some), _stored(by_seq[seq], effects))
                for seq, some in pairs.items()
            ],
        )

        def publish() -> None:
            throttled = matched.throttled
            for sid, seq in matched.due:
                line = lines[sid]
                line.add(seq)
                line.last_due = by_seq[seq].change.at
                if sid not in throttled:
                    line.unsaved += 1
            if self.row_listeners:
                self.tell_rows([_row(due, by_seq[due.seq]) for due in matched.due])

        effects.publish.append(publish)

    def _throttled(self, sid: int, count: int, dues: Sequence[Due], effects: Effects) -> None:
        """Count what was throttled, with what was queued of the same subscription."""
        own = [due.seq for due in dues if due.sid == sid]
        last = next((c.change.at for c in effects.committed if own and c.change.seq == own[-1]), "")
        posting = Posting(queued=len(own), throttled=count)
        self._ledger.post(sid, posting, effects.seq, effects, last or None)

    def _forget(self, newest: int, before: str) -> None:
        for table in ("outbox", "dead", "tried"):
            self._run(f"DELETE FROM {table} WHERE seq <= ?", (newest,))
        old = "(SELECT sid, seq FROM period WHERE at < ?)"
        for table in ("dead", "tried"):
            self._run(f"DELETE FROM {table} WHERE (sid, seq) IN {old}", (before,))
        self._run("DELETE FROM period WHERE at < ?", (before,))

    def _is_current(self, sid: int, epoch: int) -> bool:
        line = self._lines.get(sid)
        return line is not None and line.epoch_written == epoch

    async def _sweep(self) -> None:
        with suppress(ServiceUnavailable):
            while self._garbage and not self._closing:
                sid, epoch, seqs = self._garbage[-1]
                await self._engine.submit(partial(self._sweep_slice, sid, epoch, seqs[-SWEEP:]))
                del seqs[-SWEEP:]
                if not seqs:
                    self._garbage.remove((sid, epoch, seqs))

    def _sweep_slice(self, sid: int, epoch: int, seqs: array[int], effects: Effects) -> None:
        self._ledger.sweep(sid, epoch, seqs)


def _has(told: Any, entity_id: str) -> bool:
    """Tell whether an entity is among those of a period; a notice is about none."""
    return isinstance(told, list) and any(entity["id"] == entity_id for entity in told)


def _stored(committed: Committed, effects: Effects) -> bytes | None:
    """Return the entity after an update as it is stored."""
    if type(committed) is Swapped:
        return committed.stored
    return effects.documents.get(committed.change.seq)


def _row(due: Due, committed: Committed) -> Waiting:
    return Waiting(due.sid, due.seq, committed, 0, None, committed.change.at, None)
