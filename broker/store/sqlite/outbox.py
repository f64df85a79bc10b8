"""The outbox of the SQLite engine: subscriptions, their queues and books in the data file."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import apsw
import orjson

from broker.clock import Clock
from broker.model.entity import Entity
from broker.store.books import Posting, figures, no_subscription, subscription_exists, total
from broker.store.outbox import (
    IN_FLIGHT,
    PERIODIC,
    Books,
    Courier,
    DeadLetter,
    Failure,
    Matcher,
    NewsListener,
    Notice,
    Opening,
    RowListener,
    Settlement,
    StoredSubscription,
    Waiting,
)
from broker.store.refusals import encode
from broker.store.sqlite.connection import runner
from broker.store.sqlite.effects import Effects
from broker.store.sqlite.ledger import Ledger
from broker.store.sqlite.queue_recovery import load_lines
from broker.store.sqlite.queues import Line, Tries
from broker.store.sqlite.queuing import Engine, Queuing
from broker.store.sqlite.resources import load_resources
from broker.store.sqlite.rows import DeadRow, Rows
from broker.store.sqlite.town import Town


class SqliteOutbox:
    """An `Outbox` in the data file; made when the store opens."""

    def __init__(
        self, connection: apsw.Connection, engine: Engine, rows: Rows, clock: Clock
    ) -> None:
        self._connection = connection
        self._run = runner(connection)
        self._engine = engine
        self._clock = clock
        self._lines, self._gone = load_lines(connection)
        self._rows = rows
        self._sids = {(line.tenant, line.id): sid for sid, line in self._lines.items()}
        self._ledger = Ledger(connection, self._lines)
        self.queuing = Queuing(connection, engine, self._lines, self._ledger)

    async def create(
        self,
        tenant: str,
        id: str,
        document: dict[str, Any],
        *,
        kind: str = "",
        opening: Opening | None = None,
    ) -> StoredSubscription:
        """Keep a new subscription; the tenant comes into being. Raises AlreadyExists."""

        def job(effects: Effects) -> Line:
            town = self._engine.enter(tenant, True, effects)
            taken = self._run(
                "SELECT 1 FROM subscription WHERE tid = ? AND id = ?", (town.tid, id)
            ).get
            if taken:
                raise subscription_exists(id)
            now, since, text = self._clock(), effects.seq, encode(document)
            self._run(
                "INSERT INTO subscription (tid, id, epoch, since, created, modified, doc, kind) "
                "VALUES (?, ?, 0, ?, ?, ?, ?, ?)",
                (town.tid, id, since, now, now, text, kind),
            )
            sid = self._connection.last_insert_rowid()
            self._run("INSERT INTO ledger (sid, upto) VALUES (?, ?)", (sid, since))
            parsed = orjson.loads(text)
            line = Line(sid, tenant, id, parsed, since, now, now, kind, live=False)
            self._lines[sid] = line
            effects.undo.append(lambda: self._lines.__delitem__(sid))
            effects.publish.append(lambda: self._created(line))
            self.queuing.index(line.stored(), None, effects)
            self._open(line, opening, town, effects)
            return line

        return (await self._engine.submit(job)).stored()

    async def replace(
        self,
        tenant: str,
        id: str,
        document: dict[str, Any],
        *,
        cancel: bool = False,
        opening: Opening | None = None,
    ) -> StoredSubscription:
        """Replace the document; with `cancel` its waiting rows are cancelled."""

        def job(effects: Effects) -> int:
            line = self._known(tenant, id, effects)
            now, text = self._clock(), encode(document)
            self._run(
                "UPDATE subscription SET doc = ?, modified = ? WHERE sid = ?", (text, now, line.sid)
            )
            if cancel:
                self._ledger.cancel(line.sid, self._engine.newest(), effects)
            parsed, before = orjson.loads(text), line.stored()
            effects.publish.append(lambda: self._replaced(line, parsed, now, cancel))
            self.queuing.index(before.with_document(parsed), before, effects)
            self._open(line, opening, self._engine.enter(tenant, False, effects), effects)
            return line.sid

        return self._lines[await self._engine.submit(job)].stored()

    async def remove(self, tenant: str, id: str) -> None:
        """Delete a subscription, its waiting rows (cancelled) and dead letters."""

        def job(effects: Effects) -> None:
            self._remove(self._known(tenant, id, effects), effects)

        await self._engine.submit(job)

    async def get(self, tenant: str, id: str) -> StoredSubscription | None:
        """Return a subscription with its books and history."""
        self._engine.check_tenant(tenant)
        sid = self._sids.get((tenant, id))
        return None if sid is None else self._lines[sid].stored()

    def find(self, sid: int) -> StoredSubscription | None:
        """Return a subscription by its number, at once."""
        line = self._lines.get(sid)
        return None if line is None or not line.live else line.stored()

    async def page(
        self, tenant: str, *, offset: int, limit: int, kind: str = ""
    ) -> tuple[list[StoredSubscription], int]:
        """Return a tenant's subscriptions in order of creation, and how many there are."""
        self._engine.check_tenant(tenant)
        asked = (True, tenant, kind)
        every = self._lines.values()
        found = [line for line in every if (line.live, line.tenant, line.kind) == asked]
        return [line.stored() for line in found[offset : offset + limit]], len(found)

    async def all(self) -> list[StoredSubscription]:
        """Return every subscription of every tenant."""
        return [line.stored() for line in self._lines.values() if line.live]

    def match_with(self, matcher: Matcher) -> None:
        """Give `matcher` all subscriptions, and ask it from now on."""
        self.queuing.match_with(matcher)

    def listen(self, listener: RowListener) -> Callable[[], None]:
        """Call `listener` with the rows that begin to wait."""
        return self.queuing.row_listeners.add(listener)

    def follow(self, listener: NewsListener) -> Callable[[], None]:
        """Call `listener` with the subscriptions that changed."""
        return self.queuing.news_listeners.add(listener)

    def deliver_with(self, courier: Courier) -> None:
        """Do nothing: all queues are this broker's, always."""

    def mine(self, sid: int) -> bool:
        """Tell that this broker delivers every queue."""
        return True

    async def waiting(self, sid: int, *, after: int = 0, limit: int = IN_FLIGHT) -> list[Waiting]:
        """Return the oldest rows of a queue past row `after`, in order."""
        line = self._lines.get(sid)
        if line is None:
            return []
        found = [self._rows.row(line, seq) for seq in line.rows(after, limit)]
        return [row for row in found if row is not None]

    def ahead(self, sid: int, seq: int) -> int:
        """Return how many rows of a queue come before row `seq`."""
        line = self._lines.get(sid)
        return 0 if line is None else bisect_left(line.queue, seq)

    async def queues(self) -> list[int]:
        """Return the subscriptions that have rows waiting."""
        return [sid for sid, line in self._lines.items() if line.queue]

    async def oldest(self) -> str | None:
        """Return since when the row waits that has waited longest."""
        heads = [(line.queue[0], line) for line in self._lines.values() if line.queue]
        periodic = [(seq, line) for seq, line in heads if seq >= PERIODIC]
        changes = min(
            ((seq, line) for seq, line in heads if seq < PERIODIC),
            key=lambda head: head[0],
            default=None,
        )
        first = [*periodic, changes] if changes is not None else periodic
        return min(filter(None, (self._rows.since(line, seq) for seq, line in first)), default=None)

    async def settle(
        self, settlements: Iterable[Settlement] = (), failures: Iterable[Failure] = ()
    ) -> None:
        """Take rows out of their queues and write the books, or note failed tries."""
        settled, failed = list(settlements), list(failures)
        await self._engine.submit(
            lambda effects: self._ledger.settle(settled, failed, self._engine.newest(), effects)
        )

    async def queue_period(
        self,
        subscription: StoredSubscription,
        at: str,
        entities: Sequence[Entity],
        notice: Notice | None = None,
    ) -> bool:
        """Note that a period was due, and queue its notification if there is one."""

        def job(effects: Effects) -> bool:
            sid = subscription.sid
            known = self._run("SELECT modified, tid FROM subscription WHERE sid = ?", (sid,)).get
            if known is None or known[0] != subscription.modified_at:
                return False
            line, due = self._lines[sid], bool(entities) or notice is not None
            old = self.queuing.supersede(line, effects) if due else 0
            posting = Posting(queued=due, superseded=old)
            self._ledger.post(sid, posting, self._engine.newest(), effects, at)
            effects.publish.append(lambda: setattr(line, "last_due", at))
            if notice is not None:
                self.queuing.queue_notice(line, at, notice, effects, period=True)
            elif entities:
                town = self._engine.enter(subscription.tenant, False, effects)
                self.queuing.queue_period(line, at, entities, town, effects)
            return True

        return await self._engine.submit(job)

    async def dead_letters(
        self,
        tenant: str | None = None,
        *,
        sid: int | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> tuple[list[DeadLetter], int]:
        """Return dead letters, the newest death first, and how many there are."""
        found, count = self._rows.dead(tenant, sid, offset, limit)
        letters = [self._letter(dead) for dead in found]
        return [letter for letter in letters if letter is not None], count

    async def dead_letter(self, tenant: str, sid: int, seq: int) -> DeadLetter | None:
        """Return one dead letter, found by its key."""
        dead = self._rows.dead_one(sid, seq)
        letter = None if dead is None else self._letter(dead)
        return letter if letter is not None and letter.tenant == tenant else None

    async def replay(self, tenant: str, sid: int, seqs: Iterable[int] | None = None) -> int:
        """Let dead letters wait again; return how many."""
        wanted = None if seqs is None else sorted(set(seqs))

        def job(effects: Effects) -> int:
            line, dead = self._dead_of(tenant, sid, wanted)
            if line is None or not dead:
                return 0
            epoch = line.epoch_written
            tried = {
                seq: Tries(1, None, error) for seq, (attempts, error) in dead.items() if attempts
            }
            for seq in dead:
                self._run("DELETE FROM dead WHERE sid = ? AND seq = ?", (sid, seq))
                self._ledger.put_back(sid, seq, tried.get(seq))
            self._ledger.post(sid, Posting(dead=-len(dead)), self._engine.newest(), effects)
            effects.publish.append(lambda: self._replayed(line, epoch, list(dead), tried))
            return len(dead)

        return await self._engine.submit(job)

    async def discard(self, tenant: str, sid: int, seqs: Iterable[int] | None = None) -> int:
        """Forget dead letters; they stay counted as dead. Return how many."""
        wanted = None if seqs is None else sorted(set(seqs))

        def job(effects: Effects) -> int:
            _, dead = self._dead_of(tenant, sid, wanted)
            for seq in dead:
                self._run("DELETE FROM dead WHERE sid = ? AND seq = ?", (sid, seq))
                self._ledger.free(sid, seq)
            return len(dead)

        return await self._engine.submit(job)

    async def books(self, sid: int | None = None) -> Books:
        """Return the balance of a subscription, or of the whole store."""
        if sid is not None:
            return self._lines[sid].balance() if sid in self._lines else Books()
        return self._total()

    def figures(self) -> dict[str, int]:
        """Return figures for /metrics."""
        return figures(self._total(), len(self._sids))

    def drop_tenant(self, tenant: str, effects: Effects) -> None:
        """Remove all subscriptions of a tenant, in the open transaction."""
        for line in list(self._lines.values()):
            if line.tenant == tenant and self._is_there(line.sid):
                self._remove(line, effects)

    def tell(self, sid: int, at: str, notice: Notice, effects: Effects) -> None:
        """Queue what is about no entity, in the open transaction."""
        line = self._lines.get(sid)
        if line is not None and self._is_there(sid):
            self._ledger.post(sid, Posting(queued=1), self._engine.newest(), effects, at)
            effects.publish.append(lambda: setattr(line, "last_due", at))
            self.queuing.queue_notice(line, at, notice, effects)

    @property
    def gone(self) -> Books:
        """The books of subscriptions that were removed."""
        return self._gone

    def note_settled(self, effects: Effects) -> None:
        """Note in the file, which is about to be closed, that nothing is under way."""
        self._run("INSERT OR REPLACE INTO meta VALUES ('settled', 1)")

    def _open(self, line: Line, opening: Opening | None, town: Town, effects: Effects) -> None:
        """Tell a subscription what there is, in the transaction it comes or changes with."""
        if opening is not None:
            notice = opening.tell(load_resources(self._run, town.tid, opening.kind))
            if notice is not None:
                self.tell(line.sid, self._clock(), notice, effects)

    def _total(self) -> Books:
        return total([self._gone, *(line.balance() for line in self._lines.values())])

    def _known(self, tenant: str, id: str, effects: Effects) -> Line:
        town = self._engine.enter(tenant, False, effects)
        sid = self._run("SELECT sid FROM subscription WHERE tid = ? AND id = ?", (town.tid, id)).get
        if sid is None:
            raise no_subscription(id)
        return self._lines[sid]

    def _is_there(self, sid: int) -> bool:
        return bool(self._run("SELECT 1 FROM subscription WHERE sid = ?", (sid,)).get)

    def _created(self, line: Line) -> None:
        line.live = True
        self._sids[line.tenant, line.id] = line.sid
        self.queuing.tell_news([line.sid])

    def _replaced(self, line: Line, document: dict[str, Any], at: str, cancelled: bool) -> None:
        line.document, line.modified_at = document, at
        if cancelled:
            self.queuing.clear(line)
        self.queuing.tell_news([line.sid])

    def _remove(self, line: Line, effects: Effects) -> None:
        sid = line.sid
        self._ledger.cancel(sid, self._engine.newest(), effects)
        dead: list[tuple[int]] = self._run("SELECT seq FROM dead WHERE sid = ?", (sid,)).fetchall()
        self._run("DELETE FROM dead WHERE sid = ?", (sid,))
        for (seq,) in dead:
            self._ledger.free(sid, seq)
        self._ledger.depart(sid)
        self.queuing.index(None, line.stored(), effects)
        effects.publish.append(lambda: self._removed(line))

    def _removed(self, line: Line) -> None:
        self.queuing.clear(line)
        self._gone = total((self._gone, line.balance()))
        del self._lines[line.sid]
        self._sids.pop((line.tenant, line.id), None)
        self.queuing.tell_news([line.sid])

    def _letter(self, dead: DeadRow) -> DeadLetter | None:
        sid, seq, attempts, died, error = dead
        line = self._lines.get(sid)
        row = None if line is None else self._rows.dead_row(line, seq, attempts, error)
        if line is None or row is None:
            return None
        return DeadLetter(sid, line.id, line.tenant, row, died)

    def _dead_of(
        self, tenant: str, sid: int, wanted: list[int] | None
    ) -> tuple[Line | None, dict[int, tuple[int, str | None]]]:
        """Return the tries and errors of a subscription's dead letters, all or those wanted."""
        line = self._lines.get(sid)
        if line is None or line.tenant != tenant:
            return None, {}
        found = self._run(
            "SELECT seq, attempts, error FROM dead WHERE sid = ? ORDER BY seq", (sid,)
        ).fetchall()
        return line, {seq: tries for seq, *tries in found if wanted is None or seq in wanted}

    def _replayed(self, line: Line, epoch: int, seqs: list[int], tried: dict[int, Tries]) -> None:
        if line.epoch != epoch:
            return
        line.put_back(seqs)
        line.tried |= tried
        self.queuing.tell_rows(
            [row for row in (self._rows.row(line, seq) for seq in seqs) if row is not None]
        )
