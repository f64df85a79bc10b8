"""A case as entities, and a change of it as operations of one transaction. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from apps.bookings.core.spaces import CLAIM
from apps.bookings.core.when import Span, local, moment, utc
from apps.bookings.process.case import (
    HOLDING,
    Booking,
    Case,
    Key,
    Letter,
    Look,
    Method,
    Money,
    Payment,
    Status,
)
from apps.bookings.process.due import EPOCH, due_at
from apps.keys.contract import Grant as LockGrant
from apps.keys.contract import Kind
from apps.keys.contract import Status as GrantStatus
from broker.client import Entity, value

BOOKING: Final = "FacilityBooking"
PAYMENT: Final = "PaymentTransaction"
PLACE: Final = "HolderClaim"
NONE: Final = "none"
Operation = dict[str, Any]

ISSUED: Final = frozenset({GrantStatus.SENT, GrantStatus.ACTIVE, GrantStatus.CANNOT_REVOKE})


def booking_from(entity: Entity) -> Booking:
    """Return the booking an entity keeps."""
    told = value(entity, "progress", {})
    fee = value(entity, "fee", {})
    return Booking(
        id=entity["id"],
        number=str(value(entity, "bookingNumber", "")),
        space=str(value(entity, "refSpace", "")),
        span=Span(moment(value(entity, "startAt")), moment(value(entity, "endAt"))),
        status=Status(value(entity, "status")),
        holder=str(value(entity, "refHolder", "")),
        fee=int(fee.get("amount", 0)),
        channel=str(value(entity, "channel", "web")),
        reduction=str(fee.get("reduction", "")),
        language=str(told.get("language", "ja")),
        party=int(value(entity, "partySize", 0)),
        hold_until=_time(value(entity, "holdUntil")),
        confirmed_at=_time(told.get("confirmedAt")),
        cancelled_at=_time(value(entity, "cancelledAt")),
        cancel_reason=str(value(entity, "cancelReason", "")),
        refund_amount=int(value(entity, "refundAmount", 0)),
        claims=tuple(told.get("claims", ())),
        locks=tuple(told.get("locks", ())),
        keys=tuple(Key(**one) for one in told.get("keys", ())),
        letters=tuple(_letter(one) for one in told.get("letters", ())),
        looks=tuple(
            Look(moment(one["at"]), one["by"], one["how"]) for one in told.get("looks", ())
        ),
        idempotency_key=str(value(entity, "idempotencyKey", "")),
        request_digest=str(told.get("requestDigest", "")),
        ledger_id=str(value(entity, "externalLedgerId", "")),
        accepted_by=str(told.get("acceptedBy", "")),
        place=str(told.get("place", "")),
    )


def payment_ids(entity: Entity) -> list[str]:
    """Return the ids of the payments that belong to a booking's entity."""
    told = value(entity, "progress", {})
    charge = [told["charge"]] if told.get("charge") else []
    return [*charge, *told.get("past", ()), *told.get("refunds", ())]


def case_from(entity: Entity, payments: Mapping[str, Entity]) -> Case:
    """Return the case of a booking's entity and its payments by id."""
    told = value(entity, "progress", {})
    charge = told.get("charge")
    return Case(
        booking=booking_from(entity),
        charge=_payment(payments[charge]) if charge else None,
        past=tuple(_payment(payments[one]) for one in told.get("past", ())),
        refunds=tuple(_payment(payments[one]) for one in told.get("refunds", ())),
    )


def with_grant(case: Case, grant: LockGrant) -> Case:
    """Return the case with what a lock's grant says."""
    keys = tuple(
        replace(
            one,
            issued=_tellable(grant),
            silent=grant.kind is Kind.ALGORITHMIC_PIN,
            used=grant.first_used is not None,
            stays=grant.stays,
            failed=grant.status is GrantStatus.FAILED,
        )
        if one.grant == grant.id
        else one
        for one in case.booking.keys
    )
    return replace(case, booking=replace(case.booking, keys=keys))


def _tellable(grant: LockGrant) -> bool:
    """Say whether a grant has a PIN that will open: its lock has it, or nothing speaks against."""
    smooth = grant.status is GrantStatus.REQUESTED and not grant.reason
    return grant.issued and (smooth or grant.status in ISSUED)


