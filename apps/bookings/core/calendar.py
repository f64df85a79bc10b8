"""What a day at a space looks like: its slots, and which can be booked. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from apps.bookings.core.rules import NotBookable, check_closed, check_time
from apps.bookings.core.spaces import Space, claimed
from apps.bookings.core.when import Span, floor


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot of a space's grid. `state` is `free`, `taken`, or the key of the rule against it."""

    span: Span
    state: str


def slots(space: Space, day: date, taken: frozenset[datetime], now: datetime) -> list[Slot]:
    """Return the slots that begin on a day; `taken` are starts of claimed base slots, in UTC."""
    found = []
    for opening in space.hours.open_spans(day):
        start = opening.start
        while start + space.slot <= opening.end:
            span = Span(start, start + space.slot)
            found.append(Slot(span, _state(space, span, taken, now)))
            start += space.slot
    return found


def _state(space: Space, span: Span, taken: frozenset[datetime], now: datetime) -> str:
    """Return whether a slot of an opening is `free`, `taken`, or against which rule.

    One slot may be too short a booking: that rule is left to the booking itself.
    """
    if any(start in taken for start in claimed(space, span).pieces()):
        return "taken"
    try:
        check_closed(space.hours, span)
        check_time(space.rules, space.hours, span, now)
    except NotBookable as refusal:
        return str(refusal)
    return "free" if space.slot <= space.rules.longest else "too_long"


def free_from(slots_of_day: Iterable[Slot]) -> int:
    """Return how many slots of a day are free."""
    return sum(slot.state == "free" for slot in slots_of_day)


def starts(texts: Iterable[str]) -> frozenset[datetime]:
    """Return the starts that claims tell, as moments in UTC."""
    return frozenset(floor(datetime.fromisoformat(text)) for text in texts)
