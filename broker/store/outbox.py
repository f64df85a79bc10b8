"""The outbox contract: subscriptions, and the notifications that are due to them.

A matcher given to the store is asked inside the writing transaction, once for each group of
changes, and the rows it returns commit with the changes they are about. What a notification is
rendered from (the change, and the entity as it was then) is kept until the last row about it is
settled, so that a receiver that was down gets what was true at the time.

The books balance at any time, for each subscription and in all:

    queued = delivered + dead + expired + cancelled + withheld + superseded + waiting

`throttled` is counted before anything is queued. `superseded` are periods that were not sent
before a newer one was due. A dead letter that is replayed is no longer dead
and waits again. What is still waiting when its change is pruned from the feed has expired.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from broker.model.entity import Entity
from broker.store.contract import Committed, Find, Resource

IN_FLIGHT: Final = 64
"""How many rows of one queue, from its head, may be under way (sent, not yet settled) at a time."""

PERIODIC: Final = 1 << 52
"""Where the numbers of periodic rows begin, which are about no change and are never pruned with
one; far beyond any change."""


Notice: TypeAlias = dict[str, Any]
"""What a notification that is about no entity is made from, as JSON."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a subscription is told of as soon as it is there, decided in the same transaction.

    `tell` makes it of the tenant's resources of a kind, None for nothing. Pure; may be called
    more than once.
    """

    kind: str
    tell: Callable[[Sequence[Resource]], Notice | None]


class Outcome(StrEnum):
    """How a row left the queue."""

    DELIVERED = "delivered"
    DEAD = "dead"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Books:
    """The balance of one subscription, or of all; see the module."""

    queued: int = 0
    delivered: int = 0
    dead: int = 0
    expired: int = 0
    cancelled: int = 0
    withheld: int = 0
    superseded: int = 0
    waiting: int = 0
    throttled: int = 0

    @property
    def balanced(self) -> bool:
        """Tell whether every queued notification is accounted for."""
        settled = self.delivered + self.dead + self.expired + self.cancelled + self.withheld
        return self.queued == settled + self.superseded + self.waiting


@dataclass(frozen=True, slots=True)
class History:
    """What is told of past deliveries (§5.2.14): times as ISO 8601 in UTC, or None.

    Every try counts in `times_sent`, failed ones in `times_failed` too.
    """

    times_sent: int = 0
    times_failed: int = 0
    last_notification: str | None = None
    last_success: str | None = None
    last_failure: str | None = None
    last_error: str | None = None
    """Why the newest try failed, in words an operator can act on; None where it succeeded."""


@dataclass(frozen=True, slots=True)
class StoredSubscription:
    """A subscription as the store keeps it.

    `sid` numbers it for good, never used again. `kind` tells what it is a subscription to: empty
    for entities. `document` is the subscription with expanded
    names, the @context it was made with, and who owns it for which purpose; the store does not
    look inside. `since` is the newest change that existed when it was created. `last_due` is the
    time of the newest notification that was queued.
    """

    sid: int
    tenant: str
    id: str
    document: dict[str, Any]
    since: int
    created_at: str
    modified_at: str
    books: Books = field(default_factory=Books)
    history: History = field(default_factory=History)
    last_due: str | None = None
    kind: str = ""

    def with_document(self, document: dict[str, Any]) -> StoredSubscription:
        """Return the subscription with another document."""
        return replace(self, document=document)


class Due(NamedTuple):
    """A row for the outbox: `sid` shall be notified of change `seq`."""

    sid: int
    seq: int


@dataclass(frozen=True, slots=True)
class Matched:
    """What a matcher returns for a group of changes."""

    due: Sequence[Due] = ()
    """The rows, in order of `seq`."""
    throttled: dict[int, int] = field(default_factory=dict)
    """How many notifications were not queued because of `throttling`, by `sid`."""
    commit: Callable[[], None] | None = None
    """Called once the group is durable, and not at all where its commit fails."""


class Matcher(Protocol):
    """Decides which subscriptions a change is due to; pure but for its own index.

    The store keeps the index: subscriptions come and go as the open transaction has them, and
    where it fails the store puts back what was there. None of this may raise.
    """

    def keep(self, subscription: StoredSubscription) -> None:
        """Take in a subscription that is new, or replaces the one of the same `sid`."""
        ...

    def drop(self, sid: int) -> None:
        """Forget a subscription."""
        ...

    def notified(self, subscription: StoredSubscription) -> None:
        """Take over that another broker queued something for it, at its `last_due`."""
        ...

    def match(self, committed: Sequence[Committed], find: Find) -> Matched:
        """Return the rows of a group of changes. Must be quick.

        `find` is for conditions on linked entities. Changes up to a subscription's `since` are
        never due to it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Waiting:
    """One row of the outbox with all that is needed to render its notification.

    `committed` is the change with the entity before and after it, as at that change, never as
    the entity is now. It is None for a periodic notification, which has `entities` instead, as
    they were when it was due, and for one about no entity, which has a `notice`. `attempts` counts
    the tries that are known of; it is raised by one for all rows that may have been under way when
    the broker ended (`IN_FLIGHT`). `not_before` is when the next try is due, None for at once.
    `error` says why the newest try failed.
    """

    sid: int
    seq: int
    committed: Committed | None
    attempts: int
    not_before: str | None
    queued_at: str
    error: str | None
    entities: tuple[Entity, ...] = ()
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """The end of a row: `error` says why a notification is dead, expired or withheld.

    `attempts` counts all tries, the last one included. A dead row whose count is higher than
    before counts as a failed try in the history.
    """

    sid: int
    seq: int
    outcome: Outcome
    at: str
    attempts: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A try that failed and will be repeated at `not_before`."""

    sid: int
    seq: int
    at: str
    attempts: int
    not_before: str
    error: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A notification that could not be delivered, kept to be looked at and replayed."""

    sid: int
    subscription_id: str
    tenant: str
    row: Waiting
    died_at: str


