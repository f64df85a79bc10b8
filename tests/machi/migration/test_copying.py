"""A store copied to another engine and back is the same, wherever the copy was interrupted."""

import asyncio
import contextlib
import gc
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.store.exchange import Ends, ExchangeError, Item, Sort, Source, Target
from broker.store.mongodb import exchange as mongodb_exchange
from broker.store.mongodb.marks import DatabaseInUse
from broker.store.mongodb.store import MongoStore
from broker.store.sqlite import SqliteStore
from broker.store.sqlite import exchange as sqlite_exchange
from broker.store.sqlite.connection import DATA_FILE
from broker.store.sqlite.errors import TargetExists
from broker.store.sqlite.maintenance import check
from machi.migration.comparing import differences
from machi.migration.copying import Step, copy
from tests.broker.store.filled import fill
from tests.broker.store.helpers import HandClock, create, entity, prop
from tests.properties.test_store_machine import everything
from tests.support import effort
from tests.support.mongodb import database_name, mongodb


class Cut(Exception):
    """The copy is interrupted."""


class Fragile:
    """A target that is interrupted at its next writes as `ends` say: before, or after them."""

    def __init__(self, target: Target, ends: Iterator[tuple[int, bool]]) -> None:
        self.target = target
        self.left, self.after = next(ends, (1 << 60, False))

    async def progress(self) -> Mapping[str, Any]:
        return await self.target.progress()

    async def write(self, sort: Sort, items: Sequence[Item], progress: Mapping[str, Any]) -> None:
        self.left -= 1
        if self.left or self.after:
            await self.target.write(sort, items, progress)
        if not self.left:
            raise Cut

    async def finish(self, ends: Ends) -> None:
        await self.target.finish(ends)

    async def close(self) -> None:
        await self.target.close()


def nothing(told: Any) -> None:
    """Take a report, and do nothing with it."""


async def source_of(place: Path | str) -> Source:
    if isinstance(place, Path):
        return await sqlite_exchange.open_source(place)
    return await mongodb_exchange.open_source(place, patience=0)


async def target_of(place: Path | str) -> Target:
    if isinstance(place, Path):
        return sqlite_exchange.open_target(place)
    return await mongodb_exchange.open_target(place, patience=0)


async def copied(
    one: Path | str, other: Path | str, size: int = 7, cuts: Iterable[tuple[int, bool]] = ()
) -> list[Step]:
    """Copy a store, going on after each cut; return the steps that were told of."""
    steps: list[Step] = []
    ends = iter(cuts)
    while True:
        async with contextlib.AsyncExitStack() as stack:
            source = await source_of(one)
            stack.push_async_callback(source.close)
            target = Fragile(await target_of(other), ends)
            stack.push_async_callback(target.close)
            try:
                await copy(source, target, steps.append, size)
            except Cut:
                continue
            return steps


async def differing(one: Path | str, other: Path | str) -> list[Any]:
    first, second = await source_of(one), await source_of(other)
    try:
        return (await differences(first, second, nothing))[0]
    finally:
        await second.close()
        await first.close()


async def whole(folder: Path) -> Any:
    """Return what a store in a folder tells through its contract."""
    store = SqliteStore(folder)
    await store.open()
    try:
        subscriptions = await store.outbox.all()
        waiting = [await store.outbox.waiting(each.sid, limit=1000) for each in subscriptions]
        dead = await store.outbox.dead_letters()
        past = [
            await store.history.read(tenant, [f"urn:{name}" for name in ("0", "1", "2", "born")])
            for tenant in await store.tenants()
        ]
        books = await store.outbox.books()
        return await everything(store), subscriptions, waiting, dead, books, past
    finally:
        await store.close()


async def made(folder: Path) -> Path:
    """Return a data folder with something of everything."""
    clock = HandClock()
    store = SqliteStore(folder, clock=clock)
    await store.open()
    await fill(store, clock)
    await store.close()
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a server of MongoDB's wire protocol."""
    with mongodb(tmp_path_factory.mktemp("mongodb")) as url:
        yield url
    # A client of PyMongo that is closed while it connects leaves the socket to the collector.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with something of everything, to be read only."""
    return asyncio.run(made(tmp_path_factory.mktemp("town") / "data"))


