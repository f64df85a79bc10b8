"""What is to be done next about a booking, and when. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from apps.bookings.process.case import (
    NEVER,
    PROVIDED,
    UNDECIDED,
    USABLE,
    Case,
    Letter,
    Money,
    Payment,
    Posted,
    Status,
)

KEY_PATIENCE: Final = timedelta(seconds=20)
"""How long the letter of confirmation waits for the PIN."""
PATIENCE: Final = timedelta(minutes=1)
"""How long a key takes that is not late."""
TROUBLE_BEFORE: Final = timedelta(minutes=30)
"""How long before the start it is told that a key is not ready."""
REMIND_BEFORE: Final = timedelta(hours=24)
NO_REMINDER: Final = timedelta(hours=36)
"""Whoever booked later than this before the start needs no reminder."""
STAYS_AT_MOST: Final = timedelta(hours=12)
"""How long after the end a booking whose room is not left is closed all the same."""
AFTER: Final = timedelta(minutes=15)
"""How long after the end a booking is closed: late openings have been told by then."""


class Act(StrEnum):
    """What can be due."""

    EXPIRE = "expire"
    ASK = "ask"
    LOOK = "look"
    ABANDON = "abandon"
    ABANDON_PAST = "abandonPast"
    PAY_BACK = "payBack"
    USE = "use"
    OVERSTAY = "overstay"
    FINISH = "finish"
    TROUBLE = "trouble"
    REMIND = "remind"
    KEY = "key"
    POST = "post"


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """Something to do, and when; `serial` is the letter's or the refund's place."""

    at: datetime
    act: Act
    serial: int = 0


EPOCH: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
"""When what is to be done at once was due."""


def next_due(case: Case) -> Due | None:
    """Return what is due first; of what is due at once, what others wait for."""
    return min(_all(case), key=lambda due: (due.at, list(Act).index(due.act)), default=None)


def due_at(case: Case) -> datetime:
    """Return when there is something to do next, `NEVER` where there is nothing."""
    first = next_due(case)
    return NEVER if first is None else first.at


def _all(case: Case) -> Iterator[Due]:
    booking = case.booking
    yield from _money(case)
    if booking.hold_until is not None and booking.status in UNDECIDED:
        yield Due(booking.hold_until, Act.EXPIRE)
    if booking.status in USABLE:
        yield from _visit(case)
    if booking.status is Status.OVERSTAYED:
        stays = any(one.stays for one in booking.keys)
        yield Due(booking.span.end + STAYS_AT_MOST if stays else EPOCH, Act.FINISH)
    for letter in booking.letters:
        if letter.status == Posted.QUEUED:
            yield Due(_post_at(case, letter), Act.POST, letter.serial)


def _money(case: Case) -> Iterator[Due]:
    charge = case.charge
    if charge is not None and charge.status is Money.PENDING and charge.method in PROVIDED:
        yield Due(charge.retry_at or EPOCH, _about(case, charge))
    for serial, past in enumerate(case.past):
        if past.status is Money.PENDING:
            yield Due(past.retry_at or EPOCH, Act.ABANDON_PAST, serial)
    for serial, refund in enumerate(case.refunds):
        if refund.status is Money.PENDING and refund.method in PROVIDED:
            yield Due(refund.retry_at or EPOCH, Act.PAY_BACK, serial)


def _about(case: Case, charge: Payment) -> Act:
    if case.booking.status is not Status.AWAITING_PAYMENT:
        return Act.ABANDON
    return Act.LOOK if charge.ref else Act.ASK


def _visit(case: Case) -> Iterator[Due]:
    booking = case.booking
    current = [one for one in booking.keys if one.current]
    if booking.status is Status.CONFIRMED and any(one.used for one in current):
        yield Due(EPOCH, Act.USE)
    if any(one.stays for one in current):
        yield Due(EPOCH, Act.OVERSTAY)
    yield Due(booking.span.end + AFTER, Act.FINISH)
    if any(not one.issued and not one.told for one in current):
        hopeless = any((one.failed or one.refused) and not one.told for one in current)
        late = max(booking.span.start - TROUBLE_BEFORE, (booking.confirmed_at or EPOCH) + PATIENCE)
        yield Due(EPOCH if hopeless else late, Act.TROUBLE)
    letters = booking.letters
    brought = any(
        one.kind in ("confirmed", "changed") and one.status == Posted.QUEUED for one in letters
    )
    if not brought and any(one.issued and not one.mailed for one in current):
        yield Due(EPOCH, Act.KEY)
    early = (booking.confirmed_at or NEVER) <= booking.span.start - NO_REMINDER
    reminded = any(one.kind == "reminder" for one in letters)
    if early and not reminded and booking.status is Status.CONFIRMED:
        yield Due(booking.span.start - REMIND_BEFORE, Act.REMIND)


def _post_at(case: Case, letter: Letter) -> datetime:
    if letter.retry_at is not None:
        return letter.retry_at
    booking = case.booking
    unissued = any(one.current and not one.issued for one in booking.keys)
    if letter.kind == "confirmed" and unissued:
        return (booking.confirmed_at or EPOCH) + KEY_PATIENCE
    return EPOCH
