"""Corrections that wait for a second person, in the vault that several instances have open."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from apps.bookings.edge.holders import Holders
from apps.kijiko.use.corrections import CorrectionRefused, Corrections
from apps.kijiko.use.town import Town
from consent.vault import open_vault
from tests.apps.kijiko.stage import ANNA, KEYS, Stage, asked, broker, stage

pytestmark = pytest.mark.asyncio(loop_scope="module")
SATO, ITO = "urn:ngsi-ld:Staff:sato", "urn:ngsi-ld:Staff:ito"
MANY = 6


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with broker(tmp_path_factory.mktemp("corrections")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def town(url: str) -> AsyncIterator[Stage]:
    async with stage(url, f"corrections{next(KEYS)}") as found:
        yield found


@pytest.fixture
def instances(town: Stage, tmp_path: Path) -> Iterator[tuple[Corrections, Corrections]]:
    """Give the corrections of two instances of the app, each with the vault open."""
    with contextlib.ExitStack() as stack:
        opened = []
        for _ in range(2):
            vault = open_vault(tmp_path / "data", {})
            stack.callback(vault.close)
            opened.append(
                Corrections(Town(town.book, town.wallets, Holders(vault), vault, b"s" * 32))
            )
        yield opened[0], opened[1]


async def _charged(town: Stage) -> list[str]:
    made = [await town.book.charge(ANNA, 100 + extra, asked()) for extra in range(MANY)]
    return [one.id for one in made]


async def test_what_two_instances_propose_at_once_waits_all_of_it(town: Stage, instances):
    transfers = await _charged(town)
    await asyncio.gather(
        *(instances[place % 2].propose(one, "twice", SATO) for place, one in enumerate(transfers))
    )
    for one in instances:
        assert {waits.transfer for waits in await one.waiting()} == set(transfers)


async def test_what_is_decided_on_one_instance_while_another_proposes_is_both(
    town: Stage, instances
):
    here, there = instances
    first, second, third, *_ = await _charged(town)
    await here.propose(first, "twice", SATO)
    await here.propose(second, "amount", SATO)
    await asyncio.gather(
        here.agree(first, ITO), there.discard(second), there.propose(third, "wallet", ITO)
    )
    assert [waits.transfer for waits in await here.waiting()] == [third]
    assert (await town.anna()).balance == sum(100 + extra for extra in range(1, MANY))


async def test_what_waits_is_shown_oldest_first_and_a_second_proposal_changes_nothing(
    town: Stage, instances
):
    here, there = instances
    transfers = (await _charged(town))[:3]
    for one in reversed(transfers):
        await here.propose(one, "twice", SATO)
        town.later(1)
    await there.propose(transfers[2], "amount", ITO)
    waiting = await there.waiting()
    assert [one.transfer for one in waiting] == transfers[::-1]
    assert {(one.by, one.reason) for one in waiting} == {(SATO, "twice")}
    with pytest.raises(CorrectionRefused, match="four_eyes"):
        await there.agree(transfers[2], SATO)
