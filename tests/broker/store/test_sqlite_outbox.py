"""The outbox in its file: crashes, restarts, sweeping, and what `check` finds."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import apsw
import pytest

from broker.store.outbox import Books, Failure, Outcome, Settlement, Waiting
from broker.store.sqlite import SqliteStore
from broker.store.sqlite.maintenance import backup, check, restore
from tests.broker.store.helpers import HandClock, create, delete, entity, prop, replace
from tests.broker.store.matching import ByEntity

S = "urn:ngsi-ld:Subscription:s"
AT = "2026-01-01T00:00:00.000000Z"
LATER = "2026-01-02T00:00:00.000000Z"


async def opened(folder: Path, clock: HandClock) -> SqliteStore:
    """Open the store of a folder, with a matcher."""
    store = SqliteStore(folder, clock=clock)
    await store.open()
    store.outbox.match_with(ByEntity())
    return store


async def crashed(store: SqliteStore, folder: Path) -> Path:
    """Return a copy of the store's folder as it is now, as if the process had ended."""
    copy = folder.with_name(f"{folder.name}-crashed")
    shutil.copytree(folder, copy)
    assert check(copy) == []
    await store.close()
    return copy


async def three_rows(store: SqliteStore) -> list[Waiting]:
    """Let three changes of an entity wait."""
    sid = (await store.outbox.create("", S, {"wants": ["urn:a"]})).sid
    await create(store, entity(level=prop(1)))
    await replace(store, entity(level=prop(2)))
    await delete(store, "urn:a")
    return await store.outbox.waiting(sid)


def settled(row: Waiting, outcome: Outcome = Outcome.DELIVERED) -> Settlement:
    """Return the settlement of a row after its first try."""
    return Settlement(row.sid, row.seq, outcome, AT, 1)


async def test_after_a_crash_everything_is_there_and_one_try_more_is_counted(
    tmp_path: Path, clock: HandClock
) -> None:
    store = await opened(tmp_path / "data", clock)
    rows = await three_rows(store)
    await store.outbox.settle(failures=[Failure(rows[0].sid, rows[0].seq, AT, 2, LATER, "503")])
    stored = await store.outbox.get("", S)
    again = await opened(await crashed(store, tmp_path / "data"), clock)
    found = await again.outbox.waiting(rows[0].sid)
    assert [row.committed for row in found] == [row.committed for row in rows]
    assert [row.attempts for row in found] == [3, 1, 1]
    assert (found[0].not_before, found[0].error) == (LATER, "503")
    assert await again.outbox.get("", S) == stored
    await again.close()


async def test_the_books_show_a_row_that_went_missing(tmp_path: Path, clock: HandClock) -> None:
    store = await opened(tmp_path, clock)
    rows = await three_rows(store)
    await store.outbox.settle([settled(rows[0])])
    assert await store.outbox.books() == Books(queued=3, delivered=1, waiting=2)
    await store.close()
    connection = apsw.Connection(str(tmp_path / "machi.sqlite"))
    connection.execute("DELETE FROM outbox WHERE seq = ?", (rows[1].seq,))
    connection.close()
    again = await opened(tmp_path, clock)
    books = await again.outbox.books()
    await again.close()
    assert (books.waiting, books.balanced) == (1, False)


async def test_after_a_clean_end_no_try_is_counted(tmp_path: Path, clock: HandClock) -> None:
    store = await opened(tmp_path / "data", clock)
    rows = await three_rows(store)
    await store.close()
    again = await opened(tmp_path / "data", clock)
    assert await again.outbox.waiting(rows[0].sid) == rows
    await again.close()
    assert check(tmp_path / "data") == []


async def test_numbers_stay_unused_over_a_restart(tmp_path: Path, clock: HandClock) -> None:
    store = await opened(tmp_path / "data", clock)
    first = await store.outbox.create("", S, {})
    await store.outbox.remove("", S)
    await store.close()
    again = await opened(tmp_path / "data", clock)
    assert (await again.outbox.create("", S, {})).sid > first.sid
    await again.close()


async def test_books_dead_letters_and_periods_outlast_a_crash(
    tmp_path: Path, clock: HandClock
) -> None:
    store = await opened(tmp_path / "data", clock)
    rows = await three_rows(store)
    await store.outbox.settle([settled(rows[0]), settled(rows[1], Outcome.DEAD)])
    periodic = await store.outbox.create("", "urn:p", {})
    await store.outbox.queue_period(periodic, AT, [entity()])
    await replace_nothing(store)
    books = await store.outbox.books()
    letters = await store.outbox.dead_letters()
    again = await opened(await crashed(store, tmp_path / "data"), clock)
    assert books == Books(queued=4, delivered=1, dead=1, waiting=2)
    assert await again.outbox.books() == books
    assert await again.outbox.dead_letters() == letters
    (row,) = await again.outbox.waiting(periodic.sid)
    assert row.entities == (entity(),)
    await again.close()


