"""The alerts app on a real broker: effects once, restart without loss, drills marked."""

from collections.abc import AsyncIterator
from itertools import groupby
from typing import Any

from apps.alerts.cursor import CURSOR_ID, cursor_from
from broker.client import Client, value
from tests.apps.alerts.chain import LIGHT, STATION, measure, plant, running, taken


async def mark(client: Client) -> int:
    """Put a mark into the feed; return its place."""
    async for event in client.stream(type="Mark"):
        if event.kind == "open":
            await client.create({"id": f"urn:mark:{event.seq}", "type": "Mark"})
        elif event.kind == "enter":
            return event.seq
    raise AssertionError


async def until_mark(client: Client, types: str) -> AsyncIterator[Any]:
    """Yield the changes of types up to now."""
    end = await mark(client)
    async for event in client.stream(type=f"{types},Mark", after=0):
        if event.seq >= end:
            return
        if event.kind != "open":
            yield event


async def test_stage_light_and_alert_change_in_one_transaction_with_the_cursor(client: Client):
    async with running(client):
        await measure(client, 0, 3.45)
        await measure(client, 1, 3.45)
        await taken(client, 1)
    station, light = await client.retrieve(STATION), await client.retrieve(LIGHT)
    assert (value(station, "stage"), value(station, "stageStep")) == (4, "danger")
    assert value(station, "stageSince") == "2026-07-03T16:01:00Z"
    assert (value(light, "colour"), value(light, "effect")) == ("#FF0000", "steady")
    assert value(light, "mode") == "alert"
    (alert,) = await client.query(type="Alert")
    assert value(alert, "alertSource") == STATION
    assert value(alert, "severity") == "high"
    assert value(alert, "operationStatus") == "normal"
    types = "RiverLevelStation,IlluminationControl,Alert,FeedCursor"
    events = [event async for event in until_mark(client, types)]
    (at,) = {event.at for event in events if event.id == alert["id"]}
    together = {event.id for event in events if event.at == at}
    assert together == {STATION, LIGHT, CURSOR_ID, alert["id"]}


async def test_lights_turn_white_red_and_blinking_red_at_the_thresholds(client: Client):
    async with running(client):
        for minute, level in enumerate([2.99, 3.0, 3.0, 3.4, 3.4, 4.07, 4.07]):
            await measure(client, minute, level)
        await taken(client, 6)
    assert [look for look, _ in groupby([look async for look in looks(client)])][-4:] == [
        ("#FFB46B", "off"),
        ("#FFFFFF", "steady"),
        ("#FF0000", "steady"),
        ("#FF0000", "blink"),
    ]
    states = [value(alert, "alertState") for alert in await client.query(type="Alert")]
    assert sorted(states) == ["active", "superseded", "superseded"]


async def test_fast_rise_turns_the_light_white_before_the_level_and_says_why(client: Client):
    async with running(client):
        for minute, level in enumerate([1.2, 1.5, 1.8, 2.1]):
            await measure(client, minute, level)
        await taken(client, 3)
    light = await client.retrieve(LIGHT)
    assert (value(light, "colour"), value(light, "step")) == ("#FFFFFF", "caution")
    (alert,) = await client.query(type="Alert")
    assert "急上昇" in value(alert, "headline")["ja"]


async def looks(client: Client) -> AsyncIterator[tuple[str, str]]:
    """Yield the looks a light was given up to now."""
    async for event in until_mark(client, "IlluminationControl"):
        yield value(event.entity, "colour"), value(event.entity, "effect")


async def test_restart_takes_what_happened_meanwhile_once(client: Client):
    async with running(client):
        await measure(client, 0, 3.1)
        await taken(client, 0)
    await measure(client, 1, 3.1)
    await measure(client, 2, 3.1)
    async with running(client):
        await taken(client, 2)
        await measure(client, 3, 3.1)
        await taken(client, 3)
    station = await client.retrieve(STATION)
    assert value(station, "stageSince") == "2026-07-03T16:01:00Z"
    assert len(await client.query(type="Alert")) == 1


async def test_two_instances_have_each_effect_once(client: Client, url: str):
    async with Client(url) as other, running(client), running(other):
        for minute, level in enumerate([3.1, 3.1, 3.5, 3.5]):
            await measure(client, minute, level)
        await taken(client, 3)
    assert len(await client.query(type="Alert")) == 2
    stages = [
        event async for event in until_mark(client, "RiverLevelStation") if "stage" in event.changed
    ]
    assert [value(event.entity, "stageStep") for event in stages] == ["normal", "caution", "danger"]


async def test_level_present_at_the_first_start_counts(client: Client):
    await measure(client, 0, 3.1)
    async with running(client):
        await measure(client, 1, 3.1)
        await taken(client, 1)
    assert value(await client.retrieve(STATION), "stageStep") == "caution"


async def test_light_run_by_hand_is_left_alone(client: Client):
    await client.append(LIGHT, {"mode": {"type": "Property", "value": "manual"}})
    async with running(client):
        await measure(client, 0, 3.5)
        await measure(client, 1, 3.5)
        await taken(client, 1)
    assert value(await client.retrieve(LIGHT), "colour") == "#FFB46B"
    assert value(await client.retrieve(STATION), "stageStep") == "danger"
    assert value(await client.retrieve(LIGHT), "mode") == "manual"


async def test_everything_written_in_a_drill_tenant_is_marked(url: str):
    async with Client(url, tenant="drill") as client:
        await plant(client)
        async with running(client, drill=True):
            await measure(client, 0, 3.5)
            await measure(client, 1, 3.5)
            await taken(client, 1)
        (alert,) = await client.query(type="Alert")
        light = await client.retrieve(LIGHT)
    assert value(alert, "operationStatus") == value(light, "operationStatus") == "test"
    assert all(text.startswith("【訓練】") for text in value(alert, "headline").values())
    assert value(light, "mode") == "drill"


async def test_new_drill_run_starts_from_normal_in_an_earlier_time(client: Client):
    async with running(client):
        for minute in (100, 101):
            await measure(client, minute, 3.5, drillRun="first")
        await taken(client, 101)
        for minute in (0, 1):
            await measure(client, minute, 3.1, drillRun="second")
        async for event in client.stream(type="RiverLevelStation", after=0):
            if event.entity is not None and value(event.entity, "stageStep") == "caution":
                break
    station = await client.retrieve(STATION)
    assert value(station, "stageSince") == "2026-07-03T16:01:00Z"


async def test_cursor_is_an_entity_with_the_place_in_the_feed(client: Client):
    async with running(client):
        await measure(client, 0, 1.0)
        await taken(client, 0)
    cursor = cursor_from(*await client.retrieve_with_version(CURSOR_ID))
    assert cursor.seq is not None
    assert cursor.watches[STATION].state.step == "normal"
