"""SIGKILL of the broker and of the app under load: the books balance, nothing answered is lost."""

import asyncio
from pathlib import Path

import pytest

from apps.kijiko.ledger.book import Asked
from apps.kijiko.ledger.keeper import Keeper
from apps.kijiko.ledger.reading import read_all, verify_ledger
from apps.kijiko.ledger.transfer import TRANSFER, Kind, transfer_from
from tests.apps.kijiko.stage import CITIZENS, CURRENCY, Stage, stage
from tests.apps.kijiko.till import LANES, lane_file
from tests.e2e.processes import module, running
from tests.support import effort
from tests.support.server import broker

PATIENCE = 120
ROUNDS = effort(quick=1, long=8)
A_FEW = 12


@pytest.mark.timeout(effort(quick=900, long=3000))
async def test_killed_at_any_point_every_answered_payment_is_there_once(tmp_path: Path):
    server = broker(tmp_path / "data", tmp_path / "broker.log", None, "--pinned-context")
    with server:
        command = module("tests.apps.kijiko.till", server.url, str(tmp_path))
        async with stage(server.url, "") as town:
            for citizen in CITIZENS:
                await town.book.charge(citizen, 100_000, Asked("counter", citizen))
            async with running(tmp_path, {}, till=command) as processes:
                await _more(tmp_path)
                for _ in range(ROUNDS):
                    server.kill()
                    server.start()
                    await _more(tmp_path)
                    await processes["till"].kill()
                    await _more(tmp_path)
                    server.kill()
                    await processes["till"].kill()
                    server.start()
                    await _more(tmp_path)
            await _sound(town, tmp_path)


def _answered(folder: Path) -> list[str]:
    """Return the transfers of all answered payments; a line that was not finished is none."""
    found = []
    for lane in range(LANES):
        notes = lane_file(folder, lane)
        text = notes.read_text() if notes.exists() else ""
        found += [line.split()[1] for line in text.splitlines(keepends=True) if line[-1] == "\n"]
    return found


async def _more(folder: Path) -> None:
    """Wait until some more payments are answered."""
    before = len(_answered(folder))
    async with asyncio.timeout(PATIENCE):
        while len(_answered(folder)) < before + A_FEW:
            await asyncio.sleep(0.05)


async def _sound(town: Stage, folder: Path) -> None:
    keeping = asyncio.create_task(Keeper(town.book, every=3600).run())
    async with asyncio.timeout(PATIENCE):
        while (report := await verify_ledger(town.client, CURRENCY)).chain.unsealed:
            await asyncio.sleep(0.05)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert (report.faults, report.busy, report.chain.broken) == ([], [], None)
    there = map(transfer_from, (await read_all(town.client, TRANSFER, CURRENCY)).values())
    paid = [one.id for one in there if one.kind is Kind.PAY]
    answered = _answered(folder)
    assert len(set(answered)) == len(answered)
    assert set(answered) <= set(paid)
    assert len(paid) - len(answered) <= LANES
