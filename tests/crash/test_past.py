"""SIGKILL while history is followed, merged, thinned out and imported: nothing lost or doubled."""

import asyncio
import signal
import sys
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

from broker.store.history import Bucket, Which
from broker.store.sqlite import SqliteStore
from broker.store.sqlite.maintenance import check
from broker.temporal.follower import Follower
from machi.history.bringing import bring
from tests.crash import past
from tests.crash.past import IMPORTED, LEVEL, ROWS, SECOND, SOURCE, START
from tests.support import effort

WHOLE = (START, START + 1_000_000 * SECOND)


async def killed(folder: Path, seed: int, lines: int) -> None:
    """Let a process live until it has said so many lines, and kill it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.crash.past", str(folder), str(seed)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    for _ in range(lines):
        assert await process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    await process.wait()


async def figures(store: SqliteStore, entity_id: str) -> Bucket | None:
    """Return everything history has of an entity's level, in figures."""
    made = await store.history.aggregate("", [entity_id], WHOLE, Which((LEVEL,)))
    return made[entity_id][0].buckets[0] if made else None


async def levels_told(store: SqliteStore) -> dict[str, list[Any]]:
    """Return the levels that the feed tells of each entity."""
    told: dict[str, list[Any]] = {}
    after = 0
    while changes := await store.changes(after):
        for change in changes:
            assert change.delta is not None
            told.setdefault(change.entity_id, []).append(
                change.delta["attrs"][LEVEL]["@none"]["value"]
            )
        after = changes[-1].seq
    return told


async def test_history_has_everything_once_after_each_kill(tmp_path: Path) -> None:
    draw = Random(1)
    for kill in range(effort(quick=3, long=40)):
        await killed(tmp_path, kill, draw.randint(5, 40))
        assert check(tmp_path / "data") == []
        store = SqliteStore(tmp_path / "data")
        await store.open()
        follower = Follower(store)
        await follower.start()
        await follower.catch_up()
        told = await levels_told(store)
        assert told
        for entity_id, levels in told.items():
            found = await figures(store, entity_id)
            assert found is not None
            assert (found.count, found.total) == (len(levels), sum(levels))
        await follower.close()
        await store.close()


async def test_an_import_that_was_killed_is_finished_without_loss(tmp_path: Path) -> None:
    await killed(tmp_path, 1, 3)
    with ExitStack() as stack:
        for each in past.small():
            stack.enter_context(each)  # type: ignore[arg-type]
        store = SqliteStore(tmp_path / "data")
        await store.open()
        await bring(store, "", past.source(tmp_path), SOURCE, lambda done, size: None)
        found = await figures(store, IMPORTED)
        await store.close()
    assert found is not None
    assert (found.count, found.total) == (ROWS, sum(range(ROWS)))
