"""What of the door log looks like misuse, and what does not."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.keys.contract import Grant, Kind, Status
from apps.keys.doorlog import Mark, lines

LOCK = "urn:ngsi-ld:SmartLock:432148:gym"
START = datetime(2026, 12, 5, 0, 0, tzinfo=UTC)
END = START + timedelta(hours=2)
MINUTE = timedelta(minutes=1)
LATER = END + timedelta(hours=5)


def grant(**changes: Any) -> Grant:
    given: dict[str, Any] = {
        "id": "urn:ngsi-ld:AccessGrant:432148:B-1",
        "lock": LOCK,
        "kind": Kind.PIN,
        "status": Status.ACTIVE,
        "valid_from": START - 10 * MINUTE,
        "valid_to": END + 10 * MINUTE,
        **changes,
    }
    return Grant(**given)


def event(at: datetime, kind: str, method: str = "pin", **more: Any) -> dict[str, Any]:
    told = {
        "eventType": kind,
        "method": method,
        "dateObserved": at.isoformat(),
        "receivedAt": at.isoformat(),
        "refLock": LOCK,
        **more,
    }
    return {"id": f"urn:e:{at.timestamp()}", **{n: {"value": v} for n, v in told.items()}}


def marks(*events: dict[str, Any], grants: tuple[Grant, ...] = (), now: datetime = LATER):
    """Return the marks of the log, oldest first."""
    return [set(line.marks) for line in reversed(lines(events, grants, now))]


def test_opening_in_the_booked_time_has_no_mark():
    assert marks(event(START, "unlocked"), grants=(grant(),)) == [set()]


@pytest.mark.parametrize("method", ["pin", "key", "card"])
def test_opening_while_nothing_is_booked_is_marked(method: str):
    told = event(END + timedelta(hours=1), "unlocked", method)
    assert marks(told, grants=(grant(),)) == [{Mark.OUTSIDE_BOOKING}]


def test_edges_of_the_booked_time_are_half_open():
    booked = grant()
    told = [event(at, "unlocked") for at in (booked.valid_from, booked.valid_to)]
    assert marks(*told, grants=(booked,)) == [set(), {Mark.OUTSIDE_BOOKING}]


def test_going_out_is_never_misuse():
    assert marks(event(LATER, "unlocked", "thumbturn")) == [set()]


def test_grant_that_was_taken_back_covers_nothing():
    told = event(START, "unlocked")
    assert marks(told, grants=(grant(status=Status.REVOKED),)) == [{Mark.OUTSIDE_BOOKING}]


def test_grant_of_another_lock_covers_nothing():
    told = event(START, "unlocked")
    assert marks(told, grants=(grant(lock="urn:ngsi-ld:SmartLock:432148:other"),)) == [
        {Mark.OUTSIDE_BOOKING}
    ]


def test_area_leader_and_opening_from_afar_are_marked_as_emergency():
    leader = grant(id="urn:leader", kind=Kind.EMERGENCY, valid_to=LATER)
    told = event(START, "unlocked", refGrant="urn:leader")
    afar = event(START + MINUTE, "remoteUnlock", "remote", refOperator="urn:ngsi-ld:Staff:7")
    assert marks(told, afar, grants=(leader,)) == [{Mark.EMERGENCY}] * 2


def test_leaders_grant_does_not_cover_what_others_open():
    leader = grant(id="urn:leader", kind=Kind.EMERGENCY, valid_to=LATER)
    assert marks(event(START, "unlocked"), grants=(leader,)) == [{Mark.OUTSIDE_BOOKING}]


def test_door_that_opens_without_being_unlocked_is_forced():
    told = [event(START, "locked"), event(START + MINUTE, "doorOpened", "")]
    assert marks(*told, event(START + 2 * MINUTE, "doorClosed", ""))[1] == {Mark.FORCED}
    assert marks(event(START, "doorForced", "")) == [{Mark.FORCED}]


def test_door_that_opens_after_being_unlocked_is_not_forced():
    told = [event(START, "unlocked"), event(START + MINUTE, "doorOpened", "")]
    shut = event(START + 2 * MINUTE, "doorClosed", "")
    assert marks(*told, shut, grants=(grant(),)) == [set(), set(), set()]


@pytest.mark.parametrize(("shut", "left"), [(10 * MINUTE, False), (11 * MINUTE, True)])
def test_door_open_ten_minutes_after_the_end_is_left_open(shut: timedelta, left: bool):
    booked = grant()
    told = [
        event(START, "unlocked"),
        event(START + MINUTE, "doorOpened", ""),
        event(booked.valid_to + shut, "doorClosed", ""),
    ]
    assert (Mark.LEFT_OPEN in marks(*told, grants=(booked,))[1]) is left


def test_door_nobody_has_shut_yet_is_left_open_once_it_is_late():
    told = [event(START, "unlocked"), event(START + MINUTE, "doorOpened", "")]
    booked = grant()
    before = marks(*told, grants=(booked,), now=booked.valid_to)
    after = marks(*told, grants=(booked,), now=booked.valid_to + 11 * MINUTE)
    assert (before[1], after[1]) == (set(), {Mark.LEFT_OPEN})
    assert marks(event(START, "doorLeftOpen", ""))[0] == {Mark.LEFT_OPEN}


def test_fifth_wrong_pin_within_ten_minutes_is_guessing():
    quick = [event(START + n * MINUTE, "accessDenied") for n in range(5)]
    slow = [event(START + 3 * n * MINUTE, "accessDenied") for n in range(9)]
    assert [bool(m) for m in marks(*quick)] == [False] * 4 + [True]
    assert not any(marks(*slow))


def test_line_that_came_late_says_so_and_newest_is_first():
    told = event(START, "unlocked", receivedAt=(START + timedelta(hours=2)).isoformat())
    found = lines([told, event(END, "locked")], (), LATER)
    assert [(line.event, line.late) for line in found] == [("locked", False), ("unlocked", True)]
