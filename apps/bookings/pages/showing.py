"""Spaces, slots and bookings as templates show them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from apps.bookings.core.calendar import Slot, slots
from apps.bookings.core.holidays import holiday
from apps.bookings.core.rules import refund_percent
from apps.bookings.core.spaces import Space
from apps.bookings.core.town import Town
from apps.bookings.core.when import local
from apps.bookings.edge.mail import clock, when
from apps.bookings.process.case import HOLDING, Booking, Case, Method, Money, Status
from broker.client import Entity, value

WEEKDAYS: Final = {"ja": "月火水木金土日", "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
WEEK: Final = 7
Words = Mapping[str, str]
Taken = Mapping[str, frozenset[datetime]]
"""The starts of taken base slots, by leaf."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a space: its name for people, its slots, and why it is closed, if it is."""

    day: date
    label: str
    holiday: str
    slots: list[Slot]

    @property
    def free(self) -> int:
        """Return how many slots are free."""
        return sum(slot.state == "free" for slot in self.slots)


def taken_by_leaf(claims: Iterable[Entity]) -> Taken:
    """Return what claims take."""
    found: dict[str, set[datetime]] = {}
    for claim in claims:
        start = datetime.fromisoformat(value(claim, "startAt"))
        found.setdefault(str(value(claim, "refSpace")), set()).add(start)
    return {leaf: frozenset(starts) for leaf, starts in found.items()}


def taken_of(space: Space, town: Town, taken: Taken) -> frozenset[datetime]:
    """Return the starts at which any part of a space is taken."""
    nothing: frozenset[datetime] = frozenset()
    return nothing.union(*(taken.get(leaf, nothing) for leaf in town.leaves(space)))


def day_of(space: Space, town: Town, day: date, taken: Taken, now: datetime, language: str) -> Day:
    """Return a day of a space."""
    found = slots(replace(space, hours=town.hours(space)), day, taken_of(space, town, taken), now)
    return Day(day, day_label(day, language), holiday_name(day, language), found)


def day_label(day: date, language: str) -> str:
    """Return a day as people write it, short."""
    weekday = WEEKDAYS[language][day.weekday()]
    return f"{day.month}/{day.day}（{weekday}）" if language == "ja" else f"{weekday} {day:%d %b}"


def rows_of(week: list[list[Slot]]) -> list[tuple[str, list[Slot | None]]]:
    """Return the week's slots by time of day: the hour, and each day's slot then."""
    times = sorted({f"{local(slot.span.start):%H:%M}" for day in week for slot in day})
    by_day = [{f"{local(slot.span.start):%H:%M}": slot for slot in day} for day in week]
    return [(time, [day.get(time) for day in by_day]) for time in times]


