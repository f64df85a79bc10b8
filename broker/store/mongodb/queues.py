"""Subscriptions and their queues as memory holds them: true at the newest turn taken over.

Changed in two ways only: by what this broker has committed, and by what others have (`take_over`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict

from broker.store.books import total
from broker.store.mongodb.following import Others
from broker.store.mongodb.letters import to_tries, to_waiting
from broker.store.mongodb.lines import Line, to_subscription
from broker.store.mongodb.listeners import Listeners
from broker.store.mongodb.rows import Document
from broker.store.mongodb.server import Database
from broker.store.mongodb.sharing import Sharing
from broker.store.mongodb.slots import Slots, slot_of
from broker.store.outbox import Books, Courier, Matcher, StoredSubscription, Waiting


class Queues:
    """The lines of a database, and who is told of them."""

    def __init__(self, sharing: Sharing) -> None:
        self.lines: dict[int, Line] = {}
        self.ids: dict[tuple[str, str], int] = {}
        self.gone = Books()
        """The books of what was removed."""
        self.last = 0
        """The number of the newest subscription."""
        self.matcher: Matcher | None = None
        self.courier: Courier | None = None
        self.told = Listeners()
        self.sharing = sharing

    async def load(self, database: Database) -> None:
        """Take in what the database holds."""
        async for document in database["subscriptions"].find({"_id": {"$gt": 0}}).sort("_id", 1):
            stored = to_subscription(document)
            self.lines[stored.sid] = Line(stored)
            self.ids[stored.tenant, stored.id] = stored.sid
        async for document in database["outbox"].find({}, {"entities": 0, "notice": 0}):
            if (line := self.lines.get(document["sid"])) is not None:
                line.add(document["seq"], to_tries(document))
        self._take_meta(await database["meta"].find_one({"_id": "outbox"}))

    def total(self) -> Books:
        """Return the books of all."""
        return total([self.gone, *(line.stored.books for line in self.lines.values())])

    def meta(self, *, last: int | None = None, gone: Books | None = None) -> Document:
        """Return the document of what is about no subscription."""
        return {
            "_id": "outbox",
            "last": self.last if last is None else last,
            "gone": asdict(self.gone if gone is None else gone),
        }

    def waiting(self, slots: Collection[int] | None = None) -> list[int]:
        """Return the subscriptions of this broker, in some slots, that have rows waiting."""
        return [
            sid
            for sid, line in self.lines.items()
            if line.rows and self.sharing.keeps(sid) and (slots is None or slot_of(sid) in slots)
        ]

    def add(self, line: Line) -> None:
        """Take in a new subscription."""
        stored = line.stored
        self.last = max(self.last, stored.sid)
        self.lines[stored.sid] = line
        self.ids[stored.tenant, stored.id] = stored.sid
        self.kept(stored)

    def kept(self, stored: StoredSubscription) -> None:
        """Tell of a subscription that is new, or was replaced."""
        if self.matcher is not None:
            self.matcher.keep(stored)
        self.told.news([stored.sid])

    def drop(self, sids: Sequence[int]) -> None:
        """Forget subscriptions."""
        for sid in sids:
            stored = self.lines.pop(sid).stored
            del self.ids[stored.tenant, stored.id]
            if self.matcher is not None:
                self.matcher.drop(sid)
        self.told.news(sids)

    def begin(self, rows: Iterable[Waiting]) -> None:
        """Tell of rows that begin to wait, where it is for this broker to deliver them."""
        self.told.rows([row for row in rows if self.sharing.keeps(row.sid)])

    def deal(self, slots: Slots) -> None:
        """Take over who owns which queues; begin with those that are new here."""
        self.resume(self.sharing.deal(slots))

    def resume(self, slots: Collection[int]) -> None:
        """Let the queues of this broker in some slots be looked at again."""
        if self.courier is not None and slots:
            self.courier.take(self.waiting(slots))

    def take_over(self, others: Others) -> None:
        """Take over what others have committed."""
        self._take_subscriptions(others.of("subscriptions"))
        self._take_rows(others)
        meta = others.of("meta")
        self._take_meta(meta.get("outbox"))
        if (slots := meta.get("slots")) is not None:
            self.deal(Slots(tuple(slots["members"]), tuple(slots["owners"])))

    def _take_meta(self, document: Document | None) -> None:
        if document is not None:
            self.last = document["last"]
            self.gone = Books(**document["gone"])

    def _take_subscriptions(self, documents: dict[int, Document | None]) -> None:
        gone = [sid for sid, document in documents.items() if document is None]
        self.drop([sid for sid in gone if sid in self.lines])
        for document in documents.values():
            if document is not None:
                self._take_subscription(to_subscription(document))

    def _take_subscription(self, stored: StoredSubscription) -> None:
        line = self.lines.get(stored.sid)
        if line is None:
            self.add(Line(stored))
            return
        old, line.stored = line.stored, stored
        if (old.modified_at, old.document) != (stored.modified_at, stored.document):
            self.kept(stored)
        if old.last_due != stored.last_due and self.matcher is not None:
            self.matcher.notified(stored)

    def _take_rows(self, others: Others) -> None:
        changes = {one.change.seq: one for one in others.committed}
        begun: list[Waiting] = []
        again: dict[int, None] = {}
        """Queues from which others took rows, or into which they put back old ones."""
        for key, document in others.of("outbox").items():
            sid, seq = map(int, key.split(":"))
            line = self.lines.get(sid)
            if line is None:
                continue
            if document is None:
                if seq in line.rows:
                    line.take(seq)
                    again[sid] = None
                continue
            new, tries = seq not in line.rows, to_tries(document)
            line.add(seq, tries)
            row = to_waiting(sid, seq, tries, changes, {seq: document}) if new else None
            if row is not None:
                begun.append(row)
            elif new:
                again[sid] = None
        self.begin(sorted(begun, key=lambda row: (row.seq, row.sid)))
        mine = [sid for sid in again if self.sharing.keeps(sid)]
        self.told.news(mine)
        if self.courier is not None:
            self.courier.take([sid for sid in mine if sid in self.lines and self.lines[sid].rows])
