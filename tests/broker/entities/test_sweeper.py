"""What has expired is taken away, as an ordinary change (§4.22)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.entities import sweeper
from broker.entities.sweeper import keep_swept, sweep
from broker.errors import Conflict, ServiceUnavailable
from broker.model.entity import DEFAULT
from broker.store.contract import Committed, Kind, Store, Tx, TypeRules
from broker.store.memory import MemoryStore
from broker.store.sqlite import SqliteStore
from tests.broker.store.helpers import SHELTER, HandClock, create, entity, replace

SOON = "2026-01-01T00:00:10Z"
THEN = "2026-01-01T00:00:10.000000Z"
END = "2026-01-01T00:10:00Z"
LONGEST = timedelta(seconds=2)
"""After its time nothing may be there for longer."""


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(params=["memory", "sqlite"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock
) -> AsyncIterator[Store]:
    engine: Store = (
        MemoryStore(clock=clock)
        if request.param == "memory"
        else SqliteStore(tmp_path / "data", clock=clock)
    )
    await engine.open()
    yield engine
    await engine.close()


def transient(entity_id: str = "urn:a", at: str = SOON, **members: Any) -> dict[str, Any]:
    return {**entity(entity_id), "expiresAt": at, **members}


def flash(at: str = SOON) -> dict[str, Any]:
    return {DEFAULT: {"type": "Property", "value": 1, "expiresAt": at}}


async def swept(store: Store, clock: HandClock, at: str = THEN) -> set[tuple[str, str]]:
    clock.time = at
    stuck: set[tuple[str, str]] = set()
    await sweep(store, clock, stuck)
    return stuck


async def test_an_entity_is_there_until_it_expires(store: Store, clock: HandClock) -> None:
    await create(store, transient())
    await swept(store, clock, "2026-01-01T00:00:09.999999Z")
    assert await store.get("", "urn:a") is not None
    await swept(store, clock)
    assert await store.get("", "urn:a") is None


async def test_expiry_is_a_change_of_the_feed(store: Store, clock: HandClock) -> None:
    told: list[Committed] = []
    store.listen(told.extend)
    await create(store, transient(), entity("urn:b", level=flash()))
    await swept(store, clock)
    kinds = {(one.change.entity_id, one.change.kind, one.change.version) for one in told[2:]}
    assert kinds == {("urn:a", Kind.DELETE, 2), ("urn:b", Kind.UPDATE, 2)}
    assert {one.change.at for one in told[2:]} == {THEN}


async def test_an_attribute_expires_and_its_entity_stays(store: Store, clock: HandClock) -> None:
    await create(store, entity(level=flash()))
    await swept(store, clock)
    record = await store.get("", "urn:a")
    assert record is not None
    assert record.entity["attrs"] == {}
    assert record.entity["modifiedAt"] == THEN


async def test_what_is_written_later_counts(store: Store, clock: HandClock) -> None:
    await create(store, transient("urn:longer"), transient("urn:never"), entity("urn:sooner"))
    await replace(store, transient("urn:longer", "2026-01-01T00:01:00Z"))
    await replace(store, entity("urn:never", modified=1))
    await replace(store, transient("urn:sooner"))
    await swept(store, clock)
    left = [record.id for record in await store.get_many("", ["urn:longer", "urn:never"])]
    assert left == ["urn:longer", "urn:never"]
    assert await store.get("", "urn:sooner") is None
    assert await store.due("9999") == [("", "urn:longer")]


async def test_what_has_expired_when_it_is_written_is_never_there(
    store: Store, clock: HandClock
) -> None:
    told: list[Committed] = []
    store.listen(told.extend)
    clock.time = THEN
    await create(store, transient())
    assert await store.get("", "urn:a") is None
    assert [one.change.kind for one in told] == [Kind.CREATE, Kind.DELETE]


async def test_every_tenant_is_swept_however_much_is_due(store: Store, clock: HandClock) -> None:
    many = [transient(f"urn:{number}") for number in range(2 * sweeper.SLICE + 1)]
    await create(store, *many)
    await create(store, *many, tenant="drill")
    assert await swept(store, clock) == set()
    assert await store.due("9999") == []


async def test_only_certain_clients_may_write_and_expiry_is_nobodys_write(
    store: Store, clock: HandClock
) -> None:
    async def rules(tx: Tx) -> None:
        await tx.set_rules(SHELTER, TypeRules(writers=frozenset({"bank"})))

    await store.write("", rules)
    await create(store, transient(), client="bank")
    await swept(store, clock)
    assert await store.get("", "urn:a") is None


async def test_what_is_append_only_does_not_expire(store: Store, clock: HandClock) -> None:
    async def rules(tx: Tx) -> None:
        await tx.set_rules(SHELTER, TypeRules(append_only=True))

    await create(store, transient("urn:before"))
    await store.write("", rules)
    with pytest.raises(Conflict, match="expiresAt"):
        await create(store, transient("urn:after"))
    await create(store, transient("urn:other", type=["urn:Other"]))
    assert await swept(store, clock) == {("", "urn:before")}
    assert await store.get("", "urn:before") is not None
    assert await store.get("", "urn:other") is None


async def test_due_times_survive_a_restart(tmp_path: Path, clock: HandClock) -> None:
    store = SqliteStore(tmp_path / "data", clock=clock)
    await store.open()
    await create(store, transient())
    await store.close()
    store = SqliteStore(tmp_path / "data", clock=clock)
    await store.open()
    await swept(store, clock)
    assert await store.get("", "urn:a") is None
    await store.close()


def later(time: str, seconds: float) -> str:
    """Return the time so many seconds after another."""
    moment = datetime.fromisoformat(time) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def gone_at(store: Store, clock: HandClock) -> dict[str, str]:
    """Keep the store swept; return when `urn:whole` was gone and the attribute of `urn:part`.

    The clock goes on only while the sweeper sleeps, for as long as it asks to.
    """
    gone: dict[str, str] = {}

    async def sleep(seconds: float) -> None:
        if await store.get("", "urn:whole") is None:
            gone.setdefault("entity", clock.time)
        part = await store.get("", "urn:part")
        assert part is not None
        if not part.entity["attrs"]:
            gone.setdefault("attribute", clock.time)
        if len(gone) == 2:
            raise asyncio.CancelledError
        assert clock.time < END, gone
        clock.time = later(clock.time, seconds)

    with suppress(asyncio.CancelledError):
        await keep_swept(store, clock, sleep=sleep)
    return gone


@pytest.mark.parametrize("lasting", [0.000001, 0.499999, 0.5, 0.500001, 7.25, 90])
async def test_what_expires_is_gone_within_two_seconds(
    store: Store, clock: HandClock, lasting: float
) -> None:
    expires = later(clock.time, lasting)
    await create(store, transient("urn:whole", expires), entity("urn:part", level=flash(expires)))
    gone = await gone_at(store, clock)
    for time in gone.values():
        after = datetime.fromisoformat(time) - datetime.fromisoformat(expires)
        assert timedelta() <= after < LONGEST


@pytest.mark.parametrize("lasting", [0.5, 30, 60.3])
async def test_after_a_restart_it_is_gone_within_two_seconds_of_its_time_or_of_the_start(
    tmp_path: Path, clock: HandClock, lasting: float
) -> None:
    store = SqliteStore(tmp_path / "data", clock=clock)
    await store.open()
    expires = later(clock.time, lasting)
    await create(store, transient("urn:whole", expires), entity("urn:part", level=flash(expires)))
    await store.close()
    clock.time = started = later(clock.time, 60)
    store = SqliteStore(tmp_path / "data", clock=clock)
    await store.open()
    gone = await gone_at(store, clock)
    await store.close()
    due = datetime.fromisoformat(max(expires, started))
    for time in gone.values():
        assert timedelta() <= datetime.fromisoformat(time) - due < LONGEST


async def test_sweeping_goes_on_after_the_store_failed(clock: HandClock) -> None:
    store = MemoryStore(clock=clock)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 1:
            await store.open()
            await create(store, transient())
            clock.time = THEN
        if len(pauses) == 2:
            raise asyncio.CancelledError

    with suppress(asyncio.CancelledError):
        await keep_swept(store, clock, sleep=sleep)
    assert pauses == [sweeper.RETRY, sweeper.EVERY]
    assert await store.get("", "urn:a") is None


async def test_a_closed_store_has_nothing_due(store: Store, clock: HandClock) -> None:
    await store.close()
    with pytest.raises(ServiceUnavailable):
        await store.due(clock())
    await store.open()
