"""Checking, backing up and restoring a data folder."""

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from broker.store.contract import Store
from broker.store.sqlite import SqliteStore
from broker.store.sqlite.connection import DATA_FILE, connect
from broker.store.sqlite.errors import (
    DamagedBackup,
    DataFolderInUse,
    NotADataFile,
    TargetExists,
)
from broker.store.sqlite.maintenance import backup, check, restore
from broker.store.sqlite.schema import MIGRATIONS, migrate
from tests.broker.store.helpers import (
    RIVER,
    SHELTER,
    create,
    delete,
    entity,
    point,
    prop,
    replace,
)
from tests.properties.test_store_machine import everything
from tests.support.patience import PATIENCE


async def filled(folder: Path) -> SqliteStore:
    """Return an open store with something of everything."""
    store = SqliteStore(folder)
    await store.open()
    place = point(130.76, 32.21)
    for n in range(20):
        await create(store, entity(f"urn:{n}", level=prop(n), name=prop(f"n{n}"), place=place))
    await create(store, entity("urn:1", RIVER, SHELTER, level=prop([1, 2])), tenant="town")
    await replace(store, entity("urn:3", RIVER, level=prop(0.5)))
    await delete(store, "urn:4")
    return store


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Return a folder with data that no store has open."""
    path = tmp_path / "data"
    await (await filled(path)).close()
    return path


def test_a_sound_folder_has_no_problems(folder: Path) -> None:
    assert check(folder) == []


def test_a_folder_without_data_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotADataFile, match="has no data"):
        check(tmp_path)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("DELETE FROM change WHERE seq = 7", "The feed has a gap"),
        ("DELETE FROM change WHERE seq = 1", "The feed has a gap"),
        ("UPDATE entity SET version = 9 WHERE id = 'urn:3'", "urn:3 is stored with version 9"),
        ("UPDATE entity SET seq = 1 WHERE id = 'urn:3'", "urn:3 is stored with"),
        ("UPDATE change SET last = 2 WHERE kind = 'update'", "follows change 2"),
        ("DELETE FROM grave", "Entity urn:4"),
        ("DELETE FROM entity WHERE id = 'urn:5'", "Entity urn:5"),
        ("DELETE FROM anum WHERE value = 0.5", "urn:3 is not in the index anum"),
        ("INSERT INTO anum SELECT type, path, 99, eid FROM anum LIMIT 1", "anum has"),
        ("UPDATE atxt SET value = 'z' WHERE value = 'n6'", "urn:6 is not in the index atxt"),
        ("DELETE FROM etype WHERE key = 'urn:7'", "urn:7 is not in the index etype"),
        ("UPDATE box SET west = 0, east = 0 WHERE bid & 1 = 0", "is not in the index box"),
        ("DELETE FROM boxkey", "is not in the index boxkey"),
        ("UPDATE entity SET type = 0 WHERE id = 'urn:9'", "urn:9 is filed under type number 0"),
        ("UPDATE counter SET n = n + 1", "The counters"),
        ("DELETE FROM name WHERE iri LIKE '%level'", "cannot be read"),
        ("UPDATE entity SET doc = x'7b' WHERE id = 'urn:8'", "document of urn:8 cannot be read"),
        ("UPDATE change SET tid = 77 WHERE seq = 3", "tenant number 77"),
        ("UPDATE change SET eid = 77 WHERE seq = 3", "Change 3 is about another entity"),
        ("UPDATE change SET delta = NULL WHERE seq = 3", "Change 3 does not tell"),
        ("UPDATE change SET kind = 'update' WHERE seq = 3", "Change 3 does not tell"),
        ("UPDATE pair SET exact = 3", "taken to decide more than it does"),
        ("UPDATE meta SET value = 999 WHERE key = 'indexed'", "The index has followed change 999"),
        ("DELETE FROM meta WHERE key = 'indexed'", "does not say which change its index"),
    ],
)
def test_planted_damage_is_found(folder: Path, damage: str, found: str) -> None:
    connection = apsw.Connection(str(folder / DATA_FILE))
    connection.execute(damage)
    connection.close()
    problems = check(folder)
    assert any(found in problem for problem in problems), problems


async def test_twice_as_many_places_take_about_twice_as_long_to_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []

    def step() -> bool:
        steps.append(1)
        return False

    def counted(path: Path) -> apsw.Connection:
        connection = connect(path)
        connection.set_progress_handler(step, 100)
        return connection

    monkeypatch.setattr("broker.store.sqlite.check.connect", counted)
    taken = []
    for name, places in (("few", 200), ("twice", 400)):
        store = SqliteStore(tmp_path / name)
        await store.open()
        await create(store, *(entity(f"urn:{n}", at=point(n / 10, 0)) for n in range(places)))
        await store.close()
        steps.clear()
        assert check(tmp_path / name) == []
        taken.append(len(steps))
    assert taken[1] < 2.5 * taken[0]


def test_a_torn_page_is_found(folder: Path) -> None:
    path = folder / DATA_FILE
    content = bytearray(path.read_bytes())
    content[5 * 8192 : 5 * 8192 + 64] = b"\xff" * 64
    path.write_bytes(content)
    assert check(folder) != []


async def test_a_restored_backup_holds_the_same(folder: Path, tmp_path: Path) -> None:
    store = SqliteStore(folder)
    await store.open()
    before = await everything(store)
    backup(folder, tmp_path / "copy")
    await create(store, entity("urn:later"))
    await store.close()
    restore(tmp_path / "copy", tmp_path / "restored")
    again = SqliteStore(tmp_path / "restored")
    await again.open()
    assert await everything(again) == before
    await create(again, entity("urn:new", level=prop(1)))
    await again.close()
    assert check(tmp_path / "restored") == []


def to_the_format_before_boxes_told_their_entity(file: Path) -> None:
    """Give a file the tree of boxes it had in format 9."""
    with closing(apsw.Connection(str(file))) as connection:
        connection.execute(
            "CREATE TABLE told AS SELECT b.*, k.type, k.path, k.eid FROM box b "
            "JOIN boxkey k ON k.bid = b.bid; DROP TABLE box; CREATE VIRTUAL TABLE box USING "
            "rtree(bid, west, east, south, north, +type INTEGER, +path INTEGER, +eid INTEGER); "
            "INSERT INTO box SELECT bid, west, east, south, north, type, path, eid FROM told; "
            "DROP TABLE told; PRAGMA user_version = 9"
        )


async def test_a_backup_of_an_older_format_is_checked_and_restored(
    folder: Path, tmp_path: Path
) -> None:
    store = SqliteStore(folder)
    await store.open()
    before = await everything(store)
    await store.close()
    to_the_format_before_boxes_told_their_entity(folder / DATA_FILE)
    backup(folder, tmp_path / "copy")
    assert check(folder) == []
    restore(tmp_path / "copy", tmp_path / "restored")
    again = SqliteStore(tmp_path / "restored")
    await again.open()
    assert await everything(again) == before
    await again.close()
    assert check(tmp_path / "restored") == []


def test_damage_in_a_backup_of_an_older_format_is_found(folder: Path, tmp_path: Path) -> None:
    to_the_format_before_boxes_told_their_entity(folder / DATA_FILE)
    with closing(apsw.Connection(str(folder / DATA_FILE))) as connection:
        connection.execute("DELETE FROM box WHERE bid = (SELECT min(bid) FROM box)")
    assert any("box" in problem for problem in check(folder))


@pytest.mark.parametrize("format", range(1, len(MIGRATIONS)))
def test_a_file_of_each_format_there_was_can_be_checked(tmp_path: Path, format: int) -> None:
    with closing(apsw.Connection(str(tmp_path / DATA_FILE))) as connection:
        migrate(connection, MIGRATIONS[:format])
    assert check(tmp_path) == []


async def test_a_backup_taken_under_writes_is_of_one_state(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    store = await filled(folder)
    during: list[int] = []
    loop = asyncio.get_running_loop()
    stop = threading.Event()

    async def keep_writing(store: Store) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            await asyncio.gather(
                replace(store, entity("urn:1", level=prop(number))),
                create(store, entity(f"urn:more:{number}", name=prop("x" * 3000))),
            )

    def watch(copied: int, total: int) -> None:
        """Hold the copy up until the broker has committed something more."""
        seen = store.span()[1]
        asyncio.run_coroutine_threadsafe(_beyond(store, seen), loop).result(timeout=PATIENCE)
        during.append(copied)

    writing = asyncio.create_task(keep_writing(store))
    await _beyond(store, store.span()[1] + 300)
    await asyncio.to_thread(backup, folder, tmp_path / "copy", watch)
    stop.set()
    await writing
    newest = store.span()[1]
    await store.close()
    assert during
    restore(tmp_path / "copy", tmp_path / "restored")
    assert check(tmp_path / "restored") == []
    again = SqliteStore(tmp_path / "restored")
    await again.open()
    assert 0 < again.span()[1] < newest
    await again.close()


async def _beyond(store: Store, seq: int) -> None:
    """Wait until the store has committed a change after `seq`."""
    committed = asyncio.Event()
    stop = store.listen(lambda changes: committed.set())
    while store.span()[1] <= seq:
        committed.clear()
        await committed.wait()
    stop()


def test_a_backup_is_one_file_and_overwrites_nothing(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "copies" / "copy"
    target.parent.mkdir()
    backup(folder, target)
    assert [path.name for path in target.parent.iterdir()] == ["copy"]
    with pytest.raises(TargetExists):
        backup(folder, target)


def test_a_backup_is_for_its_owner_only(folder: Path, tmp_path: Path) -> None:
    backup(folder, tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600


def test_a_damaged_backup_is_not_restored(folder: Path, tmp_path: Path) -> None:
    backup(folder, tmp_path / "copy")
    connection = apsw.Connection(str(tmp_path / "copy"))
    connection.execute("DELETE FROM change WHERE seq = 7")
    connection.close()
    with pytest.raises(DamagedBackup, match="gap"):
        restore(tmp_path / "copy", tmp_path / "restored")
    assert not (tmp_path / "restored" / DATA_FILE).exists()


@pytest.mark.parametrize("prepare", [Path.mkdir, Path.touch, lambda path: None])
def test_what_is_no_backup_is_not_restored(tmp_path: Path, prepare: Callable[[Path], None]) -> None:
    prepare(tmp_path / "copy")
    with pytest.raises(NotADataFile):
        restore(tmp_path / "copy", tmp_path / "restored")


def test_what_is_no_backup_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "copy").write_text("Machi is a town.")
    with pytest.raises(NotADataFile, match="that machi backup wrote"):
        restore(tmp_path / "copy", tmp_path / "restored")


def test_a_restore_that_is_broken_off_leaves_what_was_there(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(folder, tmp_path / "copy")
    before = (folder / DATA_FILE).read_bytes()

    def full(file: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        restore(tmp_path / "copy", folder, force=True)
    assert (folder / DATA_FILE).read_bytes() == before
    assert not list(folder.glob("*.partial"))


async def test_data_is_overwritten_only_by_force_and_never_in_use(
    folder: Path, tmp_path: Path
) -> None:
    backup(folder, tmp_path / "copy")
    with pytest.raises(TargetExists):
        restore(tmp_path / "copy", folder)
    store = SqliteStore(folder)
    await store.open()
    kept = await everything(store)
    await create(store, entity("urn:later"))
    with pytest.raises(DataFolderInUse):
        restore(tmp_path / "copy", folder, force=True)
    await store.close()
    restore(tmp_path / "copy", folder, force=True)
    again = SqliteStore(folder)
    await again.open()
    assert await everything(again) == kept
    await again.close()
