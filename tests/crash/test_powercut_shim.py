"""The power-cut shim loses what it should, and only that."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.platter import PlatterFile, Resize, Survival, Write
from tests.support.powercut import PowerCutDisk, PowerCutVfs

SECTOR = 4


@pytest.fixture
def disk() -> Iterator[PowerCutDisk]:
    """Give a disk reachable as VFS "powercut"."""
    disk = PowerCutDisk()
    vfs = PowerCutVfs(disk)
    yield disk
    vfs.unregister()


def committed_until_cut(disk: PowerCutDisk, folder: Path, synchronous: str) -> int:
    """Insert 1, 2, 3, … each in its own commit until the power goes; return the last one sure."""
    folder.mkdir()
    connection = apsw.Connection(str(folder / "db"), vfs="powercut")
    connection.execute(f"PRAGMA journal_mode=WAL; PRAGMA synchronous={synchronous}").fetchall()
    connection.execute("PRAGMA wal_autocheckpoint=20; CREATE TABLE t (n, filler)").fetchall()
    sure = number = 0
    while disk.is_on:
        number += 1
        connection.execute("INSERT INTO t VALUES (?, ?)", (number, "x" * 900))
        if disk.is_on:
            sure = number
    connection.close()
    return sure


def rows_after(disk: PowerCutDisk, folder: Path) -> list[int]:
    """Restore what the cut left, and read it as SQLite does after a restart."""
    folder.mkdir()
    disk.restore(folder)
    connection = apsw.Connection(str(folder / "db"))
    assert connection.execute("PRAGMA integrity_check").get == "ok"
    if not connection.execute("SELECT count(*) FROM sqlite_schema").get:
        return []
    rows = [n for (n,) in connection.execute("SELECT n FROM t ORDER BY n")]
    connection.close()
    return rows


@pytest.mark.parametrize("synchronous", ["OFF", "NORMAL"])
def test_without_full_sync_committed_rows_are_lost(
    disk: PowerCutDisk, tmp_path: Path, synchronous: str
) -> None:
    disk.arm(operations=100, survival=Survival.NOTHING, draw=Random(1))
    sure = committed_until_cut(disk, tmp_path / "before", synchronous)
    assert len(rows_after(disk, tmp_path / "after")) < sure


@pytest.mark.parametrize("survival", Survival)
@pytest.mark.parametrize("seed", range(12))
def test_with_full_sync_no_committed_row_is_lost(
    disk: PowerCutDisk, tmp_path: Path, survival: Survival, seed: int
) -> None:
    draw = Random(f"{survival} {seed}")
    disk.arm(operations=draw.randint(30, 300), survival=survival, draw=draw)
    sure = committed_until_cut(disk, tmp_path / "before", "FULL")
    rows = rows_after(disk, tmp_path / "after")
    assert rows == list(range(1, len(rows) + 1))
    assert sure <= len(rows) <= sure + 1


operations = st.lists(
    st.one_of(
        st.builds(Write, st.integers(0, 12), st.binary(min_size=1, max_size=6)),
        st.builds(Resize, st.one_of(st.none(), st.integers(0, 14))),
    ),
    max_size=6,
)


@given(synced=st.binary(max_size=12), pending=operations, seed=st.integers(0, 999))
def test_everything_survives_as_a_plain_file_would(
    synced: bytes, pending: list[Write | Resize], seed: int
) -> None:
    file = PlatterFile(bytearray(synced), list(pending))
    left = file.after_cut(Survival.EVERYTHING, SECTOR, Random(seed))
    file.sync()
    assert left == plainly(synced, pending) == (None if file.synced is None else bytes(file.synced))


@given(synced=st.binary(max_size=12), pending=operations, seed=st.integers(0, 999))
def test_nothing_survives_as_the_synced_content(
    synced: bytes, pending: list[Write | Resize], seed: int
) -> None:
    file = PlatterFile(bytearray(synced), list(pending))
    assert file.after_cut(Survival.NOTHING, SECTOR, Random(seed)) == synced


@given(
    synced=st.binary(min_size=16, max_size=16),
    pending=st.lists(
        st.builds(Write, st.integers(0, 12), st.binary(min_size=4, max_size=4)), max_size=5
    ),
    seed=st.integers(0, 999),
)
def test_a_torn_sector_holds_what_it_held_at_some_moment(
    synced: bytes, pending: list[Write], seed: int
) -> None:
    left = PlatterFile(bytearray(synced), list(pending)).after_cut(
        Survival.TORN, SECTOR, Random(seed)
    )
    assert left is not None
    moments = [plainly(synced, pending[:n]) or b"" for n in range(len(pending) + 1)]
    for start in range(0, 16, SECTOR):
        sector = slice(start, start + SECTOR)
        assert left[sector] in {moment[sector] for moment in moments}


def test_sectors_are_torn_apart_from_each_other() -> None:
    file = PlatterFile(bytearray(b"oldsoldsolds"), [Write(0, b"newsnewsnews")])
    left = {file.after_cut(Survival.TORN, SECTOR, Random(seed)) for seed in range(200)}
    assert len(left) == 2**3


def plainly(synced: bytes, pending: list[Write | Resize] | list[Write]) -> bytes | None:
    """Apply the operations as a disk that keeps everything does."""
    content: bytes | None = synced
    for operation in pending:
        now = content or b""
        if isinstance(operation, Resize):
            content = (
                None
                if operation.size is None
                else now[: operation.size].ljust(operation.size, b"\0")
            )
        else:
            end = operation.offset + len(operation.data)
            now = now.ljust(end, b"\0")
            content = now[: operation.offset] + operation.data + now[end:]
    return content