def times_of(space: Space | None, town: Town) -> list[str]:
    """Return the times of day a booking may begin at."""
    if space is None:
        return []
    step = int(space.slot.total_seconds() // 60)
    hours = town.hours(space).openings
    first = min((one.opens for one in hours), default=0)
    last = max((one.closes for one in hours), default=0)
    return [f"{n // 60:02}:{n % 60:02}" for n in range(first, min(last, 24 * 60), step)]


def holiday_name(day: date, language: str) -> str:
    """Return the name of a holiday, empty on other days."""
    names = holiday(day)
    return "" if names is None else names[0 if language == "ja" else 1]


def space_view(space: Space, buildings: Mapping[str, Entity], language: str) -> dict[str, Any]:
    """Return what a list shows of a space."""
    building = buildings.get(space.building)
    address = value(building, "address", {}) if building else {}
    point = (value(building, "location") or {}).get("coordinates") if building else None
    return {
        "id": space.id,
        "local": space.local,
        "name": space.name.get(language) or space.name.get("ja", space.local),
        "kind": space.kind,
        "address": f"{address.get('addressLocality', '')}{address.get('streetAddress', '')}",
        "position": point,
        "capacity": space.capacity,
    }


def matches(view: Mapping[str, Any], space: Space, kind: str, words: str) -> bool:
    """Say whether a space is of a kind and has the words in its names or address."""
    if kind and space.kind != kind:
        return False
    text = " ".join([*space.name.values(), view["address"]]).casefold()
    return all(word in text for word in words.casefold().split())


def price_lines(space: Space, t: Words, language: str) -> list[str]:
    """Return the prices in sentences."""
    found = []
    for price in space.prices.rules:
        text = t["per_hour" if price.unit == "hour" else "per_booking"].format(
            yen=f"{price.amount:,}"
        )
        if (price.opens, price.closes) != (0, 24 * 60):
            text += " " + t["price_time"].format(**{
                "from": _minutes(price.opens), "to": _minutes(price.closes)})  # fmt: skip
        found.append(text)
    for code, reduction in space.prices.reductions.items():
        text = f"{reduction_name(space, code, language)}: {reduction.percent}%"
        if reduction.approval:
            text += f" {t['reduction_checked']}"
        found.append(text)
    return found


def reductions(space: Space, t: Words, language: str) -> list[tuple[str, str]]:
    """Return the reductions to choose from: their codes and names, and which of them wait."""
    found = []
    for code, one in space.prices.reductions.items():
        mark = f" {t['reduction_checked']}" if one.approval else ""
        found.append((code, reduction_name(space, code, language) + mark))
    return found


def reduction_name(space: Space | None, code: str, language: str) -> str:
    """Return the name of a reduction; its code where the space does not give it any more."""
    known = space.prices.reductions.get(code) if space is not None else None
    return code if known is None else known.label.get(language) or known.label.get("ja", code)


def proof_of(space: Space | None, code: str, language: str) -> str:
    """Return what shows that somebody may have a reduction, empty where nothing is named."""
    known = space.prices.reductions.get(code) if space is not None else None
    return "" if known is None else known.proof.get(language) or known.proof.get("ja", "")


def rule_lines(space: Space, t: Words) -> list[str]:
    """Return the rules in sentences."""
    rules = space.rules
    found = [t["rule_ahead"].format(n=rules.days_ahead)]
    if rules.office_at is not None:
        found.append(t["rule_office"].format(time=_minutes(rules.office_at)))
    elif rules.close_before:
        found.append(t["rule_before"].format(n=_whole(rules.close_before)))
    found.append(t["rule_longest"].format(n=_whole(rules.longest) // 60))
    if rules.approval:
        found.append(t["rule_approval"])
    found.append(t["rule_hold"].format(n=_whole(rules.hold)))
    for days, percent in rules.refunds:
        key = "rule_refund" if days else "rule_refund_day"
        found.append(t[key].format(days=days, percent=percent))
    if space.parts:
        found.append(t["rule_parts"])
    return found


def booking_view(
    case: Case,
    space: Space | None,
    codes: Mapping[str, str],
    t: Words,
    language: str,
    now: datetime,
) -> dict[str, Any]:
    """Return what the page of a booking shows."""
    booking = case.booking
    current = [key for key in booking.keys if key.current]
    name = booking.space if space is None else space.name.get(language) or space.name.get("ja", "")
    percent = refund_percent(space.rules, booking.span.start, now) if space is not None else 0
    charge = case.charge
    return {
        **line(booking, name, t, language),
        "hold": clock(booking.hold_until, language) if booking.hold_until else "",
        "requested": booking.status is Status.REQUESTED,
        "reduction": booking.reduction and reduction_name(space, booking.reduction, language),
        "proof": proof_of(space, booking.reduction, language),
        "awaiting": booking.status is Status.AWAITING_PAYMENT,
        "method": charge.method.value if charge is not None else "",
        "paying": charge is not None and charge.status is Money.PENDING,
        "pay_failed": charge is not None and charge.status is Money.FAILED,
        "pay_ref": charge.ref if charge is not None and charge.method is Method.CARD else "",
        "pay_away": bool(charge is not None and charge.fault and charge.status is Money.PENDING),
        "usable": booking.status in (Status.CONFIRMED, Status.IN_USE),
        "pins": [codes[key.grant] for key in current if key.grant in codes],
        "unissued": any(key.grant not in codes for key in current),
        "trouble": any(key.failed or key.told or key.refused for key in current),
        "later": any(key.silent and key.grant not in codes for key in current),
        "changed": any(key.revoke == "changed" for key in booking.keys),
        "pin_valid": t["pin_valid"].format(**_grace(booking, space, language)),
        "refunds": [
            {
                "id": one.id,
                "amount": f"{one.amount:,}",
                "status": t["refund_counter"]
                if one.method is Method.CASH and one.status is Money.PENDING
                else t[f"refund_{one.status.value}"],
            }
            for one in case.refunds
        ],
        "percent": percent,
        "back": f"{case.paid * percent // 100:,}",
        "paid": case.paid > 0,
        "cancellable": booking.status in HOLDING - {Status.IN_USE} and booking.span.start > now,
        "changeable": booking.status is Status.CONFIRMED and percent == 100,
        "looks": look_lines(booking, t, language),
        "letters": [
            f"{t['letter_' + one.kind]}: {t['letter_' + one.status]}" for one in booking.letters
        ],
    }


def look_lines(booking: Booking, t: Words, language: str) -> list[str]:
    """Return which staff had to do with a booking's PINs, and when."""
    return [
        t[f"look_{one.how}"].format(at=clock(one.at, language), by=one.by.rpartition(":")[2])
        for one in booking.looks
    ]


def line(booking: Booking, name: str, t: Words, language: str) -> dict[str, Any]:
    """Return what a list shows of a booking."""
    return {
        "id": booking.id,
        "local": booking.local,
        "number": booking.number,
        "name": name,
        "when": when(booking.span.start, booking.span.end, language),
        "fee": t["free"] if booking.fee == 0 else t["yen"].format(n=f"{booking.fee:,}"),
        "status": booking.status.value,
        "status_text": t[f"status_{booking.status.value}"],
        "channel": t.get(f"channel_{booking.channel}", booking.channel),
        "start": booking.span.start,
        "starts": f"{local(booking.span.start):%H:%M}",
        "end": booking.span.end,
    }


def lengths(space: Space, t: Words) -> list[tuple[int, str]]:
    """Return the lengths a booking may have, in minutes and in words."""
    step = _whole(space.slot)
    least, most = _whole(space.rules.shortest), min(_whole(space.rules.longest), 24 * 60)
    found = range(step, most + 1, step)
    return [(one, length_text(one, t)) for one in found if one >= least]


def length_text(minutes: int, t: Words) -> str:
    """Return a length in words."""
    if minutes % 60:
        return t["half_hours"].format(n=minutes)
    return t["hours"].format(n=minutes // 60)


def week_of(day: date) -> list[date]:
    """Return a day and the six after it."""
    return [day + timedelta(days=n) for n in range(WEEK)]


def today(now: datetime) -> date:
    """Return the day it is in Tokyo."""
    return local(now).date()


def _grace(booking: Booking, space: Space | None, language: str) -> dict[str, str]:
    grace = space.rules.grace if space is not None else timedelta(0)
    return {
        "from": clock(booking.span.start - grace, language),
        "to": clock(booking.span.end + grace, language),
    }


def _whole(length: timedelta) -> int:
    return int(length.total_seconds() // 60)


def _minutes(minutes: int) -> str:
    return f"{minutes // 60}:{minutes % 60:02}"
