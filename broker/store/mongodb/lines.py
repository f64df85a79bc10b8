"""Queues of subscriptions as memory holds them: of each waiting row its number and its tries."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from broker.model.entity import Entity
from broker.store.mongodb.rows import Document
from broker.store.outbox import Books, History, Notice, StoredSubscription


@dataclass(frozen=True, slots=True)
class Tries:
    """What is known of the tries of a waiting row."""

    queued_at: str
    attempts: int = 0
    not_before: str | None = None
    error: str | None = None
    period: bool = False
    """Whether it was due at an interval: a newer one of the kind takes its place."""


@dataclass(slots=True)
class Line:
    """A subscription and its waiting rows, in order of their numbers."""

    stored: StoredSubscription
    rows: dict[int, Tries] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)

    def add(self, seq: int, tries: Tries) -> None:
        """Let a row wait, or note its tries."""
        if seq not in self.rows:
            insort(self.order, seq)
        self.rows[seq] = tries

    def take(self, seq: int) -> None:
        """Take a row out of the queue."""
        del self.rows[seq]
        self.order.pop(bisect_left(self.order, seq))

    def past(self, after: int, limit: int) -> list[int]:
        """Return the numbers of the oldest rows past `after`."""
        begin = bisect_left(self.order, after + 1)
        return self.order[begin : begin + limit]


def row_key(sid: int, seq: int) -> str:
    """Return the `_id` of a row."""
    return f"{sid}:{seq}"


def about_period(entities: Sequence[Entity], notice: Notice | None) -> Document:
    """Return what a periodic row is about, as fields of its document."""
    if notice is not None:
        return {"notice": orjson.dumps(notice).decode()}
    return {"entities": orjson.dumps(list(entities)).decode()}


def subscription_document(stored: StoredSubscription) -> Document:
    """Return the document of a subscription."""
    document: dict[str, Any] = {
        name: getattr(stored, name)
        for name in ("tenant", "id", "since", "created_at", "modified_at", "last_due", "kind")
    }
    return {
        "_id": stored.sid,
        **document,
        "document": orjson.dumps(stored.document).decode(),
        "books": asdict(stored.books),
        "history": asdict(stored.history),
    }


def to_subscription(document: Document) -> StoredSubscription:
    """Return the subscription of a document."""
    return StoredSubscription(
        document["_id"],
        document["tenant"],
        document["id"],
        orjson.loads(document["document"]),
        document["since"],
        document["created_at"],
        document["modified_at"],
        Books(**document["books"]),
        History(**document["history"]),
        document["last_due"],
        document["kind"],
    )
