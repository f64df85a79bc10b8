"""The river gauge adapter on a real broker: what is written, what is not."""

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from adapters.contract import Command, Message, UnsupportedCommand
from adapters.river_gauge.adapter import RiverGauge
from adapters.river_gauge.registry import Registry
from broker.client import Client, observed_at, value
from tests.adapters.river_gauge.town import (
    DEVICE,
    STATION,
    plant_gauge,
    uplink,
)
from tests.support.live import live_broker


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with live_broker(tmp_path) as url, Client(url) as client:
        yield client


@pytest.fixture
def adapter(client: Client) -> RiverGauge:
    return RiverGauge(Registry([client]))


async def test_level_is_written_with_its_time_unit_and_quality(client: Client, adapter: RiverGauge):
    await plant_gauge(client)
    await adapter.ingest(uplink("2026-07-04T05:50:00+09:00", 4.07, battery=87))
    station = await client.retrieve(STATION)
    assert value(station, "waterLevel") == 4.07
    assert observed_at(station, "waterLevel") == "2026-07-03T20:50:00Z"
    assert station["waterLevel"]["unitCode"] == "MTR"
    assert value(station, "quality") == "good"
    assert value(await client.retrieve(DEVICE), "batteryLevel") == 0.87


async def test_older_measurement_never_overwrites_a_newer_one(client: Client, adapter: RiverGauge):
    await plant_gauge(client)
    await adapter.ingest(uplink("2026-07-04T06:00:00+09:00", 4.2))
    await adapter.ingest(uplink("2026-07-04T05:50:00+09:00", 4.07))
    assert value(await client.retrieve(STATION), "waterLevel") == 4.2
    assert adapter.health.repeated == 1


async def test_repeated_uplink_changes_nothing(client: Client, adapter: RiverGauge):
    await plant_gauge(client)
    message = uplink("2026-07-04T06:00:00+09:00", 4.2)
    await adapter.ingest(message)
    _, version = await client.retrieve_with_version(STATION)
    await adapter.ingest(message)
    assert (await client.retrieve_with_version(STATION))[1] == version


async def test_bad_payload_is_counted_with_its_reason_and_the_next_one_is_taken(
    client: Client, adapter: RiverGauge
):
    await plant_gauge(client)
    await adapter.ingest(Message("application/a/device/b/event/up", b"not json"))
    assert (adapter.health.bad, adapter.health.written) == (1, 0)
    assert "not JSON" in adapter.health.last_fault
    await adapter.ingest(uplink("2026-07-04T06:00:00+09:00", 4.2))
    assert adapter.health.written == 1


async def test_a_fault_is_one_line_whatever_the_device_says(adapter: RiverGauge):
    topic = "application/a/device/b\nINFO all is well/event/up"
    await adapter.ingest(Message(topic, b"not json"))
    assert "b\\x0aINFO" in adapter.health.last_fault
    assert adapter.health.last_fault.isprintable()


async def test_device_registered_while_running_is_found(client: Client, adapter: RiverGauge):
    message = uplink("2026-07-04T06:00:00+09:00", 4.2)
    await adapter.ingest(message)
    assert adapter.health.unknown == 1
    await plant_gauge(client)
    await adapter.ingest(message)
    assert value(await client.retrieve(STATION), "waterLevel") == 4.2


async def test_uplink_of_another_drill_run_is_not_written(client: Client, adapter: RiverGauge):
    await plant_gauge(client, drillRun="second")
    await adapter.ingest(uplink("2020-07-04T08:29:00+09:00", 6.1, tags={"run": "first"}))
    assert value(await client.retrieve(STATION), "waterLevel") is None
    await adapter.ingest(uplink("2020-07-04T01:00:00+09:00", 1.2, tags={"run": "second"}))
    assert value(await client.retrieve(STATION), "waterLevel") == 1.2


async def test_level_is_written_although_others_write_the_station(
    client: Client, adapter: RiverGauge, monkeypatch: pytest.MonkeyPatch
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


async def test_message_without_a_distance_says_nothing(adapter: RiverGauge):
    message = uplink("2026-07-04T06:00:00+09:00", 4.2)
    event = orjson.loads(message.payload) | {"data": "AXVk"}
    assert adapter.decode(Message(message.topic, orjson.dumps(event))) is None


async def test_commands_are_refused(adapter: RiverGauge):
    with pytest.raises(UnsupportedCommand, match="takes no commands"):
        await adapter.command(Command(DEVICE, "blink", {}, "k"))