def operations(before: Case | None, version: str, after: Case) -> list[Operation]:
    """Return what makes the one case of the other: the booking first, on condition of `version`.

    A booking that gives its slots up, or takes others, has its claims deleted and made; so has one
    that is paid for its holder's place among the unpaid.
    """
    booking = after.booking
    found: list[Operation] = []
    if before is None:
        entity = {"id": booking.id, "type": BOOKING, **_attributes(after)}
        found.append({"op": "create", "entity": entity, "ifNoneMatch": "*"})
    else:
        attributes = _changed(_attributes(before), _attributes(after))
        attributes["dueAt"] = _property(utc(due_at(after)))
        found.append({"op": "append", "id": booking.id, "attrs": attributes, "ifMatch": version})
    held = _held(before)
    wanted = _held(after)
    found += [{"op": "delete", "id": one} for one in held if one not in wanted]
    found += [_claim(one, booking) for one in wanted if one not in held]
    known = {one.id: one for one in _payments(before)}
    for payment in _payments(after):
        if payment.id not in known:
            found.append({"op": "create", "entity": _payment_entity(payment, booking)})
        elif payment != known[payment.id]:
            attributes = _changed(
                _payment_attributes(known[payment.id], booking),
                _payment_attributes(payment, booking),
            )
            found.append({"op": "append", "id": payment.id, "attrs": attributes})
    return found


def _held(case: Case | None) -> tuple[str, ...]:
    if case is None:
        return ()
    booking = case.booking
    claims = booking.claims if booking.status in HOLDING else ()
    return (*claims, booking.place) if booking.place and booking.unpaid else claims


def _payments(case: Case | None) -> Iterable[Payment]:
    if case is None:
        return ()
    charge = (case.charge,) if case.charge is not None else ()
    return (*charge, *case.past, *case.refunds)


def _attributes(case: Case) -> dict[str, Any]:
    booking = case.booking
    fee: dict[str, Any] = {"amount": booking.fee, "currency": "JPY", "taxIncluded": True}
    if booking.reduction:
        fee["reduction"] = booking.reduction
    values: dict[str, Any] = {
        "bookingNumber": booking.number,
        "usedOn": f"{local(booking.span.start):%Y-%m-%d}",
        "startAt": utc(booking.span.start),
        "endAt": utc(booking.span.end),
        "status": booking.status.value,
        "channel": booking.channel,
        "fee": fee,
        "dueAt": utc(due_at(case)),
    }
    optional: dict[str, Any] = {
        "partySize": booking.party,
        "holdUntil": _text(booking.hold_until),
        "cancelledAt": _text(booking.cancelled_at),
        "cancelReason": booking.cancel_reason,
        "refundAmount": booking.refund_amount,
        "idempotencyKey": booking.idempotency_key,
        "externalLedgerId": booking.ledger_id,
    }
    values |= {name: part for name, part in optional.items() if part}
    found = {name: _property(part) for name, part in values.items()}
    found["refSpace"] = _relation(booking.space)
    found["refHolder"] = _relation(booking.holder)
    found["progress"] = {"type": "JsonProperty", "json": _process(case)}
    if case.charge is not None:
        found["refPayment"] = _relation(case.charge.id)
    if booking.keys:
        found["refAccessGrant"] = _relation([one.grant for one in booking.keys])
    return found


def _process(case: Case) -> dict[str, Any]:
    booking = case.booking
    parts: dict[str, Any] = {
        "language": booking.language,
        "claims": list(booking.claims),
        "locks": list(booking.locks),
        "letters": [_letter_plain(one) for one in booking.letters],
        "keys": [_key_plain(one) for one in booking.keys],
        "looks": [{"at": utc(one.at), "by": one.by, "how": one.how} for one in booking.looks],
        "charge": case.charge.id if case.charge is not None else None,
        "past": [one.id for one in case.past],
        "refunds": [one.id for one in case.refunds],
        "confirmedAt": _text(booking.confirmed_at),
        "requestDigest": booking.request_digest,
        "acceptedBy": booking.accepted_by,
        "place": booking.place,
    }
    return {name: part for name, part in parts.items() if part}