@pytest.fixture
def database(server: str) -> str:
    """Return the URL of an empty database."""
    return server + database_name()


async def test_there_and_back_leaves_the_same(town: Path, database: str, tmp_path: Path) -> None:
    back = tmp_path / "back"
    await copied(town, database)
    assert await differing(town, database) == []
    await copied(database, back)
    assert await differing(town, back) == []
    assert await whole(back) == await whole(town)
    assert check(back) == []


async def test_what_is_copied_to_mongodb_is_gone_on_with(
    town: Path, database: str, tmp_path: Path
) -> None:
    await copied(town, database)
    store = MongoStore(database, clock=HandClock())
    await store.open()
    newest = store.span()[1]
    await create(store, entity("urn:more", level=prop(1)))
    assert store.span()[1] == newest + 1
    assert (await store.outbox.create("", "urn:sub:4", {})).sid == 4
    await store.close()


@given(
    cuts=st.lists(st.tuples(st.integers(1, 12), st.booleans()), max_size=6),
    size=st.sampled_from([3, 11, 1000]),
)
@settings(max_examples=effort(quick=2, long=100), deadline=None)
def test_a_copy_goes_on_wherever_it_was_interrupted(
    server: str, town: Path, cuts: list[tuple[int, bool]], size: int
) -> None:
    async def run(folder: Path) -> None:
        database, back = server + database_name(), folder / "back"
        await copied(town, database, size, cuts)
        await copied(database, back, size, cuts)
        assert await differing(town, back) == []
        assert check(back) == []

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


@pytest.mark.parametrize("cut", [(1, True), (2, False)], ids=["after", "before"])
async def test_a_copy_can_be_cut_at_every_slice(
    town: Path, tmp_path: Path, cut: tuple[int, bool]
) -> None:
    back = tmp_path / "back"
    await copied(town, back, 12, repeat(cut))
    assert await differing(town, back) == []


async def test_no_broker_opens_half_a_copy(town: Path, database: str, tmp_path: Path) -> None:
    for place in (database, tmp_path / "half"):
        source, target = await source_of(town), await target_of(place)
        with pytest.raises(Cut):
            await copy(source, Fragile(target, iter([(3, True)])), nothing, 5)
        await target.close()
        await source.close()
    with pytest.raises(DatabaseInUse):
        await MongoStore(database).open()
    assert not (tmp_path / "half" / DATA_FILE).exists()


async def test_a_copy_is_not_gone_on_with_once_the_source_has_changed(
    database: str, tmp_path: Path
) -> None:
    folder = await made(tmp_path / "data")
    source, target = await source_of(folder), await target_of(database)
    with pytest.raises(Cut):
        await copy(source, Fragile(target, iter([(3, True)])), nothing, 5)
    await target.close()
    await source.close()
    store = SqliteStore(folder)
    await store.open()
    await create(store, entity("urn:since"))
    await store.close()
    with pytest.raises(ExchangeError, match="has changed"):
        await copied(folder, database)


async def test_a_target_that_has_something_is_refused(
    town: Path, database: str, tmp_path: Path
) -> None:
    store = MongoStore(database)
    await store.open()
    await create(store, entity("urn:there"))
    await store.close()
    with pytest.raises(ExchangeError, match="has data already"):
        await copied(town, database)
    full = await made(tmp_path / "full")
    with pytest.raises(TargetExists):
        await copied(town, full)


async def test_a_database_that_is_read_is_opened_by_no_broker(database: str) -> None:
    source = await source_of(database)
    with pytest.raises(DatabaseInUse):
        await MongoStore(database).open()
    await source.close()
    store = MongoStore(database)
    await store.open()
    await store.close()


async def test_what_differs_is_named(town: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    await copied(town, other)
    store = SqliteStore(other)
    await store.open()
    await create(store, entity("urn:since"), tenant="town")
    await store.close()
    found = {(each.tenant, each.sort) for each in await differing(town, other)}
    assert found == {("town", "entities"), ("town", "changes"), ("", "newest")}


async def test_progress_counts_up_to_all_there_is(town: Path, tmp_path: Path) -> None:
    steps = await copied(town, tmp_path / "other")
    assert steps[-1].done_in_all == steps[-1].in_all
    assert {step.sort for step in steps} == set(Sort)
