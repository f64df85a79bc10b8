"""How a booking changes. Pure: a case and what happened give the next case.

Money that was captured for a booking that is not to be is given back in the same step, so that no
state in between can be seen, stopped in, or restarted from.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from apps.bookings.core.prices import HUNDRED, part
from apps.bookings.core.when import Span, utc
from apps.bookings.process.case import (
    HOLDING,
    PROVIDED,
    REFUND,
    USABLE,
    Booking,
    Case,
    Key,
    Letter,
    Look,
    Method,
    Money,
    Payment,
    Posted,
    Status,
    refunded_charge,
)
from apps.keys.contract import grant_id

FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(hours=1)
MOST_LETTERS: Final = 12
"""Tries of a mail: about six hours."""


class NotPossible(Exception):
    """What was asked for does not fit where the booking stands. The text is a key for pages."""


def begun(booking: Booking, now: datetime, *, hold: timedelta, approval: bool) -> Case:
    """Return a new booking: to be approved, to be paid within `hold`, or confirmed at once."""
    if approval:
        wait = replace(booking, status=Status.REQUESTED, hold_until=booking.span.start)
        return written(Case(wait), "requested")
    return _accepted(Case(booking), now, hold)


def approved(case: Case, now: datetime, hold: timedelta, by: str, full: int | None = None) -> Case:
    """Return the case after staff agreed, or agreed to it at the `full` price only.

    Raises NotPossible.
    """
    if case.booking.status is not Status.REQUESTED:
        raise NotPossible("not_requested")
    booking = replace(case.booking, accepted_by=by)
    if full is None:
        return _accepted(replace(case, booking=booking), now, hold, told="approved")
    booking = replace(booking, fee=full, reduction="")
    return _accepted(replace(case, booking=booking), now, hold, told="fullPrice")


def rejected(case: Case, now: datetime, by: str) -> Case:
    """Return the case after staff did not agree. Raises NotPossible."""
    if case.booking.status is not Status.REQUESTED:
        raise NotPossible("not_requested")
    refused = replace(case, booking=replace(case.booking, accepted_by=by))
    return written(_released(refused, Status.REJECTED, now, "rejected"), "rejected")


def chosen(case: Case, method: Method) -> Case:
    """Return the case after its holder chose how to pay. Raises NotPossible."""
    if case.booking.status is not Status.AWAITING_PAYMENT:
        raise NotPossible("not_awaiting_payment")
    charge = case.charge
    if charge is None:
        return replace(case, charge=_charge(case.booking, method))
    if charge.status is Money.PENDING and charge.method is method:
        return case
    if charge.status is Money.PENDING and charge.method in PROVIDED:
        raise NotPossible("payment_begun")
    # A provider keeps what it said to a key: another try is another payment.
    left = charge
    if charge.status is Money.PENDING:
        left = replace(charge, status=Money.CANCELLED)
    past = (*case.past, left)
    return replace(case, charge=_charge(case.booking, method, len(past)), past=past)


def captured(case: Case, now: datetime, ref: str = "") -> Case:
    """Return the case after the charge was taken: confirmed, or the money on its way back.

    Nothing changes for a charge that was captured before: providers repeat themselves.
    """
    charge = case.charge
    if charge is None or charge.status is Money.CAPTURED:
        return case
    taken = replace(
        charge,
        status=Money.CAPTURED,
        ref=ref or charge.ref,
        settled_on=utc(now)[:10],
        retry_at=None,
        fault="",
    )
    paid = replace(case, charge=taken)
    if case.booking.status is Status.AWAITING_PAYMENT:
        return _confirmed(paid, now)
    return written(_paid_back(paid, charge.amount), "refund")


def captured_past(case: Case, charge: Payment, now: datetime, ref: str) -> Case:
    """Return the case after a charge that was given up was taken all the same: it is given back."""
    taken = replace(charge, status=Money.CAPTURED, ref=ref or charge.ref, settled_on=utc(now)[:10])
    case = replace(case, past=tuple(taken if one.id == charge.id else one for one in case.past))
    return written(_with_more(case, taken, taken.amount), "refund")


def failed(case: Case, why: str) -> Case:
    """Return the case after a charge was refused. The hold goes on: another try is possible."""
    if case.charge is None or case.charge.status is not Money.PENDING:
        return case
    return replace(case, charge=replace(case.charge, status=Money.FAILED, fault=why, retry_at=None))


def abandoned(case: Case) -> Case:
    """Return the case after a provider called off the charge of a booking that is not to be."""
    if case.charge is None or case.charge.status is not Money.PENDING:
        return case
    off = replace(case.charge, status=Money.CANCELLED, fault="", retry_at=None)
    return replace(case, charge=off)


def asked(case: Case, ref: str, now: datetime, patience: timedelta) -> Case:
    """Return the case after a provider took the charge up, to be looked at again later."""
    assert case.charge is not None
    looked = replace(case.charge, ref=ref, attempts=0, fault="", retry_at=now + patience)
    return replace(case, charge=looked)


def expired(case: Case, now: datetime) -> Case:
    """Return the case after nobody paid, or decided, in time."""
    reason = "notApproved" if case.booking.status is Status.REQUESTED else "holdExpired"
    return written(_released(case, Status.CANCELLED, now, reason), "expired")


def cancelled(case: Case, now: datetime, reason: str, percent: int) -> Case:
    """Return the case after a cancellation that gives back so many percent. Raises NotPossible."""
    if case.booking.status is Status.IN_USE:
        raise NotPossible("begun")
    if case.booking.status not in HOLDING:
        raise NotPossible("not_cancellable")
    released = _released(case, Status.CANCELLED, now, reason)
    return written(_paid_back(released, part(case.paid, percent)), "cancelled")


def suspended(case: Case, now: datetime, reason: str) -> Case:
    """Return the case after the town closed the space: everything is given back.

    Raises NotPossible.
    """
    if case.booking.status not in HOLDING:
        raise NotPossible("not_cancellable")
    released = _released(case, Status.SUSPENDED, now, reason)
    return written(_paid_back(released, part(case.paid, HUNDRED)), "suspended")


def moved(case: Case, span: Span, claims: tuple[str, ...]) -> Case:
    """Return the case moved to another time at the same price; its old keys are taken back.

    Raises NotPossible.
    """
    booking = case.booking
    if booking.status not in HOLDING - {Status.IN_USE}:
        raise NotPossible("not_changeable")
    changed = replace(booking, span=span, claims=claims)
    if booking.status is not Status.CONFIRMED:
        return replace(case, booking=changed)
    return written(replace(case, booking=with_keys(_taken_back(changed, "changed"))), "changed")


def opened(case: Case) -> Case:
    """Return the case after one of its keys was used."""
    if case.booking.status is not Status.CONFIRMED:
        return case
    return replace(case, booking=replace(case.booking, status=Status.IN_USE))


def overstayed(case: Case) -> Case:
    """Return the case whose room is in use although its time is over; its holder is told."""
    late = replace(case, booking=replace(case.booking, status=Status.OVERSTAYED))
    return written(late, "overstay")


def finished(case: Case) -> Case:
    """Return the case after its time: nobody came where a door that tells of each use saw none."""
    watched = any(one.issued and not one.silent for one in case.booking.keys if one.current)
    missed = case.booking.status is Status.CONFIRMED and watched
    status = Status.NO_SHOW if missed else Status.COMPLETED
    return replace(case, booking=replace(case.booking, status=status))


def paid_back(case: Case, refund: Payment, ref: str, now: datetime) -> Case:
    """Return the case after a refund was carried out."""
    done = replace(
        refund,
        status=Money.REFUNDED,
        ref=ref,
        settled_on=utc(now)[:10],
        attempts=0,
        retry_at=None,
        fault="",
    )
    return with_payment(case, done)


def is_handed_out(refund: Payment) -> bool:
    """Say whether a refund is for the counter: it was paid there, or its provider gave it up."""
    if refund.status is Money.PENDING:
        return refund.method not in PROVIDED
    return refund.status is Money.FAILED


def not_paid_back(case: Case, refund: Payment, why: str) -> Case:
    """Return the case after a refund that is not possible: staff decide what is due."""
    given_up = replace(refund, status=Money.FAILED, fault=why, attempts=0, retry_at=None)
    return with_payment(case, given_up)


def waiting(case: Case, payment: Payment, why: str, now: datetime) -> Case:
    """Return the case after a provider did not answer about a charge or a refund."""
    attempts = payment.attempts + 1
    return with_payment(
        case, replace(payment, attempts=attempts, fault=why, retry_at=now + pause(attempts))
    )


def with_payment(case: Case, payment: Payment) -> Case:
    """Return the case with a payment of it as it is now."""
    if case.charge is not None and case.charge.id == payment.id:
        return replace(case, charge=payment)

    def put(those: tuple[Payment, ...]) -> tuple[Payment, ...]:
        return tuple(payment if one.id == payment.id else one for one in those)

    return replace(case, refunds=put(case.refunds), past=put(case.past))


def key_mailed(case: Case) -> Case:
    """Return the case with a letter that brings the PINs issued since the last one."""
    keys = tuple(
        replace(one, mailed=True) if one.current and one.issued else one
        for one in case.booking.keys
    )
    return written(replace(case, booking=replace(case.booking, keys=keys)), "key")


def looked(case: Case, now: datetime, by: str, how: str) -> Case:
    """Return the case after staff had the PINs `shown`, or `sent` to the holder once more.

    Raises NotPossible.
    """
    issued = any(one.current and one.issued for one in case.booking.keys)
    if case.booking.status not in USABLE or not issued:
        raise NotPossible("no_pin")
    looks = (*case.booking.looks, Look(now, by, how))
    noted = replace(case, booking=replace(case.booking, looks=looks))
    return key_mailed(noted) if how == "sent" else noted


def in_trouble(case: Case) -> Case:
    """Return the case with a letter that says what to do where a key is not ready."""
    keys = tuple(
        replace(one, told=True) if one.current and not one.issued else one
        for one in case.booking.keys
    )
    return written(replace(case, booking=replace(case.booking, keys=keys)), "trouble")


def hindered(case: Case, kind: str) -> Case:
    """Return the case with a letter about what stands in its way: one of a kind for each time."""
    letters = case.booking.letters
    moved = max((one.serial for one in letters if one.kind == "changed"), default=0)
    told = any(one.kind == kind and one.serial >= moved for one in letters)
    waits = case.booking.status is Status.CONFIRMED
    return written(case, kind) if waits and not told else case


def written(case: Case, kind: str) -> Case:
    """Return the case with one more letter to send."""
    letters = case.booking.letters
    more = (*letters, Letter(kind, len(letters)))
    return replace(case, booking=replace(case.booking, letters=more))


def posted(case: Case, letter: Letter, status: Posted, now: datetime) -> Case:
    """Return the case after a letter was sent, with the PINs there are, or was not.

    One that is given up has brought its PINs as well: another to the same address would not arrive.
    """
    attempts = letter.attempts + 1
    later = None
    if status is Posted.QUEUED and attempts >= MOST_LETTERS:
        status = Posted.FAILED
    if status is Posted.QUEUED:
        later = now + pause(attempts)
    after = replace(letter, status=status.value, attempts=attempts, retry_at=later)
    booking = case.booking
    letters = tuple(after if one.serial == letter.serial else one for one in booking.letters)
    keys = booking.keys
    if status is not Posted.QUEUED and letter.kind in BRING_KEYS:
        keys = tuple(replace(one, mailed=one.mailed or one.issued) for one in keys)
    return replace(case, booking=replace(booking, letters=letters, keys=keys))


BRING_KEYS: Final = frozenset({"confirmed", "changed", "key", "reminder"})
"""Letters that say the PINs."""


def pause(attempts: int) -> timedelta:
    """Return how long to wait after so many failures."""
    seconds = FIRST_PAUSE.total_seconds() * 2.0 ** min(attempts - 1, 12)
    return min(LONGEST_PAUSE, timedelta(seconds=seconds))


def with_keys(booking: Booking) -> Booking:
    """Return the booking with a new key for each of its locks."""
    before = len(booking.keys)
    new = []
    for number, lock in enumerate(booking.locks, before):
        key = f"{booking.local}-{number}"
        new.append(Key(key, grant_id(key, booking.city), lock))
    return replace(booking, keys=(*booking.keys, *new))


def _accepted(case: Case, now: datetime, hold: timedelta, *, told: str = "") -> Case:
    booking = replace(case.booking, status=Status.AWAITING_PAYMENT, hold_until=now + hold)
    waits = replace(case, booking=booking)
    if booking.fee == 0:
        return captured(replace(waits, charge=_charge(booking, Method.EXEMPT)), now)
    return written(waits, told) if told else waits


def _confirmed(case: Case, now: datetime) -> Case:
    booking = replace(case.booking, status=Status.CONFIRMED, hold_until=None, confirmed_at=now)
    return written(replace(case, booking=with_keys(booking)), "confirmed")


def _released(case: Case, status: Status, now: datetime, reason: str) -> Case:
    """Return the case without its keys; only a provider's charge still has to be called off."""
    booking = replace(
        case.booking, status=status, hold_until=None, cancelled_at=now, cancel_reason=reason
    )
    charge = case.charge
    if charge is not None and charge.status is Money.PENDING:
        if charge.method in PROVIDED:
            charge = replace(charge, attempts=0, retry_at=None)
        else:
            charge = replace(charge, status=Money.CANCELLED)
    return replace(case, booking=_taken_back(booking, "cancelled"), charge=charge)


def _taken_back(booking: Booking, reason: str) -> Booking:
    keys = tuple(replace(one, revoke=one.revoke or reason) for one in booking.keys)
    return replace(booking, keys=keys)


def _paid_back(case: Case, amount: int) -> Case:
    if case.charge is None or not 0 < amount <= case.paid - case.returned:
        return case
    return _with_more(case, case.charge, amount)


def _with_more(case: Case, charge: Payment, amount: int) -> Case:
    number = sum(refunded_charge(one) == charge.id for one in case.refunds)
    refund = Payment(f"{charge.id}{REFUND}{number}", amount, charge.method, refund=True)
    booking = replace(case.booking, refund_amount=case.booking.refund_amount + amount)
    return replace(case, booking=booking, refunds=(*case.refunds, refund))


def _charge(booking: Booking, method: Method, serial: int = 0) -> Payment:
    return Payment(id=f"{_money(booking)}-{serial}", amount=booking.fee, method=method)


def _money(booking: Booking) -> str:
    return f"urn:ngsi-ld:PaymentTransaction:{booking.city}:{booking.local}"
