"""Whose history is taken out of a data folder is in their logs, whoever has the folder open."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from broker.client import Client
from broker.store.sqlite.history.archive import Archive, Told
from consent.log.chain import read, verify
from consent.log.file import FILE, lines
from consent.log.log import SEALS
from consent.vault.master import derived, master_key
from machi.cli import main
from tests.support.guarded import handed_out
from tests.support.live import live_broker
from tests.support.patience import PATIENCE

HANA = "urn:ngsi-ld:Holder:hana"


@contextlib.asynccontextmanager
async def town(data: Path) -> AsyncIterator[str]:
    """Run a town whose broker has something of a person, and something of nobody."""
    async with handed_out(data) as (url, keys), Client(url, key=keys["seed"]) as client:
        await plant(client)
        async with asyncio.timeout(PATIENCE):
            while len({told.entity_id for told in series(data)}) < 2:
                await asyncio.sleep(0.05)
        yield url


def series(data: Path) -> list[Told]:
    """Return what history has on the disk."""
    with contextlib.closing(Archive(data, "")) as archive:
        return list(archive.series())


async def plant(client: Client) -> None:
    """Create what the town has."""
    for local, about in (("hana", {"refHolder": HANA}), ("nobody", {})):
        entity: dict[str, Any] = {"id": f"urn:ngsi-ld:Thing:{local}", "type": "Thing"}
        entity["level"] = {"type": "Property", "value": 7}
        for name, target in about.items():
            entity[name] = {"type": "Relationship", "object": target}
        await client.create(entity)


def export(data: Path, *more: str) -> Result:
    """Take the history of a data folder out."""
    command = ["export", "history", "--data", str(data), "--attribute", "level"]
    return CliRunner().invoke(main, [*command, *more], env={"MACHI_DATA": str(data)})


def noted(data: Path) -> list[dict[str, Any]]:
    """Return the entries of the log on files, after it was verified."""
    every = list(lines(data / FILE))
    verdict = verify(every, derived(master_key(data), SEALS))
    assert (verdict.fault, verdict.unsealed) == (None, 0)
    told = [read(line) for line in every]
    return [one for one in told if one is not None and one.get("action") == "export"]


async def test_broker_that_runs_notes_whose_history_is_taken_out(tmp_path: Path):
    async with town(tmp_path / "data") as url:
        done = await asyncio.to_thread(export, tmp_path / "data", "--broker", url)
    assert done.exit_code == 0, done.output
    assert done.output.count("Thing") >= 2
    (line,) = noted(tmp_path / "data")
    assert (line["holder"], line["target"]) == (HANA, "urn:ngsi-ld:Thing:hana")
    assert (line["actor"], bool(line["user"])) == ("operator", True)
    assert [name.rpartition("/")[2] for name in line["attributes"]] == ["level"]


async def test_where_no_broker_runs_the_command_writes_the_log_itself(tmp_path: Path):
    async with town(tmp_path / "data"):
        pass
    done = await asyncio.to_thread(export, tmp_path / "data")
    assert (done.exit_code, len(noted(tmp_path / "data"))) == (0, 1)


async def test_nothing_is_taken_out_where_it_cannot_be_noted(tmp_path: Path):
    async with town(tmp_path / "data"):
        done = await asyncio.to_thread(export, tmp_path / "data", "--broker", "http://127.0.0.1:1")
    assert done.exit_code == 1
    assert "cannot be noted" in done.output
    assert "Thing" not in done.output


async def test_of_nobody_nothing_is_noted(tmp_path: Path):
    async with town(tmp_path / "data"):
        pass
    done = await asyncio.to_thread(export, tmp_path / "data", "--id", "urn:ngsi-ld:Thing:nobody")
    assert (done.exit_code, noted(tmp_path / "data")) == (0, [])


@pytest.mark.parametrize("more", [[], ["--type", "Other"]])
async def test_data_without_a_log_are_taken_out_as_ever(tmp_path: Path, more: list[str]):
    async with live_broker(tmp_path / "data") as url, Client(url) as client:
        await client.create({"id": "urn:ngsi-ld:Thing:1", "type": "Thing", "level": 7})
    done = await asyncio.to_thread(export, tmp_path / "data", *more)
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "data" / FILE).exists()
