"""Retention: what is due is resampled or forgotten, by type and attribute, and says so."""

from collections.abc import AsyncIterator
from math import isfinite
from pathlib import Path
from typing import Any

import pytest

from broker.errors import ServiceUnavailable
from broker.model.entity import DEFAULT
from broker.model.resampled import RESAMPLED
from broker.model.times import microseconds, timestamp
from broker.store.contract import Store
from broker.store.history import SCOPE, Bucket, Entry, Fact, Moment
from broker.store.memory import MemoryStore
from broker.store.sqlite import SqliteStore
from broker.temporal.policy import Policy, parse_policy
from broker.temporal.retention import keep_retained, retain
from tests.broker.store.helpers import LEVEL, NAME, SHELTER, HandClock

START = microseconds("2020-07-04T00:00:00Z")
MINUTE = 60_000_000
HOURLY = {"raw": "P1D", "then": [{"period": "PT1H", "for": "P1Y"}]}


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["memory", "sqlite"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> AsyncIterator[Store]:
    engine: Store
    engine = MemoryStore(clock=clock) if request.param == "memory" else SqliteStore(tmp_path)
    await engine.open()
    yield engine
    await engine.close()


def facts(values: list[Any], attribute: str = LEVEL) -> tuple[Fact, ...]:
    """Return one fact for each ten minutes of the day."""
    return tuple(
        Fact(
            attribute,
            {
                "type": "Property",
                "value": value,
                "observedAt": timestamp(START + n * 10 * MINUTE),
            },
        )
        for n, value in enumerate(values)
    )


async def told(store: Store, *some: Fact) -> None:
    await store.history.record("", [Entry("urn:a", (SHELTER,), START, some)])


async def moments(store: Store, attribute: str = LEVEL) -> list[Moment]:
    found = await store.history.read("", ["urn:a"])
    return [m for s in found.get("urn:a", []) if s.attribute == attribute for m in s.moments]


async def test_numbers_become_their_mean_and_say_what_they_stand_for(
    store: Store, clock: HandClock
) -> None:
    await told(store, *facts([1, 2, 3, 4, 5, 9, 7]))
    clock.time = "2020-07-05T01:00:00.000000Z"
    assert await retain(store, parse_policy(HOURLY), clock) == 5
    hour, rest = await moments(store)
    assert hour.instance == {
        "type": "Property",
        "value": 4.0,
        "observedAt": "2020-07-04T00:00:00Z",
        "attrs": {
            RESAMPLED: {
                DEFAULT: {
                    "type": "JsonProperty",
                    "json": {
                        "period": "PT1H",
                        "count": 6,
                        "numbers": 6,
                        "min": 1.0,
                        "mean": 4.0,
                        "max": 9.0,
                    },
                }
            }
        },
    }
    assert rest.instance == {
        "type": "Property",
        "value": 7,
        "observedAt": "2020-07-04T01:00:00Z",
    }


async def test_figures_of_what_was_resampled_are_those_of_what_was_told(
    store: Store, clock: HandClock
) -> None:
    await told(store, *facts([1, 2, 3, 4, 5, 9, 7]))
    clock.time = "2020-07-05T01:00:00.000000Z"
    await retain(store, parse_policy(HOURLY), clock)
    bounds = (START, START + 24 * 60 * MINUTE)
    (series,) = (await store.history.aggregate("", ["urn:a"], bounds))["urn:a"]
    assert series.buckets == [Bucket(*bounds, 7, 7, 1.0, 9.0, 31.0, 6 * 16.0 + 49.0)]


async def test_the_mean_is_a_number_even_where_the_sum_is_beyond_a_float(
    store: Store, clock: HandClock
) -> None:
    await told(store, *facts([1.7e308] * 6 + [-1.5e308] * 6))
    clock.time = "2020-07-06T00:00:00.000000Z"
    await retain(store, parse_policy(HOURLY), clock)
    assert [moment.instance["value"] for moment in await moments(store)] == [1.7e308, -1.5e308]
    bounds = (START, START + 24 * 60 * MINUTE)
    (series,) = (await store.history.aggregate("", ["urn:a"], bounds))["urn:a"]
    (bucket,) = series.buckets
    assert (bucket.count, bucket.numbers) == (12, 12)
    assert bucket.total is not None
    assert not isfinite(bucket.total)


async def test_what_is_no_number_becomes_the_newest_of_its_period(
    store: Store, clock: HandClock
) -> None:
    await told(store, *facts(["open", "closed"]))
    clock.time = "2020-07-06T00:00:00.000000Z"
    await retain(store, parse_policy(HOURLY), clock)
    (moment,) = await moments(store)
    assert moment.instance["value"] == "closed"
    assert moment.resampled is not None
    assert (moment.resampled.count, moment.resampled.numbers) == (2, 0)


async def test_what_comes_late_is_counted_in(store: Store, clock: HandClock) -> None:
    policy = parse_policy(HOURLY)
    clock.time = "2020-07-06T00:00:00.000000Z"
    await told(store, *facts([1, 2]))
    await retain(store, policy, clock)
    await told(store, *facts([6]))
    await retain(store, policy, clock)
    (moment,) = await moments(store)
    assert moment.resampled is not None
    assert (moment.number, moment.resampled.count, moment.resampled.maximum) == (3.0, 3, 6.0)


async def test_what_is_too_old_is_forgotten(store: Store, clock: HandClock) -> None:
    await told(store, *facts([1, 2]), Fact(SCOPE, {"type": "Property", "value": ["/a"]}))
    clock.time = "2021-07-04T00:00:00.000000Z"
    await retain(store, parse_policy(HOURLY), clock)
    assert (len(await moments(store)), len(await moments(store, SCOPE))) == (1, 1)
    clock.time = "2021-07-06T00:00:00.000000Z"
    await retain(store, parse_policy(HOURLY), clock)
    assert await store.history.read("", ["urn:a"]) == {}


async def test_only_what_the_policy_names_is_touched(store: Store, clock: HandClock) -> None:
    await told(store, *facts([1, 2]), *facts([1, 2], NAME))
    clock.time = "2020-07-06T00:00:00.000000Z"
    policy = parse_policy({"types": {SHELTER: {"attributes": {NAME: {"raw": "P1D"}}}}})
    assert await retain(store, policy, clock) == 2
    assert (len(await moments(store)), len(await moments(store, NAME))) == (2, 0)


async def test_retention_is_repeated_and_survives_a_store_that_cannot_write(
    clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, slept = MemoryStore(clock=clock), []
    await store.open()
    await told(store, *facts([1, 2]))
    clock.time = "2020-07-06T00:00:00.000000Z"
    retaining, failed = store.history.retain, False

    async def fail_once(*asked: Any) -> int:
        nonlocal failed
        if failed:
            return await retaining(*asked)
        failed = True
        raise ServiceUnavailable("The disk is full.", place="store", remedy="Free some space.")

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 2:
            raise TimeoutError

    monkeypatch.setattr(store.history, "retain", fail_once)
    with pytest.raises(TimeoutError):
        await keep_retained(store, parse_policy(HOURLY), clock, sleep=sleep)
    assert (len(slept), len(await moments(store))) == (2, 1)


async def test_nothing_runs_where_everything_is_kept(clock: HandClock) -> None:
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        raise TimeoutError

    await keep_retained(MemoryStore(clock=clock), Policy(), clock, sleep=sleep)
    assert slept == []
