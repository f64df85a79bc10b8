"""How tries and settlements change the books and the history of a subscription (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from broker.errors import AlreadyExists, ResourceNotFound
from broker.store.outbox import Books, Failure, History, Outcome, Settlement


@dataclass(slots=True)
class Posting:
    """What is added to the books and history of one subscription in one go.

    `queued` and the outcomes say how many rows; `dead` is negative where dead letters are
    replayed. `tried` tells whether there was a try at all: the newest is `last_notification`,
    and either a success or a failure with `last_error`.
    """

    queued: int = 0
    delivered: int = 0
    dead: int = 0
    expired: int = 0
    cancelled: int = 0
    withheld: int = 0
    superseded: int = 0
    throttled: int = 0
    sent: int = 0
    failed: int = 0
    tried: bool = False
    last_notification: str | None = None
    last_success: str | None = None
    last_failure: str | None = None
    last_error: str | None = None

    def settle(self, settlement: Settlement, attempts: int) -> None:
        """Count the end of a row that had so many tries before."""
        outcome = settlement.outcome
        setattr(self, outcome.value, getattr(self, outcome.value) + 1)
        if outcome is Outcome.DELIVERED:
            self._try(settlement.at)
            self.last_success = settlement.at
        elif outcome is Outcome.DEAD and settlement.attempts > attempts:
            self._fail(settlement.at, settlement.error)

    def fail(self, failure: Failure) -> None:
        """Count a failed try."""
        self._fail(failure.at, failure.error)

    def _try(self, at: str) -> None:
        self.sent += 1
        self.tried = True
        self.last_notification = at
        self.last_error = None

    def _fail(self, at: str, error: str | None) -> None:
        self._try(at)
        self.failed += 1
        self.last_failure = at
        self.last_error = error or "The try failed."

    def on_books(self, books: Books) -> Books:
        """Return the books with this posted."""
        settled = self.delivered + self.dead + self.expired + self.cancelled + self.withheld
        settled += self.superseded
        return Books(
            queued=books.queued + self.queued,
            delivered=books.delivered + self.delivered,
            dead=books.dead + self.dead,
            expired=books.expired + self.expired,
            cancelled=books.cancelled + self.cancelled,
            withheld=books.withheld + self.withheld,
            superseded=books.superseded + self.superseded,
            waiting=books.waiting + self.queued - settled,
            throttled=books.throttled + self.throttled,
        )

    def on_history(self, history: History) -> History:
        """Return the history with this posted."""
        if not self.tried:
            return history
        return replace(
            history,
            times_sent=history.times_sent + self.sent,
            times_failed=history.times_failed + self.failed,
            last_notification=self.last_notification,
            last_success=self.last_success or history.last_success,
            last_failure=self.last_failure or history.last_failure,
            last_error=self.last_error,
        )


def total(all_books: Iterable[Books]) -> Books:
    """Return the books of many together."""
    sums = [0] * len(_NAMES)
    for books in all_books:
        for place, name in enumerate(_NAMES):
            sums[place] += getattr(books, name)
    return Books(*sums)


def figures(books: Books, subscriptions: int) -> dict[str, int]:
    """Return books as figures for /metrics."""
    told = {
        f"outbox_{name}" + ("" if name in _GO_BACK else "_total"): getattr(books, name)
        for name in _NAMES
    }
    return {"subscriptions": subscriptions, **told}


_NAMES = tuple(field.name for field in fields(Books))
_GO_BACK = ("waiting", "dead")
"""Figures that can fall: what is delivered waits no longer, what is replayed is not dead."""


def no_subscription(id: str, place: str = "path:id") -> ResourceNotFound:
    """Return the error for a subscription that is not there; `place` is where it was named."""
    return ResourceNotFound(
        f"There is no subscription {id}.",
        place=place,
        remedy="Check the id and the tenant (header NGSILD-Tenant).",
    )


def subscription_exists(id: str) -> AlreadyExists:
    """Return the error for a second subscription of one id."""
    return AlreadyExists(
        f"The subscription {id} exists already.",
        place="body:/id",
        remedy="Choose another id, leave it out to get one, or change the existing subscription.",
    )