RowListener: TypeAlias = Callable[[Sequence[Waiting]], None]
"""Told of rows that begin to wait."""

NewsListener: TypeAlias = Callable[[Collection[int]], None]
"""Told of subscriptions, by `sid`, that came, changed or went."""


class Courier(Protocol):
    """Delivers the queues that are this broker's. Several brokers on one database share them."""

    def take(self, sids: Collection[int]) -> None:
        """Look at queues that have rows: new here, or changed by others. Must not block or raise.

        Where one is looked at already, what is held of it is read again.
        """
        ...

    async def leave(self, sids: Collection[int]) -> None:
        """Let go of queues; return when nothing of them is under way and all is settled."""
        ...


class Outbox(Protocol):
    """The part of a store that keeps subscriptions and their queues; `Store.outbox`.

    Every method that changes something returns when it is durable.
    """

    async def create(
        self,
        tenant: str,
        id: str,
        document: dict[str, Any],
        *,
        kind: str = "",
        opening: Opening | None = None,
    ) -> StoredSubscription:
        """Keep a new subscription; the tenant comes into being. Raises AlreadyExists.

        Subscriptions of all kinds share their ids.
        """
        ...

    async def replace(
        self,
        tenant: str,
        id: str,
        document: dict[str, Any],
        *,
        cancel: bool = False,
        opening: Opening | None = None,
    ) -> StoredSubscription:
        """Replace the document; with `cancel` its waiting rows are cancelled.

        Raises ResourceNotFound, NonexistentTenant.
        """
        ...

    async def remove(self, tenant: str, id: str) -> None:
        """Delete a subscription, its waiting rows (cancelled) and dead letters.

        Its books go on counting in those of the whole store. Raises ResourceNotFound,
        NonexistentTenant.
        """
        ...

    async def get(self, tenant: str, id: str) -> StoredSubscription | None:
        """Return a subscription with its books and history. Raises NonexistentTenant."""
        ...

    def find(self, sid: int) -> StoredSubscription | None:
        """Return a subscription by its number, at once."""
        ...

    async def page(
        self, tenant: str, *, offset: int, limit: int, kind: str = ""
    ) -> tuple[list[StoredSubscription], int]:
        """Return a tenant's subscriptions of a kind in order of creation, and how many there are.

        Raises NonexistentTenant.
        """
        ...

    async def all(self) -> list[StoredSubscription]:
        """Return every subscription of every tenant, as a starting broker needs them."""
        ...

    def match_with(self, matcher: Matcher) -> None:
        """Give `matcher` all subscriptions, and ask it about every group of changes from now on."""
        ...

    def listen(self, listener: RowListener) -> Callable[[], None]:
        """Call `listener` with the rows that begin to wait; return the way to stop it.

        Called on the event loop after each commit that queued rows, once, with what `waiting`
        would return for them, in order of `seq`; and after a replay. Rows of queues that another
        broker delivers are left out. Must not block or raise.
        """
        ...

    def follow(self, listener: NewsListener) -> Callable[[], None]:
        """Call `listener` with the `sid`s of subscriptions that changed; return what stops it.

        Called on the event loop after each commit that created, replaced or removed some, or
        took rows out of their queues other than by `settle` (cancelled, expired). Must not block
        or raise.
        """
        ...

    def deliver_with(self, courier: Courier) -> None:
        """Tell `courier` of queues that change hands between brokers."""
        ...

    def mine(self, sid: int) -> bool:
        """Tell whether this broker delivers a queue, and tells what is due at intervals.

        One broker at most does at a time. To be asked just before each try: a broker that others
        may take for dead has no queues.
        """
        ...

    async def waiting(self, sid: int, *, after: int = 0, limit: int = IN_FLIGHT) -> list[Waiting]:
        """Return the oldest rows of a queue past row `after`, in order; none where it is gone."""
        ...

    def ahead(self, sid: int, seq: int) -> int:
        """Return how many rows of a queue come before row `seq`."""
        ...

    async def queues(self) -> list[int]:
        """Return the subscriptions that have rows waiting, of those that are this broker's."""
        ...

    async def oldest(self) -> str | None:
        """Return since when the row waits that has waited longest; None where none does."""
        ...

    async def settle(
        self, settlements: Iterable[Settlement] = (), failures: Iterable[Failure] = ()
    ) -> None:
        """Take rows out of their queues and write the books, or note failed tries.

        Delivered and failed tries are counted in the subscription's history. A row that is no
        longer waiting (cancelled meanwhile) is left alone, and counted nowhere; so is one of a
        queue that has become another broker's. Whoever delivers
        does this for all that is under way before the store is closed.
        """
        ...

    async def queue_period(
        self,
        subscription: StoredSubscription,
        at: str,
        entities: Sequence[Entity],
        notice: Notice | None = None,
    ) -> bool:
        """Note that a period was due `at`, and queue its notification.

        It is of `entities`, or else of a `notice`; with neither, nothing is queued. It supersedes
        the periods that wait already but for the oldest, which may be under way: a receiver that
        is down costs two of them, however long.

        False, and nothing done, where the subscription was replaced or removed meanwhile, or its
        queue is another broker's.
        """
        ...

    async def dead_letters(
        self,
        tenant: str | None = None,
        *,
        sid: int | None = None,
        offset: int = 0,
        limit: int = 100,
    ) -> tuple[list[DeadLetter], int]:
        """Return dead letters, the newest death first, and how many there are."""
        ...

    async def dead_letter(self, tenant: str, sid: int, seq: int) -> DeadLetter | None:
        """Return one dead letter, found by its key."""
        ...

    async def replay(self, tenant: str, sid: int, seqs: Iterable[int] | None = None) -> int:
        """Let dead letters (all of a subscription by default) wait again; return how many.

        They keep their place in the order of the queue, and begin anew as if tried once, since
        the receiver may have got them.
        """
        ...

    async def discard(self, tenant: str, sid: int, seqs: Iterable[int] | None = None) -> int:
        """Forget dead letters; they stay counted as dead. Return how many."""
        ...

    async def books(self, sid: int | None = None) -> Books:
        """Return the balance of a subscription, or of the whole store."""
        ...

    def figures(self) -> dict[str, int]:
        """Return figures for /metrics: how many subscriptions, and the balance of the store."""
        ...
