"""Index rows that wait in memory: what readers find, and what comes into the file."""

import asyncio
from typing import Any

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.query.ast import And, Compare, EntityQuery, HasType, Op
from broker.query.ast import Path as QueryPath
from broker.query.plan import GeoTerm, IndexTerm
from broker.store.contract import Tx
from broker.store.sqlite import SqliteStore, pending, writer
from broker.store.sqlite.boxes import ENTITY
from broker.store.sqlite.index import MANY
from broker.store.sqlite.indexer import Indexer
from broker.store.sqlite.maintenance import check
from broker.store.sqlite.moving import write_values
from broker.store.sqlite.pending import BOXES, NUMBERS, TABLES, Pending
from broker.store.sqlite.schema import migrate
from broker.store.sqlite.waiting import WaitingRows
from tests.broker.store.helpers import LEVEL, SHELTER, create, entity, point, prop, replace

TYPE, PATH = 1, 2
VALUES = st.one_of(st.integers(-3, 3), st.sampled_from([-0.5, 0.5, 2.5]))
KEPT = st.one_of(st.none(), VALUES, st.just(MANY))
STEPS = st.lists(st.tuples(KEPT, KEPT, st.integers(1, 3)).filter(lambda step: step[0] != step[1]))
"""Values that entities lose and get, one of them perhaps None."""
BOUNDS = st.none() | VALUES
TERMS = st.one_of(
    st.builds(
        IndexTerm,
        st.just("num"),
        st.just("urn:x"),
        values=st.lists(VALUES, min_size=1, max_size=2).map(tuple),
    ),
    st.builds(
        IndexTerm,
        st.just("num"),
        st.just("urn:x"),
        low=BOUNDS,
        low_inclusive=st.booleans(),
        high=BOUNDS,
        high_inclusive=st.booleans(),
    ),
)


def waiting(steps: list[tuple[Any, Any, int]]) -> Pending:
    """Return the rows of changes 1, 2, …"""
    kept = Pending(0)
    for seq, step in enumerate(steps, 1):
        add(kept, seq, *step)
    return kept


def add(kept: Pending, seq: int, lost: Any, value: Any, eid: int) -> None:
    """Add the row of a change that takes a number from an entity and gives it another."""
    kept.add((NUMBERS, PATH), value, lost, (eid, TYPE, seq))


def asks_for(term: IndexTerm, value: Any) -> bool:
    """Say by definition whether a term asks for a value."""
    if value == MANY:
        return True
    if term.values:
        return value in term.values
    above = term.low is None or value > term.low or (term.low_inclusive and value == term.low)
    below = term.high is None or value < term.high or (term.high_inclusive and value == term.high)
    return above and below


@given(STEPS, TERMS)
def test_all_entities_that_got_a_value_asked_for_are_found(steps: Any, term: IndexTerm) -> None:
    expected = {eid for _, value, eid in steps if value is not None and asks_for(term, value)}
    many = {eid for lost, _, eid in steps if lost == MANY}
    kept = waiting(steps)
    assert set(kept.find(term, PATH)) == expected | many
    assert kept.find(term, PATH + 1) == []


@given(STEPS, STEPS, TERMS)
def test_what_is_taken_back_was_never_there(before: Any, after: Any, term: IndexTerm) -> None:
    kept = waiting(before)
    found, rows_before = kept.find(term, PATH), kept.rows
    for seq, step in enumerate(after, len(before) + 1):
        add(kept, seq, *step)
    kept.find(term, PATH)
    kept.take_back(len(before))
    assert (kept.find(term, PATH), kept.rows) == (found, rows_before)


@given(STEPS, st.integers(1, 4))
def test_the_last_word_on_a_row_comes_into_the_file(steps: Any, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pending, "SLICE", size)
        connection = apsw.Connection("")
        connection.execute(
            "CREATE TABLE anum (type, path, value, eid, PRIMARY KEY (type, path, value, eid)) "
            "WITHOUT ROWID"
        )
        many = connection.cursor().executemany

        def bring(key: pending.Key, rows: WaitingRows) -> None:
            write_values(many, TABLES[key[0]], key[1], rows)

        kept = waiting(steps)
        while kept.rows:
            indexed, forget = kept.move(bring, len(steps))
            assert kept.indexed <= indexed <= len(steps)
            forget()
            assert kept.indexed == indexed
    assert not steps or kept.indexed == len(steps)
    expected: dict[Any, bool] = {}
    for lost, value, eid in steps:
        expected[lost, eid] = False
        expected[value, eid] = value is not None
    stored = set(connection.execute("SELECT value, eid FROM anum"))
    assert stored == {row for row, added in expected.items() if added}