def _key_plain(key: Key) -> dict[str, Any]:
    plain: dict[str, Any] = {"key": key.key, "grant": key.grant, "lock": key.lock}
    kept = {"revoke": key.revoke, "mailed": key.mailed, "told": key.told, "refused": key.refused}
    return plain | {name: part for name, part in kept.items() if part}


def _letter_plain(letter: Letter) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": letter.kind, "serial": letter.serial, "status": letter.status}
    if letter.attempts:
        plain["attempts"] = letter.attempts
    if letter.retry_at is not None:
        plain["retryAt"] = utc(letter.retry_at)
    return plain


def _letter(told: dict[str, Any]) -> Letter:
    return Letter(
        told["kind"],
        told["serial"],
        told["status"],
        told.get("attempts", 0),
        _time(told.get("retryAt")),
    )


def _payment(entity: Entity) -> Payment:
    return Payment(
        id=entity["id"],
        amount=int(value(entity, "amount", 0)),
        method=Method(value(entity, "method")),
        refund=value(entity, "direction") == "refund",
        status=Money(value(entity, "status")),
        ref=str(value(entity, "providerRef", "")),
        settled_on=str(value(entity, "settledOn", "")),
        attempts=int(value(entity, "attempts", 0)),
        retry_at=_time(value(entity, "retryAt")),
        fault=str(value(entity, "fault", NONE)).replace(NONE, ""),
    )


def _payment_entity(payment: Payment, booking: Booking) -> Entity:
    return {"id": payment.id, "type": PAYMENT, **_payment_attributes(payment, booking)}


def _payment_attributes(payment: Payment, booking: Booking) -> dict[str, Any]:
    values: dict[str, Any] = {
        "amount": payment.amount,
        "currency": "JPY",
        "direction": "refund" if payment.refund else "charge",
        "method": payment.method.value,
        "status": payment.status.value,
        "idempotencyKey": payment.id.rpartition(":")[2],
        "attempts": payment.attempts,
        "fault": payment.fault or NONE,
        "retryAt": utc(payment.retry_at or EPOCH),
    }
    optional = {"providerRef": payment.ref, "settledOn": payment.settled_on}
    values |= {name: part for name, part in optional.items() if part}
    return {
        **{name: _property(part) for name, part in values.items()},
        "refFor": _relation(booking.id),
    }


def place_of(holder: str, city: str, number: int) -> str:
    """Return the id of the claim on one of the unpaid bookings that a holder may have."""
    digest = hashlib.sha256(holder.encode()).hexdigest()[:24]
    return f"urn:ngsi-ld:{PLACE}:{city}:{digest}-{number}"


def _claim(claim: str, booking: Booking) -> Operation:
    if claim == booking.place:
        place = {"id": claim, "type": PLACE, "refBooking": _relation(booking.id)}
        return {"op": "create", "entity": place, "ifNoneMatch": "*"}
    city, leaf, stamp = claim.split(":", 4)[3], *claim.split(":", 4)[4].rsplit(":", 1)
    start = f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:11]}:{stamp[11:13]}:00Z"
    day = f"{local(moment(start)):%Y-%m-%d}"
    entity = {
        "id": claim,
        "type": CLAIM,
        "usedOn": _property(day),
        "spaceDay": _property(f"{leaf}/{day}"),
        "startAt": _property(start),
        "refSpace": _relation(f"urn:ngsi-ld:BookableSpace:{city}:{leaf}"),
        "refBooking": _relation(booking.id),
    }
    return {"op": "create", "entity": entity, "ifNoneMatch": "*"}


def _changed(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in after.items() if before.get(name) != part}


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}


def _relation(target: str | list[str]) -> dict[str, Any]:
    return {"type": "Relationship", "object": target}


def _text(at: datetime | None) -> str | None:
    return None if at is None else utc(at)


def _time(text: Any) -> datetime | None:
    """Return a time; None for none, and for the one that stands for none."""
    found = moment(text) if text else EPOCH
    return None if found == EPOCH else found
