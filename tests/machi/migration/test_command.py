"""`machi migrate` on the command line."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.store.sqlite import SqliteStore
from machi.cli import main
from tests.broker.store.filled import fill
from tests.broker.store.helpers import HandClock, create, entity

NOBODY = "%2Fnowhere%2Fmongodb.sock"
"""A server that is not there: its connection fails at once, for pymongo leaves one open that is
still being made when the client is closed.
"""


async def _made(folder: Path) -> None:
    clock = HandClock()
    store = SqliteStore(folder, clock=clock)
    await store.open()
    await fill(store, clock)
    await store.close()


@pytest.fixture
def town(tmp_path: Path) -> Path:
    folder = tmp_path / "town"
    asyncio.run(_made(folder))
    return folder


def migrate(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["migrate", *arguments])


def test_it_copies_and_finds_both_the_same(town: Path, tmp_path: Path) -> None:
    stores = ("--from", f"sqlite:{town}", "--to", f"sqlite:{tmp_path / 'other'}")
    done = migrate(*stores, "--slice", "5")
    assert done.exit_code == 0, done.output
    assert "items are copied" in done.output
    compared = migrate(*stores, "--verify")
    assert compared.exit_code == 0, compared.output
    assert "Both stores have the same" in compared.output


def test_it_says_what_differs(town: Path, tmp_path: Path) -> None:
    stores = ("--from", f"sqlite:{town}", "--to", f"sqlite:{tmp_path / 'other'}")
    migrate(*stores)

    async def add() -> None:
        store = SqliteStore(tmp_path / "other")
        await store.open()
        await create(store, entity("urn:since"))
        await store.close()

    asyncio.run(add())
    compared = migrate(*stores, "--verify")
    assert compared.exit_code == 6
    assert "Tenant -, entities: " in compared.output


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("postgres://x", "give sqlite:FOLDER or mongodb://SERVER/DATABASE"),
        ("sqlite:", "give sqlite:FOLDER or mongodb://SERVER/DATABASE"),
        ("sqlite:{town}", "in use"),
        (f"mongodb://{NOBODY}/x?serverSelectionTimeoutMS=100", "did not answer"),
    ],
)
def test_what_cannot_be_filled_is_refused(town: Path, target: str, message: str) -> None:
    done = migrate("--from", f"sqlite:{town}", "--to", target.format(town=town))
    assert done.exit_code == 6
    assert message in done.output


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = migrate("--from", f"sqlite:{tmp_path / 'none'}", "--to", f"sqlite:{tmp_path / 'b'}")
    assert done.exit_code == 6
    assert "has no data of Machi" in done.output
