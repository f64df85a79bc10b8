"""The river gauge adapter on a real broker: what is written, what is not."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from adapters.common.registry import Registry, by_attribute
from adapters.contract import BadPayload, Message
from adapters.river_gauge.adapter import RiverGauge
from adapters.river_gauge.fake import FakeLdds75
from broker.client import Client, observed_at, value
from tests.adapters.river_gauge.town import (
    DEV_EUI,
    DEVICE,
    HEIGHT,
    STATION,
    Gauges,
    gauges,
    plant_gauge,
    uplink,
)
from tests.support.live import live_broker


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with live_broker(tmp_path) as url, Client(url) as client:
        yield client


@pytest.fixture
async def adapter(client: Client, tmp_path: Path) -> AsyncIterator[Gauges]:
    async with gauges(tmp_path / "adapter", client) as running:
        yield running


async def test_level_is_written_with_its_time_unit_and_quality(client: Client, adapter: Gauges):
    await plant_gauge(client)
    await adapter.ingest(uplink("2026-07-04T05:50:00+09:00", 4.07, battery=87))
    station = await client.retrieve(STATION)
    assert value(station, "waterLevel") == 4.07
    assert observed_at(station, "waterLevel") == "2026-07-03T20:50:00Z"
    assert station["waterLevel"]["unitCode"] == "MTR"
    assert value(station, "quality") == "good"
    assert value(await client.retrieve(DEVICE), "batteryLevel") == 0.87


async def test_older_measurement_never_overwrites_a_newer_one(client: Client, adapter: Gauges):
    await plant_gauge(client)
    await adapter.ingest(uplink("2026-07-04T06:00:00+09:00", 4.2))
    await adapter.ingest(uplink("2026-07-04T05:50:00+09:00", 4.07))
    assert value(await client.retrieve(STATION), "waterLevel") == 4.2
    assert adapter.health.repeated == 1


async def test_repeated_uplink_changes_nothing(client: Client, adapter: Gauges):
    await plant_gauge(client)
    message = uplink("2026-07-04T06:00:00+09:00", 4.2)
    await adapter.ingest(message)
    _, version = await client.retrieve_with_version(STATION)
    await adapter.ingest(message)
    assert (await client.retrieve_with_version(STATION))[1] == version


async def test_bad_payload_is_held_with_its_reason_and_the_next_one_is_taken(
    client: Client, adapter: Gauges
):
    await plant_gauge(client)
    await adapter.ingest(Message("application/a/device/b/event/up", b"not json"))
    assert (adapter.health.bad, adapter.health.written) == (1, 0)
    [held] = await adapter.held()
    assert (held.kind, held.place) == ("badPayload", "body")
    assert "not JSON" in held.reason
    await adapter.ingest(uplink("2026-07-04T06:00:00+09:00", 4.2))
    assert adapter.health.written == 1


async def test_what_a_device_says_stays_out_of_the_log(
    adapter: Gauges, caplog: pytest.LogCaptureFixture
):
    topic = "application/a/device/b\nINFO all is well/event/up"
    await adapter.ingest(Message(topic, b"secret 1234"))
    assert "badPayload" in caplog.text
    assert "all is well" not in caplog.text
    assert "1234" not in caplog.text


async def test_payload_of_another_programs_device_is_no_fault_of_ours(
    client: Client, adapter: Gauges
):
    message = uplink("2026-07-04T06:00:00+09:00", 4.2)
    event = orjson.loads(message.payload) | {"data": "/wA="}
    await adapter.ingest(Message(message.topic, orjson.dumps(event)))
    assert (adapter.health.bad, adapter.health.unknown) == (0, 1)
    await plant_gauge(client)
    await adapter.ingest(Message(message.topic, orjson.dumps(event)))
    assert (adapter.health.bad, adapter.health.unknown) == (1, 1)


async def test_device_registered_while_running_is_found(client: Client, adapter: Gauges):
    message = uplink("2026-07-04T06:00:00+09:00", 4.2)
    await adapter.ingest(message)
    assert adapter.health.unknown == 1
    await plant_gauge(client)
    await adapter.ingest(message)
    assert value(await client.retrieve(STATION), "waterLevel") == 4.2


async def test_uplink_of_another_drill_run_is_not_written(client: Client, adapter: Gauges):
    await plant_gauge(client, drillRun="second")
    await adapter.ingest(uplink("2020-07-04T08:29:00+09:00", 6.1, tags={"run": "first"}))
    assert value(await client.retrieve(STATION), "waterLevel") is None
    await adapter.ingest(uplink("2020-07-04T01:00:00+09:00", 1.2, tags={"run": "second"}))
    assert value(await client.retrieve(STATION), "waterLevel") == 1.2


async def test_uplink_of_a_drill_never_moves_a_real_station(client: Client, adapter: Gauges):
    await plant_gauge(client)
    await adapter.ingest(uplink("2020-07-04T08:29:00+09:00", 6.1, tags={"run": "first"}))
    assert value(await client.retrieve(STATION), "waterLevel") is None


async def test_who_publishes_for_one_device_cannot_speak_for_another(
    client: Client, adapter: Gauges
):
    await plant_gauge(client)
    message = uplink("2026-07-04T06:00:00+09:00", 9.9)
    for kind in ("up", "status"):
        topic = f"application/x/device/24e1240000049999/event/{kind}"
        await adapter.ingest(replace(message, topic=topic))
    assert value(await client.retrieve(STATION), "waterLevel") is None
    assert [held.kind for held in await adapter.held()] == ["badPayload", "badPayload"]


async def test_drill_with_the_addresses_of_real_gauges_takes_none_away(
    client: Client, tmp_path: Path
):
    async with Client(client.url, tenant="drill") as drill:
        for town in (client, drill):
            await plant_gauge(town)
        async with gauges(tmp_path / "both", client, drill) as both:
            await both.ingest(uplink("2026-07-04T06:00:00+09:00", 4.2))
        assert value(await client.retrieve(STATION), "waterLevel") == 4.2
        assert value(await drill.retrieve(STATION), "waterLevel") is None


async def test_level_is_written_although_others_write_the_station(
    client: Client, adapter: Gauges, monkeypatch: pytest.MonkeyPatch
):
    await plant_gauge(client)
    transactions = Client.transactions
    disturbed: list[bool] = []

    async def late(self: Client, operations, **options):
        if not disturbed:
            disturbed.append(True)
            await client.append(STATION, {"stage": {"type": "Property", "value": 2}})
        return await transactions(self, operations, **options)

    monkeypatch.setattr(Client, "transactions", late)
    await adapter.ingest(uplink("2026-07-04T06:00:00+09:00", 4.2))
    station = await client.retrieve(STATION)
    assert (value(station, "waterLevel"), value(station, "stage")) == (4.2, 2)


async def test_message_without_a_distance_leaves_the_station_alone(client: Client, adapter: Gauges):
    await plant_gauge(client)
    message = uplink("2026-07-04T06:00:00+09:00", 4.2)
    event = orjson.loads(message.payload) | {"data": "AXVk"}
    await adapter.ingest(Message(message.topic, orjson.dumps(event)))
    assert value(await client.retrieve(STATION), "waterLevel") is None
    assert value(await client.retrieve(DEVICE), "batteryLevel") == 1.0


async def test_battery_in_a_status_event_is_written_to_the_device(client: Client, adapter: Gauges):
    await plant_gauge(client)
    event = {
        "time": "2026-07-04T05:10:00+00:00",
        "deviceInfo": {"devEui": DEV_EUI},
        "batteryLevel": 42.5,
    }
    topic = f"application/a/device/{DEV_EUI}/event/status"
    await adapter.ingest(Message(topic, orjson.dumps(event)))
    device = await client.retrieve(DEVICE)
    assert value(device, "batteryLevel") == 0.425
    assert observed_at(device, "batteryLevel") == "2026-07-04T05:10:00Z"


async def test_level_of_a_gauge_on_the_things_stack_is_written(client: Client, adapter: Gauges):
    await plant_gauge(client)
    gauge = FakeLdds75(DEV_EUI, "hitoyoshi", HEIGHT)
    await adapter.ingest(gauge.message("2026-07-04T05:50:00+09:00", level=4.07, battery_mv=3312))
    station, device = await client.retrieve(STATION), await client.retrieve(DEVICE)
    assert value(station, "waterLevel") == 4.07
    assert observed_at(station, "waterLevel") == "2026-07-03T20:50:00Z"
    assert value(device, "batteryVoltage") == 3.312


async def test_sensor_that_does_not_answer_leaves_the_level_and_says_missing(
    client: Client, adapter: Gauges
):
    await plant_gauge(client)
    gauge = FakeLdds75(DEV_EUI, "hitoyoshi", HEIGHT)
    await adapter.ingest(gauge.message("2026-07-04T05:50:00+09:00", level=4.07))
    await adapter.ingest(gauge.message("2026-07-04T06:00:00+09:00", level=None))
    station = await client.retrieve(STATION)
    assert (value(station, "waterLevel"), value(station, "quality")) == (4.07, "missing")


async def test_uplink_made_up_in_the_console_never_moves_a_real_station(
    client: Client, adapter: Gauges
):
    await plant_gauge(client)
    gauge = FakeLdds75(DEV_EUI, "hitoyoshi", HEIGHT)
    message = gauge.message("2026-07-04T05:50:00+09:00", level=4.07, simulated=True)
    await adapter.ingest(message)
    assert value(await client.retrieve(STATION), "waterLevel") is None
    [held] = await adapter.held()
    assert held.place == "body:/simulated"


async def test_clock_ahead_is_shown_on_the_device_and_its_level_is_not_believed(
    client: Client, adapter: Gauges
):
    await plant_gauge(client)
    await adapter.ingest(uplink("2099-01-01T00:00:00Z", 4.07))
    assert value(await client.retrieve(STATION), "waterLevel") is None
    assert value(await client.retrieve(DEVICE), "clockAheadSeconds") > 300
    assert adapter.health.ahead == 1
    [held] = await adapter.held()
    assert held.kind == "clockAhead"
    await adapter.ingest(uplink("2026-07-04T06:00:00+09:00", 1.2))
    assert value(await client.retrieve(STATION), "waterLevel") == 1.2
    assert value(await client.retrieve(DEVICE), "clockAheadSeconds") == 0


async def test_values_the_sensor_stored_fill_in_and_never_overwrite(
    client: Client, adapter: Gauges
):
    await plant_gauge(client)
    message = uplink("2026-07-04T06:00:00Z", 4.2)
    event = orjson.loads(message.payload)
    stored = bytes.fromhex("20CE") + (1_782_000_000).to_bytes(4, "little") + b"\x10\x10"
    event["data"] = base64.b64encode(stored).decode()
    late = Message(message.topic, orjson.dumps(event))
    await adapter.ingest(late)
    station = await client.retrieve(STATION)
    assert value(station, "waterLevel") == 10.5 - 4.112
    assert observed_at(station, "waterLevel") == "2026-06-21T00:00:00Z"
    await adapter.ingest(message)
    await adapter.ingest(late)
    assert value(await client.retrieve(STATION), "waterLevel") == 4.2


def test_payload_on_an_unknown_port_is_refused():
    message = uplink("2026-07-04T06:00:00+09:00", 4.2)
    event = orjson.loads(message.payload) | {"fPort": 7}
    with pytest.raises(BadPayload, match="no decoder for fPort 7"):
        RiverGauge(Registry([], "river_gauge", by_attribute("devEui"))).decode(
            Message(message.topic, orjson.dumps(event))
        )
