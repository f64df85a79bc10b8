"""Boxes in the R*Tree: each by a number that tells its entity, and found by the tree alone."""

import apsw
import pytest

from broker.store.sqlite.boxes import BITS, MOST, OWNERS, write_boxes
from broker.store.sqlite.schema import MIGRATIONS, migrate
from broker.store.sqlite.waiting import WaitingRows

WORLD = (180, -180, 90, -90)
BEFORE = 9
"""The format in which a box told its entity in a column."""


@pytest.fixture
def connection() -> apsw.Connection:
    """Return an empty file in memory."""
    connection = apsw.Connection("")
    migrate(connection)
    return connection


def put(connection: apsw.Connection, path: int, *places: tuple[int, int, float | None]) -> None:
    """Put boxes of an attribute at (entity, type, longitude); None takes one away."""
    boxes = [None if x is None else (x, x, 0.0, 0.0) for _, _, x in places]
    whose = [(eid, nid, seq) for seq, (eid, nid, _) in enumerate(places, 1)]
    rows = WaitingRows(boxes, [None] * len(places), whose)
    cursor = connection.cursor()
    write_boxes(connection.cursor().execute, cursor.executemany, path, rows)


def owners(connection: apsw.Connection, nid: int, path: int, box: tuple[float, ...] = WORLD) -> set:
    """Return the entities of a type that have a box of the attribute that meets one."""
    found = connection.execute(OWNERS, (*box, nid, nid, path, path)).fetchall()
    assert len(found) == len(set(found))
    return {eid for (eid,) in found}


def test_a_box_is_found_by_its_type_and_its_attribute_only(connection: apsw.Connection) -> None:
    put(connection, 7, (1, 5, 10.0), (1, 6, 10.0), (2, 5, 20.0))
    put(connection, 8, (3, 5, 10.0))
    assert owners(connection, 5, 7) == {1, 2}
    assert owners(connection, 5, 7, (15, 5, 1, -1)) == {1}
    assert owners(connection, 6, 7) == {1}
    assert owners(connection, 5, 8) == {3}
    assert owners(connection, 6, 8) == set()


@pytest.mark.parametrize("nid", [(1 << 22) - 1, 1 << 22])
def test_no_type_reaches_into_the_next_up_to_the_last_there_may_be(
    connection: apsw.Connection, nid: int
) -> None:
    put(connection, nid, (1, nid, 10.0))
    assert owners(connection, nid, nid) == {1}
    for other in (nid - 1, nid + 1):
        assert owners(connection, other, nid) == set()
        assert owners(connection, nid, other) == set()


def test_the_numbers_of_an_entity_are_used_again_once_the_last_is_given(
    connection: apsw.Connection,
) -> None:
    put(connection, 7, (4, 1, 1.0), (4, 2, 1.0), (4, 3, 1.0), (5, 1, 1.0))
    last = (4 << BITS) + MOST
    connection.execute("UPDATE boxkey SET bid = ? WHERE eid = 4 AND type = 3", (last,))
    connection.execute("UPDATE box SET bid = ? WHERE bid = ?", (last, (4 << BITS) + 2))
    put(connection, 7, (4, 2, None))
    put(connection, 8, (4, 1, 1.0))
    put(connection, 8, (4, 2, 1.0))
    put(connection, 7, (4, 1, None))
    put(connection, 9, (4, 1, 1.0))
    own = {bid & MOST for (bid,) in connection.execute("SELECT bid FROM boxkey WHERE eid = 4")}
    assert own == {0, 1, 2, MOST}
    assert [owners(connection, 1, path) for path in (7, 8, 9)] == [{5}, {4}, {4}]
    assert owners(connection, 2, 8) == owners(connection, 3, 7) == {4}


def test_a_file_whose_boxes_did_not_tell_their_entity_is_brought_up() -> None:
    connection = apsw.Connection("")
    migrate(connection, MIGRATIONS[:BEFORE])
    for bid, nid, path, eid in ((1, 5, 7, 30), (2, 6, 7, 30), (3, 5, 8, 30), (4, 5, 7, 20)):
        connection.execute(
            "INSERT INTO box (bid, west, east, south, north, type, path, eid) "
            "VALUES (?, 10, 11, 20, 21, ?, ?, ?)",
            (bid, nid, path, eid),
        )
        connection.execute("INSERT INTO boxkey VALUES (?, ?, ?, ?)", (eid, nid, path, bid))
    migrate(connection)
    assert owners(connection, 5, 7) == {20, 30}
    assert owners(connection, 6, 7) == owners(connection, 5, 8) == {30}
    assert owners(connection, 5, 7, (9, 9, 90, -90)) == set()
    put(connection, 7, (30, 5, None), (20, 5, 50.0))
    assert owners(connection, 5, 7) == {20}
    assert owners(connection, 5, 7, (51, 49, 1, -1)) == {20}
    assert connection.execute("SELECT count(*) FROM box").get == 3
    assert not connection.table_exists("main", "moved")