async def test_rows_come_into_the_file_once_they_are_many(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "MOST", 40)
    for n in range(50):
        await create(sqlite, entity(f"urn:{n}", level=prop(n)))
    assert sqlite._mover.task is not None
    await sqlite._mover.task
    assert sqlite.count()["index_rows_waiting"] < 50
    assert sqlite._connection.execute("SELECT count(*) FROM anum").get > 0


async def test_rows_come_into_the_file_before_writes_that_wait_already(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "MOST", 40)
    monkeypatch.setattr(writer, "GROUP", 20)
    waiting = []

    async def write(n: int) -> None:
        await create(sqlite, entity(f"urn:{n}", level=prop(n)))
        waiting.append(sqlite.count()["index_rows_waiting"])

    await asyncio.gather(*map(write, range(400)))
    assert 40 <= max(waiting) <= 100


async def refused(store: SqliteStore, *entities: Any) -> None:
    """Write entities in one unit of work that fails afterwards."""

    async def work(tx: Tx) -> None:
        for each in entities:
            await tx.put(each, await tx.get(each["id"]))
        raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        await store.write("", work)


async def test_no_row_waits_of_a_work_that_failed_and_all_of_its_neighbours_do(
    sqlite: SqliteStore,
) -> None:
    await asyncio.gather(
        create(sqlite, entity("urn:0", level=prop(0))),
        refused(sqlite, entity("urn:0", level=prop(7)), entity("urn:bad", level=prop(8))),
        create(sqlite, entity("urn:1", level=prop(1))),
    )
    assert sqlite.count()["index_rows_waiting"] == 2
    await sqlite._mover.until(sqlite.span()[1])
    found = sqlite._connection.execute("SELECT value FROM anum ORDER BY 1").fetchall()
    assert found == [(0,), (1,)]


