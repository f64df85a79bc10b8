"""RemoteLOCK on the real wire: guests, times, door log, battery, commands."""

from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from broker.client import observed_at, value
from tests.adapters.remotelock.hall import FROM, GRANT, HALL, PIN, START, TO, hall

SECOND = timedelta(seconds=1)


async def test_pin_opens_in_its_time_and_not_a_second_before_or_after(tmp_path: Path):
    async with hall(tmp_path) as town:
        status, told = await town.put()
        assert (status, told["state"]) == (200, "sent")
        town.cloud.sync()
        assert (await town.knock("GET"))[1]["state"] == "active"
        assert not await town.opens_at(FROM - SECOND)
        assert await town.opens_at(FROM)
        assert await town.opens_at(TO - SECOND)
        assert not await town.opens_at(TO)


async def test_lock_does_not_know_the_pin_before_it_is_in_step_with_the_cloud(tmp_path: Path):
    async with hall(tmp_path) as town:
        await town.put()
        assert (await town.knock("GET"))[1]["state"] == "sent"
        assert not await town.opens_at(START)


async def test_times_are_told_in_the_zone_of_the_lock(tmp_path: Path):
    async with hall(tmp_path) as town:
        await town.put()
        (person,) = town.cloud.persons.values()
        assert person["starts_at"] == "2025-12-06T08:50:00"
        assert person["ends_at"] == "2025-12-06T11:10:00"


async def test_vendor_learns_no_name(tmp_path: Path):
    async with hall(tmp_path) as town:
        await town.put()
        (person,) = town.cloud.persons.values()
        assert (person["name"], person.get("email")) == ("B-1", None)


async def test_pin_taken_back_opens_no_more_once_the_lock_confirms(tmp_path: Path):
    async with hall(tmp_path) as town:
        await town.put()
        town.cloud.sync()
        assert (await town.knock("DELETE"))[1]["state"] == "going"
        town.cloud.sync()
        assert (await town.knock("DELETE"))[1]["state"] == "gone"
        assert not await town.opens_at(START)


async def test_pin_of_an_area_leader_opens_at_any_time(tmp_path: Path):
    async with hall(tmp_path) as town:
        await town.knock("PUT", {"pin": PIN})
        town.cloud.sync()
        assert await town.opens_at(START - timedelta(days=300))
        assert await town.opens_at(START + timedelta(days=300))


async def test_opening_is_a_line_of_the_door_log_with_its_grant(tmp_path: Path):
    async with hall(tmp_path) as town:
        await town.put()
        town.cloud.sync()
        assert await town.opens_at(START)
        (line,) = await town.logged(1)
        shown = {name: value(line, name) for name in ("eventType", "method", "source", "refGrant")}
        assert shown == {
            "eventType": "unlocked",
            "method": "pin",
            "source": "vendorCloud",
            "refGrant": GRANT,
        }
        assert value(line, "refLock") == HALL
        assert value(line, "dateObserved") == "2025-12-06T00:00:00Z"
        lock = await town.shows(lockState="unlocked")
        assert observed_at(lock, "lockState") == "2025-12-06T00:00:00Z"


async def test_wrong_pin_is_a_line_without_a_grant(tmp_path: Path):
    async with hall(tmp_path) as town:
        assert not await town.opens_at(START, "1111111")
        (line,) = await town.logged(1)
        assert (value(line, "eventType"), value(line, "refGrant")) == ("accessDenied", None)


async def test_event_that_comes_twice_is_one_line(tmp_path: Path):
    async with hall(tmp_path) as town:
        town.cloud.twice = True
        await town.cloud.happens("lock-1", "jammed")
        await town.cloud.happens("lock-1", "locked", at=START + SECOND)
        await town.shows(lockState="locked")
        assert [value(line, "eventType") for line in await town.logged(2)] == ["jammed", "locked"]


async def test_event_that_the_webhook_missed_is_found_by_asking(tmp_path: Path):
    async with hall(tmp_path, events=0.05) as town:
        town.cloud.hook = ""
        await town.cloud.happens("lock-1", "unlocked", method="card")
        (line,) = await town.logged(1)
        assert value(line, "method") == "card"


async def test_event_with_another_secret_is_refused(tmp_path: Path):
    async with hall(tmp_path) as town:
        town.cloud.secret = "guessed"
        await town.cloud.happens("lock-1", "unlocked")
        town.cloud.secret = "hook-secret"
        await town.cloud.happens("lock-1", "locked")
        assert [value(line, "eventType") for line in await town.logged(1)] == ["locked"]
        async with aiohttp.ClientSession() as session, session.post(town.cloud.hook) as answer:
            assert answer.status == 403


async def test_battery_is_read_from_the_cloud_and_a_low_one_is_a_line(tmp_path: Path):
    async with hall(tmp_path, devices=0.05) as town:
        await town.shows(batteryLevel=0.9, batteryCritical=False, availability="online")
        town.lock.power = 11
        await town.shows(batteryLevel=0.11, batteryCritical=True)
        await town.cloud.happens("lock-1", "power_level_low", power_level=11)
        (line,) = await town.logged(1)
        assert value(line, "eventType") == "batteryLow"


async def test_door_is_opened_at_once(tmp_path: Path):
    async with hall(tmp_path) as town:
        await town.client.append(HALL, {"unlock": {"type": "Property", "value": "now"}})
        await town.shows(unlock_status="OK", lockState="unlocked")
        assert town.lock.state == "unlocked"


async def test_pin_is_in_no_file_no_log_and_no_entity(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("DEBUG", "adapters")
    async with hall(tmp_path) as town:
        await town.put()
        town.cloud.sync()
        assert await town.opens_at(START)
        assert PIN in str(town.cloud.events)
        await town.logged(1)
        assert PIN.encode() not in town.everything()
    assert PIN not in caplog.text
