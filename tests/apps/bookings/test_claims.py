"""Claims: two bookings share one exactly where they share a part and a moment."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.bookings.core.calendar import slots, starts
from apps.bookings.core.hours import WEEK
from apps.bookings.core.spaces import BadSpace, Space, claimed, claims, leaves, read_space
from apps.bookings.core.town import read_town
from apps.bookings.core.when import TOKYO, Span
from apps.bookings.process.case import Booking, Case, Status
from apps.bookings.process.entities import operations

HALL, LEFT, RIGHT, ROOM = "hall", "left", "right", "room"


def space_id(local: str) -> str:
    return f"urn:ngsi-ld:BookableSpace:432148:{local}"


def entity(local: str, parts: tuple[str, ...] = (), **rules: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": space_id(local),
        "type": "BookableSpace",
        "name": {"type": "LanguageProperty", "languageMap": {"ja": local, "en": local}},
        "spaceKind": {"type": "Property", "value": "gymnasium"},
        "slotMinutes": {"type": "Property", "value": 60},
        "bookingRules": {"type": "Property", "value": rules},
        "openingHours": {"type": "Property", "value": [
            {"days": list(WEEK), "opens": "9:00", "closes": "21:00"}]},
        "refBuilding": {"type": "Relationship", "object": "urn:ngsi-ld:Building:432148:1"},
    }  # fmt: skip
    if parts:
        found["refPart"] = {"type": "Relationship", "object": [space_id(one) for one in parts]}
    return found


TOWN = read_town([entity(HALL, (LEFT, RIGHT)), entity(LEFT), entity(RIGHT), entity(ROOM)]).spaces
SPACES = [TOWN[space_id(one)] for one in (HALL, LEFT, RIGHT, ROOM)]
MONDAY = datetime(2026, 11, 30, tzinfo=TOKYO)


@st.composite
def wishes(draw) -> tuple[Space, Span]:
    space = draw(st.sampled_from(SPACES))
    buffer = timedelta(minutes=draw(st.sampled_from([0, 0, 10, 30])))
    start = MONDAY + timedelta(minutes=30 * draw(st.integers(0, 40)))
    span = Span(start, start + timedelta(minutes=30 * draw(st.integers(1, 8))))
    return replace(space, rules=replace(space.rules, buffer=buffer)), span


def collide(one: tuple[Space, Span], other: tuple[Space, Span]) -> bool:
    parts = set(leaves(one[0], TOWN)) & set(leaves(other[0], TOWN))
    grid = [Span(min(c.pieces()), max(c.pieces()) + timedelta(minutes=30))
            for c in (claimed(*one), claimed(*other))]  # fmt: skip
    return bool(parts) and grid[0].overlaps(grid[1])


@given(wishes(), wishes())
def test_bookings_share_a_claim_exactly_where_they_share_a_part_and_a_moment(one, other):
    shared = set(claims(one[0], one[1], TOWN)) & set(claims(other[0], other[1], TOWN))
    assert bool(shared) == collide(one, other)


@given(st.lists(wishes(), max_size=12))
def test_whoever_is_served_never_overlaps(wanted):
    taken: set[str] = set()
    served: list[tuple[Space, Span]] = []
    for wish in wanted:
        mine = set(claims(wish[0], wish[1], TOWN))
        if not mine & taken:
            taken |= mine
            served.append(wish)
    for number, one in enumerate(served):
        for other in served[:number]:
            shared = set(leaves(one[0], TOWN)) & set(leaves(other[0], TOWN))
            assert not (shared and one[1].overlaps(other[1]))


def test_bookings_that_meet_do_not_collide():
    hour = timedelta(hours=1)
    nine, ten = (Span(MONDAY + h * hour, MONDAY + (h + 1) * hour) for h in (9, 10))
    assert not set(claims(SPACES[0], nine, TOWN)) & set(claims(SPACES[0], ten, TOWN))


def test_whole_hall_claims_each_of_its_parts_in_utc():
    found = claims(SPACES[0], Span(MONDAY, MONDAY + timedelta(minutes=30)), TOWN)
    start = "2026-11-29T15:00:00Z"
    assert found == {
        "urn:ngsi-ld:SlotClaim:432148:left:20261129T1500Z": (space_id(LEFT), start),
        "urn:ngsi-ld:SlotClaim:432148:right:20261129T1500Z": (space_id(RIGHT), start),
    }  # fmt: skip


def test_claim_entities_say_space_start_and_booking():
    span = Span(MONDAY, MONDAY + timedelta(minutes=30))
    booking = Booking("urn:ngsi-ld:FacilityBooking:432148:ab", "N", space_id(ROOM), span,
                      Status.AWAITING_PAYMENT, "urn:h", 0,
                      claims=tuple(claims(SPACES[3], span, TOWN)))  # fmt: skip
    made = operations(None, "", Case(booking))[1]
    assert made == {
        "op": "create",
        "ifNoneMatch": "*",
        "entity": {
            "id": "urn:ngsi-ld:SlotClaim:432148:room:20261129T1500Z",
            "type": "SlotClaim",
            "usedOn": {"type": "Property", "value": "2026-11-30"},
            "spaceDay": {"type": "Property", "value": "room/2026-11-30"},
            "startAt": {"type": "Property", "value": "2026-11-29T15:00:00Z"},
            "refSpace": {"type": "Relationship", "object": space_id(ROOM)},
            "refBooking": {"type": "Relationship", "object": booking.id},
        },
    }


def test_space_that_is_a_part_of_itself_or_lacks_one_is_left_out_with_what_it_spoils():
    town = read_town([entity("a", ("b",)), entity("b", ("a",)), entity("c", ("gone",)),
                      entity("d", ("c",)), entity(ROOM)])  # fmt: skip
    assert list(town.spaces) == [space_id(ROOM)]
    assert len(town.broken) == 4


@pytest.mark.parametrize(("attribute", "told"), [("slotMinutes", 45), ("slotMinutes", 0),
                                                 ("openingHours", ["always"])])  # fmt: skip
def test_space_that_cannot_be_read_says_which(attribute, told):
    bad = entity(ROOM) | {attribute: {"type": "Property", "value": told}}
    with pytest.raises(BadSpace, match=ROOM):
        read_space(bad)


@given(st.integers(-3, 20), st.integers(0, 47))
def test_slots_of_a_day_tell_what_is_taken_and_what_is_over(hours, piece):
    now = MONDAY + timedelta(hours=hours, minutes=1)
    taken = (MONDAY + timedelta(minutes=30 * piece)).astimezone(UTC)
    day = slots(SPACES[3], MONDAY.date(), starts([taken.isoformat()]), now)
    assert len(day) == 12
    for slot in day:
        expected = "taken" if taken in slot.span else "past" if slot.span.start <= now else "free"
        assert slot.state == expected