async def replace_nothing(store: SqliteStore) -> None:
    """Commit a change nobody waits for."""
    await create(store, entity("urn:other"))


async def test_cancelled_rows_are_swept_at_once_or_by_the_next_start(
    tmp_path: Path, clock: HandClock
) -> None:
    store = await opened(tmp_path / "data", clock)
    await three_rows(store)
    await store.outbox.replace("", S, {}, cancel=True)
    copy = await crashed(store, tmp_path / "data")
    for folder in (tmp_path / "data", copy):
        again = await opened(folder, clock)
        assert await again.outbox.books() == Books(queued=3, cancelled=3)
        assert again._run("SELECT count(*) FROM outbox").get == 0
        await again.close()


async def test_a_settled_change_leaves_nothing_in_the_outbox(
    tmp_path: Path, clock: HandClock
) -> None:
    store = await opened(tmp_path / "data", clock)
    other = await store.outbox.create("", "urn:other", {"wants": ["urn:a"]})
    rows = await three_rows(store)
    more = await store.outbox.waiting(other.sid)
    await store.outbox.settle([settled(row) for row in rows])
    assert store._run("SELECT count(*) FROM outbox").get == 3
    await store.outbox.settle([settled(row, Outcome.DEAD) for row in more])
    assert store._run("SELECT count(*), sum(length(due)) FROM outbox").get == (3, 0)
    await store.outbox.replay("", other.sid, [2])
    await store.outbox.discard("", other.sid)
    assert store._run("SELECT group_concat(seq) FROM outbox").get == "2"
    await store.close()
    assert check(tmp_path / "data") == []


async def test_a_commit_that_fails_queues_nothing_and_tells_nobody(
    tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(tmp_path / "data", clock)
    matcher = ByEntity()
    store.outbox.match_with(matcher)
    rows = await three_rows(store)
    told: list[object] = []
    store.outbox.listen(told.append)
    store.outbox.follow(told.append)

    async def fail() -> None:
        raise apsw.IOError("the disk is gone")

    monkeypatch.setattr(store._writer._disk, "commit", fail)
    results = await asyncio.gather(
        create(store, entity()),
        store.outbox.create("", "urn:new", {}),
        store.outbox.replace("", S, {}, cancel=True),
        store.outbox.settle([settled(rows[0])]),
        return_exceptions=True,
    )
    assert all(isinstance(result, Exception) for result in results)
    monkeypatch.undo()
    assert await store.outbox.waiting(rows[0].sid) == rows
    assert await store.outbox.books() == Books(queued=3, waiting=3)
    assert [each.id for each in await store.outbox.all()] == [S]
    assert (set(matcher.known), told) == ({rows[0].sid}, [])
    await store.outbox.settle([settled(row) for row in rows])
    await store.close()
    assert check(tmp_path / "data") == []


async def test_a_backup_has_the_outbox(tmp_path: Path, clock: HandClock) -> None:
    store = await opened(tmp_path / "data", clock)
    rows = await three_rows(store)
    backup(tmp_path / "data", tmp_path / "copy.sqlite")
    await store.outbox.settle([settled(row) for row in rows])
    await store.close()
    restore(tmp_path / "copy.sqlite", tmp_path / "other")
    again = await opened(tmp_path / "other", clock)
    assert await again.outbox.books() == Books(queued=3, waiting=3)
    await again.close()


DAMAGE = [
    "DELETE FROM change WHERE seq = 2",
    "UPDATE outbox SET doc = NULL WHERE seq = 2",
    "UPDATE outbox SET doc = x'7b7d' WHERE seq = 1",
    "UPDATE outbox SET due = x'' WHERE seq = 1",
    "UPDATE outbox SET due = CAST(due || due AS BLOB) WHERE seq = 1",
    "UPDATE outbox SET due = x'00' WHERE seq = 1",
    "DELETE FROM outbox WHERE seq = 1",
    "DELETE FROM outbox WHERE seq = 3",
    "UPDATE ledger SET delivered = delivered + 1 WHERE sid = 1",
    "UPDATE ledger SET queued = queued + 1 WHERE sid = 0",
    "UPDATE ledger SET dead = dead - 1, expired = expired + 1 WHERE sid = 1",
    "DELETE FROM ledger WHERE sid = 1",
    "DELETE FROM subscription WHERE sid = 1",
]


@pytest.mark.parametrize("damage", DAMAGE)
async def test_check_finds_damage_in_the_outbox(
    tmp_path: Path, clock: HandClock, damage: str
) -> None:
    store = await opened(tmp_path / "data", clock)
    rows = await three_rows(store)
    await store.outbox.settle([settled(rows[2], Outcome.DEAD)])
    await store.close()
    connection = apsw.Connection(str(tmp_path / "data" / "machi.sqlite"))
    connection.execute(damage)
    connection.close()
    assert check(tmp_path / "data") != []
