"""The data folder of the SQLite engine: ownership, format, migrations, what is indexed."""

import logging
import shutil
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from broker.entities.sweeper import sweep
from broker.query.ast import And, Compare, EntityQuery, HasType, Op
from broker.query.ast import Path as QueryPath
from broker.store.sqlite import SqliteStore
from broker.store.sqlite.connection import DATA_FILE
from broker.store.sqlite.errors import (
    DataFolderInUse,
    NewerDataFile,
    NotADataFile,
    UnusableFolder,
)
from broker.store.sqlite.maintenance import check
from broker.store.sqlite.schema import APPLICATION_ID, MIGRATIONS, migrate
from tests.broker.store.helpers import (
    LEVEL,
    NAME,
    RIVER,
    SHELTER,
    HandClock,
    create,
    delete,
    entity,
    point,
    prop,
    replace,
)

OWN = """
import asyncio, sys
from pathlib import Path
from broker.store.sqlite import SqliteStore

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    print("open", flush=True)
    sys.stdin.readline()

asyncio.run(main())
"""


async def test_a_folder_has_one_owner_and_is_free_when_that_dies(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWN, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "open\n"
        store = SqliteStore(tmp_path)
        with pytest.raises(DataFolderInUse, match=f"process {owner.pid}"):
            await store.open()
        owner.kill()
        owner.wait()
    await store.open()
    await store.close()


async def test_a_folder_is_refused_twice_in_one_process(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path)
    await first.open()
    with pytest.raises(DataFolderInUse):
        await SqliteStore(tmp_path).open()
    await first.close()


async def test_what_is_made_is_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    store = SqliteStore(folder)
    await store.open()
    await create(store, entity("urn:x:1"))
    made = {path: path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}
    await store.close()
    assert made.pop(folder) == 0o700
    assert {DATA_FILE, f"{DATA_FILE}-wal"} <= {path.name for path in made}
    assert set(made.values()) == {0o600}


async def test_a_folder_that_cannot_be_made_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnusableFolder, match="give a folder"):
        await SqliteStore(tmp_path / "file" / "data").open()


async def test_a_file_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await store.open()
    await store.close()
    with apsw.Connection(str(tmp_path / DATA_FILE)) as connection:
        connection.pragma("user_version", len(MIGRATIONS) + 1)
    with pytest.raises(NewerDataFile, match="newer Machi"):
        await SqliteStore(tmp_path).open()
    with pytest.raises(NewerDataFile):
        check(tmp_path)


@pytest.mark.parametrize("content", [b"no database, but long enough to look like one" * 50, None])
async def test_a_foreign_file_is_refused_and_left_alone(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / DATA_FILE
    if content is None:
        apsw.Connection(str(path)).execute("CREATE TABLE theirs (x)").connection.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(NotADataFile):
        await SqliteStore(tmp_path).open()
    assert path.read_bytes() == before


async def test_the_file_is_set_up_as_the_engine_counts_on(sqlite: SqliteStore) -> None:
    connection = sqlite._connection
    settings = {
        "journal_mode": "wal",
        "synchronous": 2,
        "page_size": 8192,
        "auto_vacuum": 2,
        "secure_delete": 1,
        "application_id": APPLICATION_ID,
    }
    assert {name: connection.pragma(name) for name in settings} == settings
    for each in (connection, sqlite._reader.connection):
        assert each.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, -1) == 1


def test_an_older_file_is_brought_up_step_by_step() -> None:
    connection = apsw.Connection("")
    first = "CREATE TABLE town (name TEXT); INSERT INTO town VALUES ('人吉')"
    second = "ALTER TABLE town ADD COLUMN people INTEGER DEFAULT 30000"
    migrate(connection, [first])
    assert connection.pragma("user_version") == 1
    migrate(connection, [first, second])
    assert connection.pragma("user_version") == 2
    assert connection.execute("SELECT * FROM town").fetchall() == [("人吉", 30000)]


def test_entities_stored_before_there_were_due_times_have_them_looked_up() -> None:
    connection = apsw.Connection("")
    migrate(connection, MIGRATIONS[:1])
    for entity_id, document in (("urn:a", b'{"attrs":{}}'), ("urn:b", b'{"expiresAt":"2999"}')):
        connection.execute(
            "INSERT INTO entity (tid, id, version, seq, type, doc) VALUES (1, ?, 1, 1, 1, ?)",
            (entity_id, document),
        )
    migrate(connection)
    assert connection.execute("SELECT tid, id, at FROM due").fetchall() == [(1, "urn:b", "")]


def test_only_a_file_that_has_to_be_brought_up_is_said_to_take_a_while(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "machi.broker")
    connection = apsw.Connection("")
    migrate(connection, MIGRATIONS[:9])
    assert not caplog.messages
    migrate(connection)
    assert "from format 9 to" in caplog.text
    caplog.clear()
    migrate(connection)
    assert not caplog.messages


