"""The newest measurement wins by its own time, in whatever order they come."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.common.registry import Registration
from adapters.common.writer import measured, newer_only, write_newest
from adapters.contract import UnknownDevice
from broker.client import Client, Entity, observed_at, value
from tests.support.live import live_broker

THING = "urn:ngsi-ld:Device:1"
NOW = "2026-07-04T01:00:00Z"


def at(minute: int) -> str:
    """Return a time."""
    return f"2026-07-04T00:{minute:02d}:00Z"


minutes = st.integers(0, 59)
reports = st.dictionaries(st.sampled_from("abc"), minutes, min_size=1)


@given(told=st.lists(reports, min_size=1, max_size=12))
def test_each_attribute_ends_at_its_newest_value_in_any_order(told: list[dict[str, int]]):
    entity: dict[str, Any] = {}
    for report in told:
        attributes = {name: measured(minute, at(minute)) for name, minute in report.items()}
        entity |= newer_only(entity, attributes, NOW)
    for name in {name for report in told for name in report}:
        newest = max(report[name] for report in told if name in report)
        assert (value(entity, name), observed_at(entity, name)) == (newest, at(newest))


def test_time_that_lies_ahead_beats_nothing_once_the_clock_is_right():
    shown = {"a": measured(1, "2026-07-05T00:00:00Z")}
    right = {"a": measured(2, at(59))}
    assert newer_only(shown, right, NOW) == right
    assert newer_only(shown, right, "2026-07-05T00:00:00Z") == {}


@given(told=reports)
def test_the_same_again_is_nothing_new(told: dict[str, int]):
    attributes = {name: measured(minute, at(minute)) for name, minute in told.items()}
    assert newer_only(attributes, attributes, NOW) == {}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with live_broker(tmp_path / "data") as url, Client(url) as client:
        yield client


def device(client: Client) -> Registration:
    """Return a registration of the thing as its own target."""
    return Registration("1", THING, THING, client, {})


def telling(attributes: dict[str, Any]) -> Callable[[Entity], dict[str, Any]]:
    """Return a reading that sets the same attributes whatever the entity is."""
    return lambda entity: attributes


async def test_repeat_of_a_write_changes_nothing(client: Client):
    await client.create({"id": THING, "type": "Device"})

    def told(entity: Entity) -> dict[str, Any]:
        return {"a": measured(1, at(1))}

    assert await write_newest(device(client), "key", told)
    _, version = await client.retrieve_with_version(THING)
    assert not await write_newest(device(client), "key", told)
    assert (await client.retrieve_with_version(THING))[1] == version


async def test_write_is_made_again_where_somebody_came_between(client: Client):
    await client.create({"id": THING, "type": "Device"})
    disturbed: list[bool] = []

    class Rival(Client):
        async def transactions(self, operations, **options):
            if not disturbed:
                disturbed.append(True)
                await client.append(THING, {"b": measured(1, at(1))})
            return await client.transactions(operations, **options)

    async with Rival(client.url) as rival:
        assert await write_newest(device(rival), "key", lambda entity: {"a": measured(1, at(1))})
    thing = await client.retrieve(THING)
    assert (value(thing, "a"), value(thing, "b")) == (1, 1)


async def test_entity_is_read_once_while_nobody_else_writes_it(client: Client):
    await client.create({"id": THING, "type": "Device"})
    read: list[str] = []

    class Counting(Client):
        async def retrieve_with_version(self, entity_id, **options):
            read.append(entity_id)
            return await super().retrieve_with_version(entity_id, **options)

    async with Counting(client.url) as counting:
        thing = device(counting)
        for minute in range(3):
            told = {"a": measured(minute, at(minute))}
            assert await write_newest(thing, f"key{minute}", telling(told))
        assert len(read) == 1


async def test_what_was_seen_before_never_decides_that_there_is_nothing_to_write(client: Client):
    await client.create({"id": THING, "type": "Device"})
    thing = device(client)
    newest = {"a": measured(9, at(9))}
    older = {"a": measured(1, at(1))}
    assert await write_newest(thing, "key9", telling(newest))
    await client.delete(THING)
    await client.create({"id": THING, "type": "Device"})
    assert await write_newest(thing, "key1", telling(older))
    assert value(await client.retrieve(THING), "a") == 1


async def test_thing_that_is_not_there_is_unknown(client: Client):
    with pytest.raises(UnknownDevice):
        await write_newest(device(client), "key", lambda entity: {"a": measured(1, at(1))})
