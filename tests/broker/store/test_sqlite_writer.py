"""Group commit of the SQLite engine: isolation, failure, durability."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import apsw
import pytest

from broker.errors import BadRequestData, ServiceUnavailable
from broker.store.contract import Committed, Record, Tx
from broker.store.sqlite import SqliteStore, names, writer
from broker.store.sqlite.connection import DATA_FILE, connect
from broker.store.sqlite.maintenance import check
from tests.broker.store.faulty_disk import NAME, FaultyDisk
from tests.broker.store.helpers import create, entity, prop, replace
from tests.support.patience import PATIENCE


@pytest.fixture
def disk() -> Iterator[FaultyDisk]:
    disk = FaultyDisk()
    yield disk
    disk.unregister()


async def test_works_that_come_together_share_a_commit(sqlite: SqliteStore) -> None:
    await asyncio.gather(
        *(create(sqlite, entity(f"urn:{n}"), tenant=f"t{n % 3}") for n in range(50))
    )
    assert sqlite.count()["commits_total"] < 50
    assert sqlite.count()["entities"] == 50
    assert [change.seq for change in await sqlite.changes(0)] == list(range(1, 51))


async def test_a_batch_is_one_commit_in_which_others_get_their_turn(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(writer, "GROUP_SECONDS", 3600.0)
    seen = []

    async def other() -> None:
        while True:
            seen.append(sqlite.count()["queue"])
            await asyncio.sleep(0)

    turns = asyncio.create_task(other())
    await asyncio.gather(*(create(sqlite, entity(f"urn:{n}")) for n in range(500)))
    turns.cancel()
    assert sqlite.count()["commits_total"] == 1
    assert len(set(seen)) > 100


async def test_clients_that_write_again_at_once_share_one_commit_and_not_two_in_turn(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 30.0)

    async def client(name: str) -> None:
        for turn in itertools.count():
            await create(sqlite, entity(f"urn:{name}:{turn}"))

    clients = [asyncio.create_task(client(f"early{n}")) for n in range(8)]
    while not sqlite.count()["queue"]:
        await asyncio.sleep(0)
    while sqlite.count()["queue"]:
        await asyncio.sleep(0)
    clients += [asyncio.create_task(client(f"late{n}")) for n in range(8)]
    while sqlite.count()["entities"] < 160:
        await asyncio.sleep(0)
    commits = sqlite.count()["commits_total"]
    for each in clients:
        each.cancel()
    assert commits <= 14


async def test_one_who_writes_alone_waits_for_nobody(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "PATIENCE", 3600.0)
    for turn in range(5):
        await create(sqlite, entity(f"urn:{turn}"))
    assert sqlite.count()["commits_total"] == 5


async def test_a_write_is_answered_though_those_before_it_write_no_more(
    sqlite: SqliteStore,
) -> None:
    await asyncio.gather(*(create(sqlite, entity(f"urn:crowd:{n}")) for n in range(20)))
    for turn in range(3):
        await create(sqlite, entity(f"urn:alone:{turn}"))
    assert sqlite.count()["entities"] == 23


async def test_what_was_answered_is_there_after_a_restart(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path)
    await first.open()
    await create(first, entity(level=prop(1)), tenant="town")
    await replace(first, entity(level=prop(2)), tenant="town")
    await first.close()
    second = SqliteStore(tmp_path)
    await second.open()
    record = await second.get("town", "urn:a")
    assert record is not None
    assert (record.version, record.entity) == (2, entity(level=prop(2)))
    assert second.span() == (1, 2)
    assert second.count()["entities"] == 1
    await create(second, entity("urn:b"))
    assert second.span() == (1, 3)
    await second.close()


async def test_closing_commits_what_was_accepted(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await store.open()
    waiting = [asyncio.create_task(create(store, entity(f"urn:{n}"))) for n in range(200)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*waiting)
    again = SqliteStore(tmp_path)
    await again.open()
    assert again.count()["entities"] == 200
    await again.close()


async def test_maintenance_beside_works_that_fail_counts_once(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await store.open()
    await create(store, *(entity(f"urn:{n}", level=prop(n)) for n in range(250)), tenant="town")

    async def failing(tx: Tx) -> None:
        await tx.put(entity("urn:lost", level=prop(1)), None)
        raise LookupError("stop")

    dropping = asyncio.create_task(store.drop_tenant("town"))
    while not dropping.done():
        await asyncio.gather(
            *(store.write("", failing) for _ in range(3)),
            create(store, entity(f"urn:{store.span()[1]}")),
            return_exceptions=True,
        )
    await dropping
    counted = store.count()["entities"]
    await store.close()
    assert check(tmp_path) == []
    again = SqliteStore(tmp_path)
    await again.open()
    assert again.count()["entities"] == counted
    await again.close()


async def test_a_caller_that_gives_up_does_not_stop_its_work(sqlite: SqliteStore) -> None:
    caller = asyncio.create_task(create(sqlite, entity("urn:a")))
    await asyncio.sleep(0)
    caller.cancel()
    await create(sqlite, entity("urn:b"))
    assert await sqlite.get("", "urn:a") is not None


async def test_readers_see_nothing_before_the_commit(sqlite: SqliteStore) -> None:
    seen: list[Record | None] = []
    seqs: list[int] = []

    async def work(tx: Tx) -> None:
        await tx.put(entity(), None)
        steps = sqlite.get("", "urn:a").__await__()
        with pytest.raises(StopIteration) as end:
            next(steps)
        seen.append(end.value.value)
        seqs.append(sqlite.span()[1])

    await sqlite.write("", work)
    assert (seen, seqs) == ([None], [0])


@pytest.mark.parametrize("fault", [apsw.FullError, apsw.IOError])
async def test_a_commit_that_fails_fails_its_group_and_leaves_a_usable_engine(
    tmp_path: Path, disk: FaultyDisk, fault: type[apsw.Error]
) -> None:
    store = SqliteStore(tmp_path, vfs=NAME)
    await store.open()
    heard: list[Committed] = []
    store.listen(heard.extend)
    await create(store, entity("urn:before"))
    disk.fault = fault
    results = await asyncio.gather(
        *(create(store, entity(f"urn:{n}", new_name=prop(n)), tenant="t") for n in range(3)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [ServiceUnavailable] * 3
    disk.fault = None
    assert await store.tenants() == [""]
    await create(store, entity("urn:after", new_name=prop(1)), tenant="t")
    assert [each.change.seq for each in heard] == [1, 2]
    assert [change.entity_id for change in await store.changes(0)] == ["urn:before", "urn:after"]
    await store.close()
    assert check(tmp_path) == []


async def test_a_write_is_answered_before_its_log_is_carried_into_the_file_and_the_next_after_it(
    tmp_path: Path, disk: FaultyDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LOG_PAGES", 1)
    store = SqliteStore(tmp_path, vfs=NAME)
    await store.open()
    carried = Event()
    disk.before_file = carried.wait
    await asyncio.wait_for(create(store, entity("urn:a")), PATIENCE)
    following = asyncio.create_task(create(store, entity("urn:b")))
    while not store.count()["queue"]:
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)
    assert await store.get("", "urn:a") is not None
    assert not following.done()
    carried.set()
    await following
    await store.close()
    assert check(tmp_path) == []


async def test_a_log_that_cannot_be_carried_into_the_file_is_told_and_carried_later(
    tmp_path: Path,
    disk: FaultyDisk,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(writer, "LOG_PAGES", 1)
    store = SqliteStore(tmp_path, vfs=NAME)
    await store.open()

    def full() -> None:
        raise apsw.FullError("on purpose")

    disk.before_file = full
    for n in range(3):
        await create(store, entity(f"urn:{n}"))
    written = (tmp_path / DATA_FILE).stat().st_size
    disk.before_file = lambda: None
    await create(store, entity("urn:after"))
    await create(store, entity("urn:last"))
    assert (tmp_path / DATA_FILE).stat().st_size > written
    assert "the log was not carried into the file" in caplog.text
    await store.close()
    assert check(tmp_path) == []


async def test_a_disk_that_fills_within_a_work_fails_it_and_leaves_a_usable_engine(
    tmp_path: Path, disk: FaultyDisk
) -> None:
    store = SqliteStore(tmp_path, vfs=NAME)
    await store.open()
    big = prop("x" * 200_000)

    async def work(tx: Tx) -> None:
        await tx.put(entity("urn:a"), None)
        disk.fault = apsw.FullError
        # More than the page cache holds, so that SQLite writes before the commit.
        for n in range(300):
            await tx.put(entity(f"urn:{n}", level=big), None)

    with pytest.raises(ServiceUnavailable):
        await store.write("", work)
    disk.fault = None
    await create(store, entity("urn:b"))
    assert [change.entity_id for change in await store.changes(0)] == ["urn:b"]
    await store.close()
    assert check(tmp_path) == []


async def test_an_unexpected_error_of_sqlite_is_answered_and_undone(sqlite: SqliteStore) -> None:
    async def work(tx: Tx) -> None:
        await tx.put(entity(), None)
        raise apsw.ConstraintError("on purpose")

    with pytest.raises(ServiceUnavailable, match="on purpose"):
        await sqlite.write("", work)
    assert await sqlite.get("", "urn:a") is None


async def test_a_listener_that_fails_harms_nobody(
    sqlite: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(committed: list[Committed]) -> None:
        raise LookupError("listener")

    heard: list[Committed] = []
    sqlite.listen(fail)
    sqlite.listen(heard.extend)
    await create(sqlite, entity())
    assert len(heard) == 1
    assert "a listener of the change feed failed" in caplog.text


async def test_a_name_of_an_undone_work_is_not_kept(sqlite: SqliteStore) -> None:
    async def failing(tx: Tx) -> None:
        await tx.put(entity(unheard_of=prop(1)), None)
        raise LookupError("stop")

    with pytest.raises(LookupError):
        await sqlite.write("", failing)
    await create(sqlite, entity("urn:b", other=prop(2)))
    await create(sqlite, entity("urn:c", unheard_of=prop(3)))
    records = await sqlite.get_many("", ["urn:b", "urn:c"])
    assert [record.entity for record in records] == [
        entity("urn:b", other=prop(2)),
        entity("urn:c", unheard_of=prop(3)),
    ]


async def test_names_are_limited_per_tenant_and_undone_ones_do_not_count(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, names=3)
    await store.open()

    async def failing(tx: Tx) -> None:
        await tx.put(entity("urn:x", lost_1=prop(1), lost_2=prop(1)), None)
        raise LookupError("stop")

    with pytest.raises(LookupError):
        await store.write("", failing)
    await create(store, entity("urn:a", one=prop(1), two=prop(2)))
    with pytest.raises(BadRequestData, match="names of types and attributes"):
        await create(store, entity("urn:b", three=prop(3)))
    await create(store, entity("urn:c", two=prop(2)))
    await create(store, entity("urn:b", three=prop(3)), tenant="town")
    await store.close()


async def test_a_caught_refusal_of_a_name_leaves_the_rest_of_the_work_whole(
    tmp_path: Path,
) -> None:
    store = SqliteStore(tmp_path, names=2)
    await store.open()

    async def work(tx: Tx) -> None:
        record = await tx.put(entity("urn:a", one=prop(1)), None)
        with pytest.raises(BadRequestData):
            await tx.put(entity("urn:b", two=prop(2)), None)
        with pytest.raises(BadRequestData):
            await tx.put(entity("urn:a", "https://example.org/New", one=prop(1)), record)

    await store.write("", work)
    assert [change.entity_id for change in await store.changes(0)] == ["urn:a"]
    await store.close()
    assert check(tmp_path) == []


async def test_a_name_too_many_for_the_file_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "MOST_NAMES", 3)
    store = SqliteStore(tmp_path)
    await store.open()
    await create(store, entity("urn:a", one=prop(1)), tenant="town")

    async def work(tx: Tx) -> None:
        await tx.put(entity("urn:b"), None)
        with pytest.raises(BadRequestData, match="tenants together"):
            await tx.put(entity("urn:c", two=prop(2)), None)

    await store.write("", work)
    for _ in range(2):
        with pytest.raises(BadRequestData, match="tenants together"):
            await create(store, entity("urn:c", two=prop(2)))
    await store.close()
    assert check(tmp_path) == []
    with closing(connect(tmp_path / DATA_FILE)) as connection:
        assert connection.execute("SELECT count(*) FROM name").get == 3


async def test_integers_beyond_64_bits_are_refused(sqlite: SqliteStore) -> None:
    with pytest.raises(BadRequestData, match="cannot be stored as JSON"):
        await create(sqlite, entity(level=prop(2**64)))
