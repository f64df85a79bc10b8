"""What is known of a booking: the booking, its money, its keys, its letters. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from apps.bookings.core.when import Span

NEVER: Final = datetime.fromisoformat("9999-12-31T00:00:00+00:00")
"""When what is never due is due."""


class Status(StrEnum):
    """Where a booking stands, in the model's words."""

    REQUESTED = "requested"
    AWAITING_PAYMENT = "awaitingPayment"
    CONFIRMED = "confirmed"
    IN_USE = "inUse"
    OVERSTAYED = "overstayed"
    COMPLETED = "completed"
    NO_SHOW = "noShow"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    SUSPENDED = "suspended"


HOLDING: Final = frozenset(
    {Status.REQUESTED, Status.AWAITING_PAYMENT, Status.CONFIRMED, Status.IN_USE}
)
"""States in which a booking has its slots."""
USABLE: Final = frozenset({Status.CONFIRMED, Status.IN_USE})
"""States in which its keys open."""


UNDECIDED: Final = frozenset({Status.REQUESTED, Status.AWAITING_PAYMENT})
"""States in which it is open whether the booking is to be."""


class Money(StrEnum):
    """Where a payment or refund stands, in the model's words."""

    PENDING = "pending"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Method(StrEnum):
    """How is paid."""

    CASH = "cashCounter"
    CARD = "card"
    TOWN_MONEY = "localCurrency"
    EXEMPT = "exempt"


PROVIDED: Final = frozenset({Method.CARD, Method.TOWN_MONEY})
"""What goes through a provider, each through its own."""


REFUND: Final = "-refund-"


@dataclass(frozen=True, slots=True)
class Payment:
    """A charge, or a refund, whose id is its charge's and a number. `retry_at`: when to ask."""

    id: str
    amount: int
    method: Method
    refund: bool = False
    status: Money = Money.PENDING
    ref: str = ""
    settled_on: str = ""
    attempts: int = 0
    retry_at: datetime | None = None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Key:
    """A grant of access to one lock, as far as the booking is concerned.

    `key` names it to whoever makes locks open; `revoke` is why it is taken back, once it is;
    `mailed` that its PIN was sent; `told` that its holder knows that it does not work. `issued`,
    `used`, `stays` (the room is in use although the time is over), `failed` and `silent` (its lock
    tells nothing) are what its AccessGrant says;
    `refused` is why it has none.
    """

    key: str
    grant: str
    lock: str
    revoke: str = ""
    mailed: bool = False
    told: bool = False
    issued: bool = False
    used: bool = False
    stays: bool = False
    failed: bool = False
    silent: bool = False
    refused: str = ""

    @property
    def current(self) -> bool:
        """Say whether it is to open."""
        return not self.revoke


class Posted(StrEnum):
    """What became of a letter: one that was refused is given up, one with nowhere to go is unsent.

    It has nowhere to go where its holder gave no address, or the town has no mail server. It is
    held back where its address got as many as one gets in a day.
    """

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    UNSENT = "unsent"
    HELD = "heldBack"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail to the holder, `queued` as long as it is to be tried. `serial` makes it one."""

    kind: str
    serial: int
    status: str = Posted.QUEUED
    attempts: int = 0
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """A member of staff had to do with the PINs: `how` is `shown` or `sent`."""

    at: datetime
    by: str
    how: str


@dataclass(frozen=True, slots=True)
class Booking:
    """The booking itself. `claims` are the ids of the base slots it took, `locks` what opens it.

    `place` is the id of the claim on one of the unpaid bookings its holder may have.
    """

    id: str
    number: str
    space: str
    span: Span
    status: Status
    holder: str
    fee: int
    channel: str = "web"
    reduction: str = ""
    language: str = "ja"
    party: int = 0
    hold_until: datetime | None = None
    confirmed_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str = ""
    refund_amount: int = 0
    claims: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    letters: tuple[Letter, ...] = ()
    looks: tuple[Look, ...] = ()
    idempotency_key: str = ""
    request_digest: str = ""
    ledger_id: str = ""
    accepted_by: str = ""
    place: str = ""

    @property
    def unpaid(self) -> bool:
        """Say whether it is one of the few its holder may have on the web without having paid."""
        free = self.status is Status.CONFIRMED and self.fee == 0
        return self.channel == "web" and (self.status in UNDECIDED or free)

    @property
    def city(self) -> str:
        """Return the code of the municipality, a part of all ids made for it."""
        return self.id.split(":")[3]

    @property
    def local(self) -> str:
        """Return the last part of its id."""
        return self.id.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Case:
    """A booking with its money. `past` are charges that failed or were left for another."""

    booking: Booking
    charge: Payment | None = None
    past: tuple[Payment, ...] = ()
    refunds: tuple[Payment, ...] = ()

    @property
    def paid(self) -> int:
        """Return the money that was taken."""
        captured = self.charge is not None and self.charge.status is Money.CAPTURED
        return self.charge.amount if self.charge is not None and captured else 0

    @property
    def returned(self) -> int:
        """Return what of it was given back, or is about to be."""
        charge = self.charge.id if self.charge is not None else ""
        return sum(one.amount for one in self.refunds if refunded_charge(one) == charge)


def refunded_charge(refund: Payment) -> str:
    """Return the id of the charge a refund belongs to."""
    return refund.id.rpartition(REFUND)[0]
