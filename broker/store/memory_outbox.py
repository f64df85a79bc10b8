"""The outbox of the reference engine: everything in memory, nothing clever."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from broker.clock import Clock
from broker.model.entity import Entity
from broker.store.books import Posting, figures, no_subscription, subscription_exists, total
from broker.store.contract import Change, Committed, Find, Resource
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
    Outcome,
    RowListener,
    Settlement,
    StoredSubscription,
    Waiting,
)

T = TypeVar("T")


@dataclass
class _Line:
    """A subscription with its queue and dead letters, by row. `periods` were due at intervals."""

    stored: StoredSubscription
    queue: dict[int, Waiting] = field(default_factory=dict)
    periods: set[int] = field(default_factory=set)
    dead: dict[int, DeadLetter] = field(default_factory=dict)

    def post(self, posting: Posting) -> None:
        """Write the books."""
        books, history = self.stored.books, self.stored.history
        self.stored = replace(
            self.stored, books=posting.on_books(books), history=posting.on_history(history)
        )


class MemoryOutbox:
    """An `Outbox` in memory. `enter` finds a tenant, or makes it; it raises NonexistentTenant.

    `resources` gives those of a tenant, by kind.
    """

    def __init__(
        self,
        clock: Clock,
        newest: Callable[[], int],
        enter: Callable[[str, bool], None],
        resources: Callable[[str, str], list[Resource]],
    ) -> None:
        self._clock = clock
        self._newest = newest
        self._enter = enter
        self._resources = resources
        self._lines: dict[int, _Line] = {}
        self._gone = Books()
        """The books of what was removed."""
        self._last = 0
        self._matcher: Matcher | None = None
        self._row_listeners: list[RowListener] = []
        self._news_listeners: list[NewsListener] = []

    async def create(
        self,
        tenant: str,
        id: str,
        document: dict[str, Any],
        *,
        kind: str = "",
        opening: Opening | None = None,
    ) -> StoredSubscription:
        """Keep a new subscription; the tenant comes into being."""
        self._enter(tenant, True)
        if self._line(tenant, id) is not None:
            raise subscription_exists(id)
        self._last += 1
        now = self._clock()
        stored = StoredSubscription(
            self._last, tenant, id, copy.deepcopy(document), self._newest(), now, now, kind=kind
        )
        self._lines[stored.sid] = _Line(stored)
        if self._matcher is not None:
            self._matcher.keep(stored)
        self._tell_news([stored.sid])
        self._open(stored, opening)
        return self._lines[stored.sid].stored

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
        line = self._known(tenant, id)
        line.stored = replace(
            line.stored, document=copy.deepcopy(document), modified_at=self._clock()
        )
        if cancel:
            self._cancel(line)
        if self._matcher is not None:
            self._matcher.keep(line.stored)
        self._tell_news([line.stored.sid])
        self._open(line.stored, opening)
        return line.stored

    async def remove(self, tenant: str, id: str) -> None:
        """Delete a subscription, its waiting rows (cancelled) and dead letters."""
        sid = self._known(tenant, id).stored.sid
        self._drop(sid)
        self._tell_news([sid])

    async def get(self, tenant: str, id: str) -> StoredSubscription | None:
        """Return a subscription with its books and history."""
        self._enter(tenant, False)
        line = self._line(tenant, id)
        return None if line is None else line.stored

    def find(self, sid: int) -> StoredSubscription | None:
        """Return a subscription by its number."""
        line = self._lines.get(sid)
        return None if line is None else line.stored

    async def page(
        self, tenant: str, *, offset: int, limit: int, kind: str = ""
    ) -> tuple[list[StoredSubscription], int]:
        """Return a tenant's subscriptions in order of creation, and how many there are."""
        self._enter(tenant, False)
        every = [line.stored for line in self._lines.values()]
        found = [one for one in every if (one.tenant, one.kind) == (tenant, kind)]
        return found[offset : offset + limit], len(found)

    async def all(self) -> list[StoredSubscription]:
        """Return every subscription of every tenant."""
        return [line.stored for line in self._lines.values()]

    def match_with(self, matcher: Matcher) -> None:
        """Give `matcher` all subscriptions, and ask it from now on."""
        self._matcher = matcher
        for line in self._lines.values():
            matcher.keep(line.stored)

    def listen(self, listener: RowListener) -> Callable[[], None]:
        """Call `listener` with the rows that begin to wait."""
        return _added(self._row_listeners, listener)

    def follow(self, listener: NewsListener) -> Callable[[], None]:
        """Call `listener` with the subscriptions that changed."""
        return _added(self._news_listeners, listener)

    def deliver_with(self, courier: Courier) -> None:
        """Do nothing: all queues are this broker's, always."""

    def mine(self, sid: int) -> bool:
        """Tell that this broker delivers every queue."""
        return True

    async def waiting(self, sid: int, *, after: int = 0, limit: int = IN_FLIGHT) -> list[Waiting]:
        """Return the oldest rows of a queue past row `after`, in order."""
        queue = self._lines[sid].queue if sid in self._lines else {}
        return [queue[seq] for seq in sorted(queue) if seq > after][:limit]

    def ahead(self, sid: int, seq: int) -> int:
        """Return how many rows of a queue come before row `seq`."""
        line = self._lines.get(sid)
        return 0 if line is None else sum(each < seq for each in line.queue)

    async def queues(self) -> list[int]:
        """Return the subscriptions that have rows waiting."""
        return [sid for sid, line in self._lines.items() if line.queue]

    async def oldest(self) -> str | None:
        """Return since when the row waits that has waited longest."""
        rows = [row for line in self._lines.values() for row in line.queue.values()]
        return min((row.queued_at for row in rows), default=None)

    async def settle(
        self, settlements: Iterable[Settlement] = (), failures: Iterable[Failure] = ()
    ) -> None:
        """Take rows out of their queues and write the books, or note failed tries."""
        for failure in failures:
            line = self._lines.get(failure.sid)
            if line is not None and failure.seq in line.queue:
                line.queue[failure.seq] = replace(
                    line.queue[failure.seq],
                    attempts=failure.attempts,
                    not_before=failure.not_before,
                    error=failure.error,
                )
                posting = Posting()
                posting.fail(failure)
                line.post(posting)
        for settlement in settlements:
            line = self._lines.get(settlement.sid)
            if line is not None and settlement.seq in line.queue:
                self._settle(line, settlement)

    async def queue_period(
        self,
        subscription: StoredSubscription,
        at: str,
        entities: Sequence[Entity],
        notice: Notice | None = None,
    ) -> bool:
        """Queue a periodic notification."""
        line = self._lines.get(subscription.sid)
        if line is None or line.stored.modified_at != subscription.modified_at:
            return False
        line.stored = replace(line.stored, last_due=at)
        if entities or notice is not None:
            self._supersede(line)
            line.periods.add(PERIODIC + line.stored.books.queued)
            self._queue_period(line, at, tuple(copy.deepcopy(list(entities))), notice)
        return True

    async def dead_letters(
        self,
        tenant: str | None = None,
        *,
        sid: int | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> tuple[list[DeadLetter], int]:
        """Return dead letters, the newest death first, and how many there are."""
        found = [
            letter
            for line in self._lines.values()
            for letter in line.dead.values()
            if tenant in (None, letter.tenant) and sid in (None, letter.sid)
        ]
        found.sort(key=lambda letter: (letter.died_at, letter.row.seq, letter.sid), reverse=True)
        return found[offset : offset + limit], len(found)

    async def dead_letter(self, tenant: str, sid: int, seq: int) -> DeadLetter | None:
        """Return one dead letter."""
        line = self._lines.get(sid)
        if line is None or line.stored.tenant != tenant:
            return None
        return line.dead.get(seq)

    async def replay(self, tenant: str, sid: int, seqs: Iterable[int] | None = None) -> int:
        """Let dead letters wait again."""
        rows = [
            replace(letter.row, attempts=min(letter.row.attempts, 1), not_before=None)
            for letter in self._take_dead(tenant, sid, seqs)
        ]
        if rows:
            line = self._lines[sid]
            line.queue.update((row.seq, row) for row in rows)
            line.post(Posting(dead=-len(rows)))
            self._tell_rows(rows)
        return len(rows)

    async def discard(self, tenant: str, sid: int, seqs: Iterable[int] | None = None) -> int:
        """Forget dead letters; they stay counted as dead."""
        return len(list(self._take_dead(tenant, sid, seqs)))

    async def books(self, sid: int | None = None) -> Books:
        """Return the balance of a subscription, or of the whole store."""
        if sid is not None:
            return self._lines[sid].stored.books if sid in self._lines else Books()
        return self._total()

    def figures(self) -> dict[str, int]:
        """Return figures for /metrics."""
        return figures(self._total(), len(self._lines))

    def tell(self, sid: int, at: str, notice: Notice) -> None:
        """Queue a notification that is about no entity; asked by the store."""
        line = self._lines.get(sid)
        if line is not None:
            line.stored = replace(line.stored, last_due=at)
            self._queue_period(line, at, (), notice)

    def queue(self, committed: Sequence[Committed], find: Find) -> None:
        """Queue what a commit is due to; asked by the store."""
        if self._matcher is None:
            return
        matched = self._matcher.match(committed, find)
        by_seq = {each.change.seq: each for each in committed}
        rows = []
        for due in matched.due:
            each = by_seq[due.seq]
            row = Waiting(due.sid, due.seq, each, 0, None, each.change.at, None)
            line = self._lines[due.sid]
            line.queue[due.seq] = row
            line.post(Posting(queued=1))
            line.stored = replace(line.stored, last_due=each.change.at)
            rows.append(row)
        for sid, count in matched.throttled.items():
            self._lines[sid].post(Posting(throttled=count))
        if matched.commit is not None:
            matched.commit()
        self._tell_rows(rows)

    def expire(self, newest: int, before: str) -> None:
        """Let rows about changes up to `newest` expire, and periodic ones queued before a time."""
        touched = []
        for sid, line in self._lines.items():
            old = [row for row in line.queue.values() if _is_old(row, newest, before)]
            for row in old:
                del line.queue[row.seq]
            for letter in list(line.dead.values()):
                if _is_old(letter.row, newest, before):
                    del line.dead[letter.row.seq]
            if old:
                line.post(Posting(expired=len(old)))
                touched.append(sid)
        self._tell_news(touched)

    def forget(self, deletion: Change) -> None:
        """Let go of what is about an entity up to its deletion; asked by the store."""
        touched = []
        for sid, line in self._lines.items():
            if line.stored.tenant != deletion.tenant:
                continue
            known = [*line.queue.values(), *(letter.row for letter in line.dead.values())]
            for row in known:
                if row.seq == deletion.seq:
                    told = replace(row, committed=Committed(deletion, deletion.before, None))
                    if row.seq in line.queue:
                        line.queue[row.seq] = told
                    else:
                        line.dead[row.seq] = replace(line.dead[row.seq], row=told)
                elif _is_about(row, deletion):
                    if line.queue.pop(row.seq, None) is not None:
                        line.post(Posting(expired=1))
                        touched.append(sid)
                    line.dead.pop(row.seq, None)
        self._tell_news(touched)

    def drop_tenant(self, tenant: str) -> None:
        """Remove all subscriptions of a tenant."""
        gone = [sid for sid, line in self._lines.items() if line.stored.tenant == tenant]
        for sid in gone:
            self._drop(sid)
        self._tell_news(gone)

    def _open(self, stored: StoredSubscription, opening: Opening | None) -> None:
        if opening is not None:
            notice = opening.tell(self._resources(stored.tenant, opening.kind))
            if notice is not None:
                self.tell(stored.sid, self._clock(), notice)

    def _queue_period(
        self, line: _Line, at: str, entities: tuple[Entity, ...], notice: Notice | None
    ) -> None:
        sid, seq = line.stored.sid, PERIODIC + line.stored.books.queued
        line.queue[seq] = Waiting(sid, seq, None, 0, None, at, None, entities, notice)
        line.post(Posting(queued=1))
        self._tell_rows([line.queue[seq]])

    def _supersede(self, line: _Line) -> None:
        old = sorted(line.periods & line.queue.keys())[1:]
        for seq in old:
            del line.queue[seq]
        line.post(Posting(superseded=len(old)))

    def _total(self) -> Books:
        return total([self._gone, *(line.stored.books for line in self._lines.values())])

    def _line(self, tenant: str, id: str) -> _Line | None:
        for line in self._lines.values():
            if (line.stored.tenant, line.stored.id) == (tenant, id):
                return line
        return None

    def _known(self, tenant: str, id: str) -> _Line:
        self._enter(tenant, False)
        line = self._line(tenant, id)
        if line is None:
            raise no_subscription(id)
        return line

    def _cancel(self, line: _Line) -> None:
        line.post(Posting(cancelled=len(line.queue)))
        line.queue.clear()

    def _drop(self, sid: int) -> None:
        line = self._lines[sid]
        self._cancel(line)
        self._gone = total((self._gone, line.stored.books))
        del self._lines[sid]
        if self._matcher is not None:
            self._matcher.drop(sid)

    def _settle(self, line: _Line, settlement: Settlement) -> None:
        row = line.queue.pop(settlement.seq)
        posting = Posting()
        posting.settle(settlement, row.attempts)
        line.post(posting)
        if settlement.outcome is Outcome.DEAD:
            row = replace(
                row, attempts=settlement.attempts, not_before=None, error=settlement.error
            )
            stored = line.stored
            line.dead[row.seq] = DeadLetter(
                stored.sid, stored.id, stored.tenant, row, settlement.at
            )

    def _take_dead(self, tenant: str, sid: int, seqs: Iterable[int] | None) -> Iterator[DeadLetter]:
        line = self._lines.get(sid)
        if line is None or line.stored.tenant != tenant:
            return
        for seq in sorted(line.dead if seqs is None else set(seqs) & set(line.dead)):
            yield line.dead.pop(seq)

    def _tell_rows(self, rows: Sequence[Waiting]) -> None:
        if rows:
            for listener in list(self._row_listeners):
                listener(rows)

    def _tell_news(self, sids: Collection[int]) -> None:
        if sids:
            for listener in list(self._news_listeners):
                listener(sids)


def _added(listeners: list[T], listener: T) -> Callable[[], None]:
    listeners.append(listener)

    def stop() -> None:
        with suppress(ValueError):
            listeners.remove(listener)

    return stop


def _is_old(row: Waiting, newest: int, before: str) -> bool:
    return row.seq <= newest or (row.seq >= PERIODIC and row.queued_at < before)


def _is_about(row: Waiting, deletion: Change) -> bool:
    """Tell whether a row tells of an entity before its deletion."""
    if row.committed is None:
        return any(entity["id"] == deletion.entity_id for entity in row.entities)
    change = row.committed.change
    return change.entity_id == deletion.entity_id and change.seq < deletion.seq