async def test_refusals_that_wrote_nothing_look_for_no_rows(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create(sqlite, entity("urn:0", level=prop(0)))
    looked: list[int] = []
    monkeypatch.setattr(Pending, "take_back", lambda _, seq: looked.append(seq))
    results = await asyncio.gather(
        *(refused(sqlite) for _ in range(5)), create(sqlite, entity("urn:1", level=prop(1)))
    )
    assert (results, looked) == ([None] * 6, [])


@pytest.mark.parametrize("refusals", [0, 1])
async def test_rows_of_the_open_transaction_are_moved_with_it_or_not_at_all(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    monkeypatch.setattr(writer, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(writer, "GROUP_SECONDS", 3600.0)
    await create(sqlite, *(entity(f"urn:{n}", level=prop(n)) for n in range(4)))
    moved = []
    bring = sqlite._mover._bring

    def noted(key: pending.Key, rows: WaitingRows) -> None:
        moved.append((rows.whose[-1][2], sqlite.span()[1]))
        bring(key, rows)

    monkeypatch.setattr(sqlite._mover, "_bring", noted)

    async def move() -> None:
        while sqlite.count()["index_rows_waiting"] < 6:
            await asyncio.sleep(0)
        await sqlite._mover.move()

    await asyncio.gather(
        move(),
        *(replace(sqlite, entity(f"urn:{n}", level=prop(10 + n), modified=1)) for n in (0, 2, 3)),
        *(refused(sqlite, entity("urn:1", level=prop(7), modified=1)) for _ in range(refusals)),
        replace(sqlite, entity("urn:0", level=prop(20), modified=2)),
    )
    assert moved
    assert all(newest > committed for newest, committed in moved)
    await sqlite._mover.until(sqlite.span()[1])
    found = sqlite._connection.execute("SELECT value FROM anum ORDER BY 1").fetchall()
    assert found == [(1,), (12,), (13,), (20,)]


async def test_no_row_is_lost_where_one_who_moved_them_was_cancelled_and_another_goes_on(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "SLICE", 10)
    await create(sqlite, *(entity(f"urn:{n}", level=prop(n)) for n in range(40)))
    commit, may_commit = sqlite._writer._disk.commit, asyncio.Event()

    async def later() -> None:
        await may_commit.wait()
        await commit()

    monkeypatch.setattr(sqlite._writer._disk, "commit", later)
    writing = asyncio.create_task(create(sqlite, entity("urn:last", level=prop(99))))
    while not sqlite.count()["queue"]:
        await asyncio.sleep(0)
    while sqlite.count()["queue"]:
        await asyncio.sleep(0)
    first = asyncio.create_task(sqlite._mover.move())
    await asyncio.sleep(0)
    first.cancel()
    others = asyncio.create_task(sqlite._mover.until(41))
    while sqlite.count()["queue"] < 2:
        await asyncio.sleep(0)
    may_commit.set()
    await asyncio.gather(writing, others)
    assert sqlite._connection.execute("SELECT count(*) FROM anum").get == 41


async def test_readers_meet_nothing_of_a_group_while_it_is_open(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr(writer, "GROUP_SECONDS", 3600.0)
    await create(sqlite, *(entity(f"urn:{n}", level=prop(1.5)) for n in range(40)))
    seen: set[object] = set()

    async def read() -> None:
        while True:
            for level in (1.5, 2.5):
                compare = Compare(QueryPath((LEVEL,)), Op.EQ, (level,))
                where = And((HasType(SHELTER), compare))
                page = await sqlite.query("", EntityQuery(where, count=True, limit=1000))
                seen.add((level, page.total, len(page.records)))
                if page.total == 0 and sqlite.count()["index_rows_waiting"] > 100:
                    seen.add("rows of the open group")
            await asyncio.sleep(0)

    reader = asyncio.create_task(read())
    changed = (entity(f"urn:{n}", level=prop(2.5), modified=1) for n in range(40))
    added = (entity(f"urn:new:{n}", level=prop(2.5)) for n in range(40))
    await asyncio.gather(
        *(replace(sqlite, each) for each in changed), *(create(sqlite, each) for each in added)
    )
    for _ in range(2):
        await asyncio.sleep(0)
    reader.cancel()
    assert seen == {
        *((1.5, 40, 40), (2.5, 0, 0)),
        "rows of the open group",
        *((1.5, 0, 0), (2.5, 80, 80)),
    }


async def test_changes_without_rows_do_not_pile_up_behind_the_index(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "MOST", 20)
    for n in range(50):
        await create(sqlite, entity(f"urn:{n}"))
    assert sqlite._mover.task is not None
    await sqlite._mover.task
    assert sqlite.span()[1] - sqlite._pending.indexed < 20


async def test_a_closed_store_has_all_rows_in_its_file(tmp_path: Any) -> None:
    store = SqliteStore(tmp_path)
    await store.open()
    await create(store, *(entity(f"urn:{n}", level=prop(n)) for n in range(9)))
    await store.close()
    connection = apsw.Connection(str(tmp_path / "machi.sqlite"))
    assert connection.execute("SELECT value FROM meta WHERE key = 'indexed'").get == 9
    assert connection.execute("SELECT count(*) FROM anum").get == 9
    connection.close()
    assert check(tmp_path) == []


CORNERS = st.integers(-3, 3)
PLACES = st.tuples(CORNERS, CORNERS).map(lambda at: (at[0], at[0] + 1, at[1], at[1] + 1))
STAYS = st.lists(
    st.tuples(st.booleans(), st.integers(1, 3), st.integers(1, 2), PLACES), max_size=12
)


def boxes(steps: Any) -> Pending:
    """Return the rows of boxes that are put in the place of others, or taken away."""
    kept = Pending(0)
    for seq, (added, eid, nid, box) in enumerate(steps, 1):
        gained, lost = (box, None) if added else (None, box)
        kept.add((BOXES, PATH), gained, lost, (eid, nid, seq))
    return kept


@given(STAYS, st.integers(1, 4))
def test_the_last_word_on_a_box_comes_into_the_file(steps: Any, size: int) -> None:
    connection = apsw.Connection("")
    migrate(connection)
    indexer = Indexer(connection, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pending, "SLICE", size * pending.ROWS_OF_BOX)
        kept = boxes(steps)
        while kept.rows:
            _, forget = kept.move(indexer.bring, len(steps))
            forget()
        indexer.write(boxes(steps))
    expected = {(eid, nid): box if added else None for added, eid, nid, box in steps}
    stored = connection.execute(
        f"SELECT k.eid, k.type, west, east, south, north FROM box b JOIN boxkey k USING (bid) "
        f"WHERE k.eid = {ENTITY} AND k.type BETWEEN types_from AND types_to "
        "AND k.path BETWEEN paths_from AND paths_to"
    ).fetchall()
    assert sorted(stored) == sorted((*key, *box) for key, box in expected.items() if box)
    for table in ("box", "boxkey"):
        assert connection.execute(f"SELECT count(*) FROM {table}").get == len(stored)


@given(STAYS, PLACES)
def test_all_entities_that_got_a_box_asked_for_are_found(steps: Any, asked: Any) -> None:
    kept = boxes(steps)
    west, east, south, north = asked
    met = {
        eid
        for added, eid, _, box in steps
        if added and box[0] <= east and box[1] >= west and box[2] <= north and box[3] >= south
    }
    assert kept.find(GeoTerm("urn:x", ((west, south, east, north),)), PATH) == sorted(met)


async def test_boxes_come_into_the_file_once_they_are_many(
    sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pending, "MOST_BOXES", 20)
    for n in range(30):
        await create(sqlite, entity(f"urn:{n}", location=point(130 + n / 100, 32)))
    assert sqlite._mover.task is not None
    await sqlite._mover.task
    assert sqlite._connection.execute("SELECT count(*) FROM box").get >= 20
