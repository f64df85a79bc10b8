"""Which alerts misuse of doors leads to, when they are over, and who overstays."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.keys.contract import Grant, Status
from apps.keys.doorlog import lines
from apps.keys.misuse import Seen, active, alert_id, due, ended
from broker.client import Entity, value
from tests.apps.keys.test_doorlog import END, LOCK, MINUTE, START, event, grant

Log = tuple[dict[str, Any], ...]
IN = event(START, "unlocked", refGrant="urn:ngsi-ld:AccessGrant:432148:B-1")
OPENED = event(START + MINUTE, "doorOpened", "")
FORCED = event(START, "doorForced", "")
BOOKING = "urn:ngsi-ld:FacilityBooking:432148:B"
LATE = END + 10 * MINUTE


def booked(**changes: Any) -> Grant:
    return grant(end=END, booking=BOOKING, **changes)


class World:
    """Entities, changed by what is due; time is given each time."""

    def __init__(self, *log: dict[str, Any], grants: tuple[Grant, ...] = (), **lock: str) -> None:
        self.log, self.grants = log, {one.id: one for one in grants}
        self.lock = {name: {"value": part} for name, part in lock.items()}
        self.alerts: dict[str, Entity] = {}

    def look(self, now: Any) -> list[str]:
        """Do what is due; return the misuse of the alerts in force then."""
        grants = tuple(self.grants.values())
        seen = Seen(lines(self.log, grants, now), grants, {LOCK: self.lock}, self.alerts)
        for operation in [one for each in due(seen, now) for one in each]:
            if operation["op"] == "create":
                self.alerts[operation["entity"]["id"]] = operation["entity"]
            elif operation["id"] in self.alerts:
                self.alerts[operation["id"]] = {
                    **self.alerts[operation["id"]],
                    **operation["attrs"],
                }
            else:
                self._told(operation["id"], operation["attrs"])
        return sorted(str(value(one, "misuse")) for one in self.alerts.values() if active(one))

    def _told(self, known: str, attributes: dict[str, Any]) -> None:
        names = {
            "overstayedSince": "overstayed_since",
            "leftAt": "left",
            "firstUsedAt": "first_used",
        }
        told: dict[str, Any] = {
            names[n]: datetime.fromisoformat(p["value"]) for n, p in attributes.items()
        }
        self.grants[known] = replace(self.grants[known], **told)


def test_each_misuse_is_one_alert_that_names_lock_and_line_only():
    world = World(FORCED)
    assert world.look(LATE) == ["forced"]
    [alert] = world.alerts.values()
    assert alert["id"] == alert_id(FORCED["id"], "forced")
    assert set(alert) == {
        *("id", "type", "misuse", "alertState", "occurredAt", "refLock", "refEvent")
    }
    assert world.look(LATE + MINUTE) == ["forced"]
    assert len(world.alerts) == 1


def test_alert_that_staff_have_seen_does_not_come_back():
    world = World(FORCED)
    world.look(LATE)
    [known] = world.alerts
    world.alerts[known] |= ended(LATE, "urn:ngsi-ld:Staff:7")
    assert world.look(LATE + MINUTE) == []


def test_wrong_pins_are_one_alert_until_staff_have_seen_it():
    wrong = [event(START + n * MINUTE, "accessDenied") for n in range(8)]
    assert World(*wrong).look(LATE) == ["guessing"]


def test_opening_in_the_booked_time_and_from_afar_are_no_alert():
    afar = event(START + MINUTE, "remoteUnlock", "remote")
    assert World(IN, afar, grants=(booked(),)).look(LATE) == []


def test_door_left_open_is_over_once_it_is_shut():
    shut = event(END + 40 * MINUTE, "doorClosed", "")
    world = World(IN, OPENED, grants=(booked(),))
    assert world.look(END + 30 * MINUTE) == ["leftOpen"]
    world.log = (*world.log, shut)
    assert world.look(END + 41 * MINUTE) == []
    [alert] = world.alerts.values()
    assert value(alert, "endAt") == (END + 40 * MINUTE).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("lock", [{"lockState": "unlocked"}, {"doorState": "open"}])
def test_room_in_use_ten_minutes_after_the_end_is_an_overstay(lock: dict[str, str]):
    world = World(IN, grants=(booked(),), **lock)
    assert world.look(LATE - timedelta(seconds=1)) == []
    assert world.look(LATE) == ["overstay"]
    [told] = world.grants.values()
    assert (told.overstayed_since, told.stays) == (END, True)
    [alert] = world.alerts.values()
    assert value(alert, "refBooking") == BOOKING


def test_overstay_is_over_once_the_lock_is_shut():
    world = World(IN, grants=(booked(),), lockState="unlocked")
    world.look(LATE)
    world.lock = {"lockState": {"value": "locked"}}
    world.log = (IN, event(LATE + 5 * MINUTE, "locked"))
    assert world.look(LATE + 6 * MINUTE) == []
    [told] = world.grants.values()
    assert (told.left, told.stays) == (LATE + 5 * MINUTE, False)


def test_whoever_comes_next_does_not_make_the_one_before_overstay():
    second = event(END + MINUTE, "unlocked", refGrant="urn:ngsi-ld:AccessGrant:432148:B-2")
    after = booked(id="urn:ngsi-ld:AccessGrant:432148:B-2", valid_from=END - 10 * MINUTE)
    world = World(IN, second, grants=(booked(), after), lockState="unlocked")
    world.grants[after.id] = grant(
        id=after.id, end=END + timedelta(hours=2), valid_to=END + timedelta(hours=3)
    )
    assert world.look(LATE) == []


NEXT = "urn:ngsi-ld:AccessGrant:432148:B-2"
ENDS = END + timedelta(hours=2)
AFTER = "urn:ngsi-ld:FacilityBooking:432148:B2"


def two_in_a_row(holder: str = "anna", **changes: Any) -> World:
    """Return a world in which Anna booked until the end, and somebody the two hours after."""
    following: dict[str, Any] = {
        "id": NEXT, "end": ENDS, "booking": AFTER, "holder": holder, "valid_to": ENDS,
        "valid_from": END - 10 * MINUTE, **changes,
    }  # fmt: skip
    first = booked(holder="anna", first_used=START)
    return World(IN, grants=(first, grant(**following)), lockState="unlocked")


def test_two_bookings_of_one_person_in_a_row_are_one_stay():
    world = two_in_a_row()
    assert world.look(LATE) == []
    assert world.grants[NEXT].first_used == END
    assert world.look(ENDS + 9 * MINUTE) == []
    assert world.look(ENDS + 10 * MINUTE) == ["overstay"]
    [alert] = world.alerts.values()
    assert (value(alert, "refBooking"), value(alert, "occurredAt")) == (
        AFTER, ENDS.strftime("%Y-%m-%dT%H:%M:%SZ"),
    )  # fmt: skip
    assert [one.stays for one in world.grants.values()] == [False, True]


def test_two_in_a_row_are_left_once_the_lock_is_shut():
    world = two_in_a_row()
    world.look(ENDS + 10 * MINUTE)
    world.lock = {"lockState": {"value": "locked"}}
    assert world.look(ENDS + 11 * MINUTE) == []
    assert not world.grants[NEXT].stays


@pytest.mark.parametrize(
    "world",
    [
        two_in_a_row("ben"),
        two_in_a_row(""),
        two_in_a_row(status=Status.REVOKED),
        two_in_a_row(valid_from=END + MINUTE),
        two_in_a_row(lock=f"{LOCK}-other"),
    ],
    ids=["another's", "nobody's", "cancelled", "later", "elsewhere"],
)
def test_whoever_has_no_booking_of_their_own_after_it_overstays(world: World):
    assert world.look(LATE) == ["overstay"]
    assert world.grants[NEXT].first_used is None


@pytest.mark.parametrize(
    "world",
    [
        World(IN, grants=(booked(),)),
        World(IN, grants=(booked(),), lockState="locked", doorState="closed"),
        World(IN, grants=(booked(),), lockState="unlocked", emergencyMode="heldOpen"),
        World(IN, grants=(booked(status=Status.REVOKED),), lockState="unlocked"),
        World(grants=(booked(),), lockState="unlocked"),
    ],
    ids=["nothing known", "shut", "held open by the town", "taken back", "never used"],
)
def test_nobody_overstays_where_the_room_is_not_known_to_be_in_use_by_them(world: World):
    assert "overstay" not in world.look(LATE)


def test_what_is_first_known_half_a_day_later_is_no_overstay():
    world = World(IN, grants=(booked(),), lockState="unlocked")
    assert world.look(END + timedelta(hours=12)) == []


KINDS = ["unlocked", "locked", "doorOpened", "doorClosed", "doorForced", "accessDenied"]


@given(
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from(KINDS)), max_size=20, unique=True),
    st.sampled_from(["locked", "unlocked"]),
)
def test_a_second_look_at_the_same_time_has_nothing_to_do(log: list[Any], state: str):
    told = [
        event(START + n * MINUTE, kind) | {"id": f"urn:e:{n}:{kind}:0:{kind}"} for n, kind in log
    ]
    world = World(*told, grants=(booked(),), lockState=state)
    world.look(END + timedelta(hours=4))
    world.look(END + timedelta(hours=4))
    before = (dict(world.alerts), dict(world.grants))
    world.look(END + timedelta(hours=4))
    assert (world.alerts, world.grants) == before
