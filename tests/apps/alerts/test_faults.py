"""The alert chain under faults, on a real broker: it holds, fails safe, says so, and recovers."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from apps.alerts import service
from apps.alerts.judging import Judgement, judge_station
from broker.client import Client, Entity, timestamp, value
from tests.apps.alerts.chain import (
    LIGHT,
    START,
    STATION,
    Wall,
    measure,
    noted,
    running,
    shows,
    taken,
)
from tests.support.patience import PATIENCE


async def technical(client: Client, state: str, of: str = STATION) -> list[Entity]:
    """Wait until there is a technical alert of a source in a state; return all of the source."""
    async with asyncio.timeout(PATIENCE):
        while True:
            q = f'subCategory=="technical";alertSource=="{of}"'
            alerts = await client.query(type="Alert", q=q)
            if any(value(alert, "alertState") == state for alert in alerts):
                return alerts
            await asyncio.sleep(0.02)


async def report(client: Client, status: str, **more: Any) -> None:
    """Report what the light shows, as its adapter does."""
    parts = {"commandStatus": status, **more}
    await client.append(LIGHT, {n: {"type": "Property", "value": v} for n, v in parts.items()})


async def test_silent_gauge_holds_the_stage_and_the_light_fails_safe(client: Client):
    wall = Wall(0)
    async with running(client, wall=wall) as looked:
        for minute in (0, 1):
            wall.minute = minute
            await measure(client, minute, 3.5)
        await taken(client, 1)
        wall.minute = 31
        await looked()
        assert value(await client.retrieve(LIGHT), "mode") == "alert"
        wall.minute = 31.1
        await shows(client, LIGHT, mode="failSafe", colour="#0000FF")
        (alert,) = await technical(client, "active")
        assert value(alert, "faultKind") == "silent"
        assert value(await client.retrieve(STATION), "stageStep") == "danger"
        wall.minute = 40
        await measure(client, 40, 3.5)
        await shows(client, LIGHT, mode="alert", colour="#FF0000")
        (alert,) = await technical(client, "ended")
    assert value(alert, "headline")["ja"].startswith("【復旧】")
    assert len(await client.query(type="Alert", q='subCategory=="flood"')) == 1


async def test_silent_gauge_on_an_ordinary_evening_never_shows_the_ordinary_colour(
    client: Client,
):
    wall = Wall(0)
    async with running(client, wall=wall):
        await measure(client, 0, 1.2)
        await taken(client, 0)
        wall.minute = 18 * 60  # 19:00 in Japan, a quarter of an hour before sunset is over
        await shows(client, LIGHT, mode="failSafe", colour="#0000FF", effect="steady")


async def test_light_burns_from_sunset_to_ten_at_night(client: Client):
    async def at(minute: float) -> None:
        wall.minute = minute
        await measure(client, int(minute), 1.2)

    wall = Wall(0)
    async with running(client, wall=wall):
        await at(18 * 60)
        await shows(client, LIGHT, mode="ordinary", effect="off")
        await at(19 * 60)
        await shows(client, LIGHT, mode="ordinary", effect="steady", colour="#FFB46B")
        await at(21 * 60)
        await shows(client, LIGHT, mode="ordinary", effect="off")


async def test_restart_commands_the_light_again(client: Client):
    async with running(client):
        for minute in (0, 1):
            await measure(client, minute, 3.5)
        await taken(client, 1)
    await report(client, "confirmed")
    async with running(client):
        await shows(client, LIGHT, commandStatus="pending", colour="#FF0000")


async def test_override_ends_by_itself_and_the_stage_shows(client: Client):
    wall = Wall(1)
    until = timestamp(Wall(30).now())
    await client.append(LIGHT, {"overrideUntil": {"type": "Property", "value": until}})
    await report(client, "confirmed", mode="manual", colour="#00FF00", effect="steady")
    async with running(client, wall=wall) as looked:
        for minute in (0, 1):
            await measure(client, minute, 3.5)
        await taken(client, 1)
        wall.minute = 29.9
        await looked()
        assert value(await client.retrieve(LIGHT), "colour") == "#00FF00"
        wall.minute = 30
        await shows(client, LIGHT, mode="alert", colour="#FF0000", commandStatus="pending")


async def test_light_that_stays_wrong_raises_an_alert_until_it_is_right(client: Client):
    wall = Wall(2)
    async with running(client, wall=wall) as looked:
        await measure(client, 1, 1.2)
        await taken(client, 1)
        await report(client, "mismatch", reportedColour="#00FF00")
        await measure(client, 2, 1.2)
        await taken(client, 2)
        await looked()
        assert await client.query(type="Alert") == []
        wall.minute = 2.5
        (alert,) = await technical(client, "active", of=LIGHT)
        assert value(alert, "faultKind") == "mismatch"
        await report(client, "confirmed")
        (alert,) = await technical(client, "ended", of=LIGHT)
    assert value(alert, "headline")["en"].startswith("Recovered: ")


async def test_light_that_nobody_drives_raises_an_alert(client: Client):
    wall = Wall(1)
    async with running(client, wall=wall):
        await measure(client, 1, 1.2)
        await taken(client, 1)
        await noted(client)
        wall.minute = 1.5
        (alert,) = await technical(client, "active", of=LIGHT)
        assert value(alert, "faultKind") == "unanswered"
        await report(client, "sent")
        await technical(client, "ended", of=LIGHT)


async def test_third_implausible_sample_in_an_hour_raises_an_alert(client: Client):
    wall = Wall(10)
    async with running(client, wall=wall):
        for minute, level in enumerate([1.2, 9.0, 1.2, 9.0, 1.2, 9.0]):
            await measure(client, minute, level)
        (alert,) = await technical(client, "active")
        assert value(alert, "faultKind") == "spiking"
        assert value(await client.retrieve(STATION), "judgedQuality") == "suspect"
        wall.minute = 36
        await measure(client, 36, 1.2)
        await technical(client, "ended")
    assert value(await client.retrieve(STATION), "stageStep") == "normal"


async def test_clock_in_the_future_moves_nothing_and_is_told(client: Client):
    async with running(client, wall=Wall(10)):
        for minute in (100, 101):
            await measure(client, minute, 9.0)
        (alert,) = await technical(client, "active")
        assert value(alert, "faultKind") == "clockAhead"
        await measure(client, 9, 1.2)
        await technical(client, "ended")
    assert value(await client.retrieve(STATION), "stageStep") == "normal"


async def test_gauge_stuck_in_a_flood_is_told_and_holds(client: Client):
    async with running(client, wall=Wall(400)):
        for minute in (0, 1, *range(20, 240, 20)):
            await measure(client, minute, 3.5)
        (alert,) = await technical(client, "active")
        assert value(alert, "faultKind") == "stuck"
        assert value(await client.retrieve(STATION), "stageStep") == "danger"
        await measure(client, 241, 3.51)
        await technical(client, "ended")


async def begin_drill(client: Client, hours: float) -> None:
    """Begin a drill of 60 times the speed, in which it is so many hours later than on the wall."""
    played = START + timedelta(hours=hours)
    drill = {
        "drillState": "running",
        "startedAt": timestamp(START),
        "expectedEnd": timestamp(START + timedelta(hours=1)),
        "playedFrom": timestamp(played),
        "playedUntil": timestamp(played + timedelta(hours=60)),
        "speed": 60,
    }
    parts: dict[str, Any] = {n: {"type": "Property", "value": v} for n, v in drill.items()}
    await client.create({"id": "urn:ngsi-ld:Drill:one", "type": "Drill", **parts})


async def test_light_of_a_drill_burns_by_the_hour_of_the_flood(client: Client):
    await begin_drill(client, hours=19)  # 20:00 in Japan while it is 01:00 on the wall
    async with running(client, drill=True, wall=Wall(0)):
        await measure(client, 19 * 60, 1.2, drillRun="one")
        await shows(client, LIGHT, mode="drill", effect="steady", colour="#FFB46B")


async def test_drill_tells_silence_by_its_own_clock(client: Client):
    await begin_drill(client, hours=0)
    wall = Wall(0.1)
    async with running(client, drill=True, wall=wall) as looked:
        for minute in (0, 1):
            await measure(client, minute, 3.5, drillRun="one")
        await taken(client, 1)
        wall.minute = 0.51  # 30.6 minutes of the flood, 29.6 after the last sample
        await looked()
        assert value(await client.retrieve(LIGHT), "mode") == "drill"
        wall.minute = 0.52
        await shows(client, LIGHT, mode="failSafe")
        (alert,) = await technical(client, "active")
    assert all(text.startswith("【訓練】") for text in value(alert, "headline").values())
    assert value(alert, "operationStatus") == "test"


async def test_clock_that_was_ahead_for_a_while_blinds_nobody_once_it_is_right(client: Client):
    wall = Wall(500)
    async with running(client, wall=wall):
        await measure(client, 500, 1.2)
        await taken(client, 500)
        wall.minute = 2
        for minute in (1, 2):
            await measure(client, minute, 3.5)
        await shows(client, STATION, stageStep="danger")


async def test_station_whose_thresholds_have_run_out_says_so_and_its_light_fails_safe(
    client: Client,
):
    wall = Wall(1)
    tables = value(await client.retrieve(STATION), "stageTable")
    over = [{**table, "validTo": timestamp(START)} for table in tables]
    async with running(client, wall=wall):
        await client.append(STATION, {"stageTable": {"type": "JsonProperty", "json": over}})
        await measure(client, 1, 1.2)
        await shows(client, LIGHT, mode="failSafe", colour="#0000FF")
        (alert,) = await technical(client, "active")
        assert value(alert, "faultKind") == "noThresholds"
        await client.append(STATION, {"stageTable": {"type": "JsonProperty", "json": tables}})
        await shows(client, LIGHT, mode="ordinary")
        await technical(client, "ended")


async def test_light_of_a_station_that_is_gone_fails_safe(client: Client):
    wall = Wall(1)
    async with running(client, wall=wall):
        await measure(client, 1, 1.2)
        await shows(client, LIGHT, mode="ordinary")
        await client.delete(STATION)
        await shows(client, LIGHT, mode="failSafe", colour="#0000FF")


async def test_station_that_cannot_be_judged_harms_no_other_and_its_light_fails_safe(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    other = f"{STATION}:other"

    def judge(station: Entity, *args: Any, **kwargs: Any) -> Judgement:
        if station["id"] == STATION:
            raise LookupError("nobody foresaw this")
        return judge_station(station, *args, **kwargs)

    monkeypatch.setattr(service, "judge_station", judge)
    wall = Wall(1)
    await client.create({**await client.retrieve(STATION), "id": other})
    async with running(client, wall=wall):
        for minute in (0, 1):
            await measure(client, minute, 3.5, of=STATION)
            await measure(client, minute, 3.5, of=other)
        await shows(client, other, stageStep="danger")
        await shows(client, LIGHT, mode="failSafe", colour="#0000FF")
    assert sum("cannot be judged" in record.message for record in caplog.records) == 1


async def test_level_in_centimetres_raises_the_stage_as_one_in_metres_does(client: Client):
    async with running(client):
        for minute in (0, 1):
            at = timestamp(START + timedelta(minutes=minute))
            level = {"type": "Property", "value": 350, "unitCode": "CMT", "observedAt": at}
            good = {"type": "Property", "value": "good", "observedAt": at}
            await client.append(STATION, {"waterLevel": level, "quality": good})
        await shows(client, STATION, stageStep="danger")