async def test_a_due_time_is_looked_up_in_the_document_where_it_is_not_known(
    sqlite: SqliteStore, clock: HandClock
) -> None:
    lasting, over = entity("urn:lasting"), entity("urn:over")
    lasting["expiresAt"], over["expiresAt"] = "2999-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    await create(sqlite, lasting, over)
    sqlite._connection.execute("UPDATE due SET at = ''")
    clock.time = "2026-01-03T00:00:00.000000Z"
    await sweep(sqlite, clock, set())
    assert await sqlite.get("", "urn:over") is None
    assert await sqlite.due(clock()) == []
    assert await sqlite.due("9999") == [("", "urn:lasting")]


def test_a_migration_that_fails_leaves_the_file_as_it_was() -> None:
    connection = apsw.Connection("")
    migrate(connection, ["CREATE TABLE town (name TEXT)"])
    with pytest.raises(apsw.SQLError):
        migrate(
            connection,
            ["CREATE TABLE town (name TEXT)", "CREATE TABLE x (y); INSERT INTO no VALUES (1)"],
        )
    assert connection.pragma("user_version") == 1
    assert connection.table_exists("main", "x") is False


async def test_what_is_indexed_follows_the_operator_at_the_next_start(tmp_path: Path) -> None:
    where = And((HasType(SHELTER), Compare(QueryPath((LEVEL,)), Op.GT, (5,))))

    async def rows(**choice: bool) -> dict[str, int]:
        def indexed(type_iri: str, attribute: str) -> bool:
            return choice.get(attribute.rpartition("/")[2], True)

        store = SqliteStore(tmp_path, indexed=indexed)
        await store.open()
        number = store.count()["entities"]
        place = point(130.7, 32.2)
        await create(
            store, entity(f"urn:{number}", level=prop(number), name=prop("x"), place=place)
        )
        page = await store.query("", EntityQuery(where, count=True))
        assert page.total == max(0, number - 5)
        await store._mover.until(number + 1)
        counted = {
            table: store._connection.execute(f"SELECT count(*) FROM {table}").get
            for table in ("anum", "atxt", "box", "boxkey")
        }
        await store.close()
        assert check(tmp_path) == []
        return counted

    for _ in range(6):
        assert (await rows(level=False))["anum"] == 0
    assert await rows() == {"anum": 7, "atxt": 7, "box": 7, "boxkey": 7}
    assert await rows(name=False, place=False) == {"anum": 8, "atxt": 0, "box": 0, "boxkey": 0}
    assert await rows(level=False) == {"anum": 0, "atxt": 9, "box": 9, "boxkey": 9}


async def test_index_rows_that_waited_at_a_crash_are_made_again(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "data")
    await store.open()
    place = point(130.7, 32.2)
    await create(store, *(entity(f"urn:{n}", level=prop(n), place=place) for n in range(9)))
    await store._mover.until(9)
    await replace(store, entity("urn:1", level=prop([1, 2.5])))
    await replace(store, entity("urn:1", RIVER, SHELTER, level=prop(3), name=prop("x")))
    await replace(store, entity("urn:3", level=prop(3), place=point(140.7, 42.2)))
    await delete(store, "urn:8")
    await delete(store, "urn:2")
    await create(store, entity("urn:2", RIVER, level=prop(8)))
    await create(store, entity("urn:10", level=prop(1), place=place))
    await create(store, entity("urn:2", level=prop(2)), tenant="town")
    assert store._pending.rows > 0
    shutil.copytree(tmp_path / "data", tmp_path / "left")
    await store.close()
    assert check(tmp_path / "left") == []
    again = SqliteStore(tmp_path / "left")
    await again.open()
    assert again._pending.indexed == again.span()[1]
    where = And((HasType(RIVER), Compare(QueryPath((LEVEL,)), Op.GT, (2,))))
    page = await again.query("", EntityQuery(where))
    assert [record.id for record in page.records] == ["urn:1", "urn:2"]
    await again.close()
    assert check(tmp_path / "left") == []


async def test_dropping_a_tenant_goes_on_after_a_crash(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await store.open()
    await create(store, *(entity(f"urn:{n}", level=prop(n)) for n in range(500)), tenant="town")
    await create(store, entity("urn:kept", name=prop("x")))
    with apsw.Connection(str(tmp_path / DATA_FILE)) as connection:
        connection.execute("UPDATE tenant SET name = NULL WHERE name = 'town'")
    await store.close()
    again = SqliteStore(tmp_path)
    await again.open()
    assert await again.tenants() == [""]
    await create(again, entity("urn:new", level=prop(1)), tenant="town")
    assert again._dropping is not None
    await again._dropping
    assert again.count()["entities"] == 2
    names = again._connection.execute("SELECT DISTINCT iri FROM name").fetchall()
    assert {iri for (iri,) in names} == {SHELTER, LEVEL, NAME}
    await again.close()
    assert check(tmp_path) == []
