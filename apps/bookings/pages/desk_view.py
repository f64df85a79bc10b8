"""What the counter's page shows of bookings and of what went wrong. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from apps.bookings.core.town import Town
from apps.bookings.core.when import local
from apps.bookings.edge.mail import clock
from apps.bookings.pages.showing import line, proof_of, reduction_name
from apps.bookings.pages.site import TEXTS
from apps.bookings.process.case import Booking, Case, Posted
from apps.bookings.process.machine import is_handed_out
from apps.bookings.wish import booking_number
from apps.keys.misuse import OVERSTAY
from broker.client import Entity, value


def problems(booking: Booking, t: dict[str, str], mails: bool) -> list[str]:
    """Return what staff look at; without a mail server letters did not arrive for one reason."""
    found = [
        t["problem_key"].format(reason=key.refused or "–")
        for key in booking.keys
        if key.current and (key.told or key.refused)
    ]
    found += [
        t["problem_letter"].format(kind=t[f"letter_{one.kind}"])
        for one in booking.letters
        if mails and one.status == Posted.FAILED
    ]
    found += [
        t["problem_held_back"].format(kind=t[f"letter_{one.kind}"])
        for one in booking.letters
        if one.status == Posted.HELD
    ]
    return [f"{booking.number}: {text}" for text in found]


def named(booking: Booking, town: Town, language: str) -> dict[str, Any]:
    """Return what a list shows of a booking, with the name of its space."""
    return line(booking, name_of(town, booking.space, language), TEXTS[language], language)


def reduced(booking: Booking, town: Town, language: str) -> dict[str, str]:
    """Return the reduction that a request asks for, and what shows that it is due."""
    space, code = town.spaces.get(booking.space), booking.reduction
    name = code and reduction_name(space, code, language)
    return {"reduction": name, "proof": proof_of(space, code, language)}


def refunds(
    cases: Iterable[Case], town: Town, t: dict[str, str], language: str
) -> list[dict[str, Any]]:
    """Return what is to be handed out at the counter, and what could not be paid back."""
    return [
        named(case.booking, town, language)
        | {"refund": one.id, "amount": f"{one.amount:,}", "why": _why(one.fault, t)}
        for case in cases
        for one in case.refunds
        if is_handed_out(one)
    ]


def _why(fault: str, t: dict[str, str]) -> str:
    known = t.get(f"refund_why_{fault}")
    return known or (fault and t["refund_why_other"].format(reason=fault))


def short(booking: Booking, t: dict[str, str], language: str) -> dict[str, Any]:
    """Return what the calendar of a day shows of a booking."""
    start, end = local(booking.span.start), local(booking.span.end)
    return line(booking, "", t, language) | {"times": f"{start:%H:%M}–{end:%H:%M}"}


def name_of(town: Town, space_id: str, language: str) -> str:
    """Return the name of a space, its id where there is none any more."""
    space = town.spaces.get(space_id)
    if space is None:
        return space_id
    return space.name.get(language) or space.name.get("ja", space.local)


def alert_view(alert: Entity, town: Town, t: dict[str, str], language: str) -> dict[str, Any]:
    """Return what the page shows of a misuse; a booking is named by the number staff know."""
    at = datetime.fromisoformat(str(value(alert, "occurredAt")))
    misuse = str(value(alert, "misuse"))
    number = booking_number(str(value(alert, "refBooking", ""))) if misuse == OVERSTAY else ""
    place = _of_lock(town, str(value(alert, "refLock", "")), language)
    what = t[f"mark_{misuse}"].format(number=number)
    return {
        "id": alert["id"],
        "text": t["problem_misuse"].format(at=clock(at, language), place=place, what=what),
    }


def _of_lock(town: Town, lock: str, language: str) -> str:
    """Return the name of the place a lock opens."""
    opened = [one.id for one in town.spaces.values() if lock in one.locks]
    return name_of(town, opened[0], language) if opened else lock.rpartition(":")[2]
