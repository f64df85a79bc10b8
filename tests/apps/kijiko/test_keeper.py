"""The chain is sealed once in the feed's order, and what does not balance is found and told."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from apps.kijiko.ledger.audit import Fault
from apps.kijiko.ledger.chain import SEAL, seal_from
from apps.kijiko.ledger.keeper import Keeper
from apps.kijiko.ledger.reading import read_all, verify_ledger
from apps.kijiko.ledger.setup import NAMESPACE
from apps.kijiko.ledger.transfer import TRANSFER
from broker.client import AlreadyExists, Client, value
from tests.apps.kijiko.stage import (
    ANNA,
    CURRENCY,
    KEYS,
    SHOP,
    Stage,
    asked,
    broker,
    stage,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE = 60
ALERT = "urn:ngsi-ld:Alert:432032:kijiko-ledger"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with broker(tmp_path_factory.mktemp("keeper")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def town(url: str) -> AsyncIterator[Stage]:
    async with stage(url, f"town{next(KEYS)}") as found:
        yield found


class Kept:
    """A keeper at work."""

    def __init__(self, town: Stage) -> None:
        self.keeper = Keeper(town.book, every=3600)
        self.task = asyncio.create_task(self.keeper.run())

    async def stop(self) -> None:
        """Stop it where it is."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def sealed(town: Stage) -> list[str]:
    """Return the transfers in the chain, in its order."""
    seals = [seal_from(one) for one in (await read_all(town.client, SEAL, CURRENCY)).values()]
    seals.sort(key=lambda one: one.number)
    return [entry.transfer for seal in seals for entry in seal.entries]


async def until(town: Stage, count: int) -> list[str]:
    """Wait until so many transfers are sealed; return them."""
    async with asyncio.timeout(PATIENCE):
        while len(found := await sealed(town)) < count:
            await asyncio.sleep(0.05)
    return found


async def transfers(town: Stage, count: int) -> list[str]:
    """Make transfers; return their ids."""
    return [(await town.book.charge(ANNA, 100, asked())).id for _ in range(count)]


async def test_transfers_are_sealed_in_the_order_of_the_feed(town: Stage):
    before = await transfers(town, 3)
    kept = Kept(town)
    try:
        await until(town, 3)
        after = await transfers(town, 4)
        found = await until(town, 7)
    finally:
        await kept.stop()
    assert set(found[:3]) == set(before)
    assert found[3:] == after
    report = await verify_ledger(town.client, CURRENCY)
    assert (report.sound, report.chain.sealed, report.chain.unsealed) == (True, 7, ())


async def test_a_keeper_that_comes_back_seals_what_it_missed_once(town: Stage):
    made = []
    for _ in range(4):
        kept = Kept(town)
        made += await transfers(town, 3)
        await until(town, len(made) - 2)
        await kept.stop()
        made += await transfers(town, 2)
    kept = Kept(town)
    found = await until(town, len(made))
    await kept.stop()
    assert sorted(found) == sorted(made)
    assert (await verify_ledger(town.client, CURRENCY)).sound


async def test_two_keepers_seal_each_transfer_once(town: Stage):
    one, other = Kept(town), Kept(town)
    try:
        made = await transfers(town, 20)
        found = await until(town, 20)
    finally:
        await one.stop()
        await other.stop()
    assert found == made
    assert (await verify_ledger(town.client, CURRENCY)).sound


async def test_a_wallet_that_is_not_its_postings_raises_the_alarm_until_it_is(town: Stage):
    kept = Kept(town)
    try:
        await transfers(town, 2)
        await until(town, 2)
        watch = kept.keeper.watch
        await tampered(town, 7)
        for _ in range(2):
            await watch.compare()
        assert watch.health.faults == (
            Fault(town.accounts.issue, "balance", -200, -207),
            Fault(SHOP, "balance", 0, 7),
        )
        assert value(await town.client.retrieve(ALERT), "alertState") == "active"
        await tampered(town, -7)
        await watch.compare()
        assert watch.health.sound
        assert value(await town.client.retrieve(ALERT), "alertState") == "ended"
    finally:
        await kept.stop()


async def test_no_transaction_moves_the_sum_of_all_balances(town: Stage):
    with pytest.raises(AlreadyExists):
        await town.client.transactions(
            [{"op": "add", "id": SHOP, "attribute": "balance", "value": 1}]
        )


async def test_a_transfer_cannot_be_changed_nor_written_by_others(town: Stage, url: str):
    [one] = await transfers(town, 1)
    with pytest.raises(AlreadyExists):
        await town.client.delete(one)
    async with Client(url, tenant=town.client.tenant, name="somebody") as other:
        with pytest.raises(AlreadyExists):
            await other.merge(SHOP, {"status": {"type": "Property", "value": "frozen"}})


async def test_a_transfer_that_was_changed_is_named(town: Stage):
    kept = Kept(town)
    made = await transfers(town, 5)
    await until(town, 5)
    await kept.stop()
    await without_rules(town)
    await town.client.merge(made[2], {"reason": {"type": "Property", "value": "gift"}})
    report = await verify_ledger(town.client, CURRENCY)
    assert report.chain.broken is not None
    assert (report.chain.broken.transfer, report.chain.broken.reason) == (made[2], "changed")


async def test_a_transfer_that_is_gone_is_named_and_so_are_its_wallets(town: Stage):
    kept = Kept(town)
    made = await transfers(town, 5)
    await until(town, 5)
    await without_rules(town)
    await town.client.delete(made[3])
    async with asyncio.timeout(PATIENCE):
        while kept.keeper.watch.health.sound:
            await kept.keeper.watch.compare()
            await asyncio.sleep(0.05)
    assert Fault(made[3], "changed") in kept.keeper.watch.health.faults
    await kept.stop()
    report = await verify_ledger(town.client, CURRENCY)
    assert report.chain.broken is not None
    assert (report.chain.broken.transfer, report.chain.broken.reason) == (made[3], "missing")
    assert report.faults == [
        Fault(ANNA, "balance", 400, 500),
        Fault(town.accounts.issue, "balance", -400, -500),
    ]


async def test_what_has_ended_expires_at_night(town: Stage):
    kept = Kept(town)
    try:
        await transfers(town, 1)
        town.later(183)
        await kept.keeper.watch.look()
        assert await town.balances() == {"kijiko-issue": -100, "kijiko-expired-money": 100}
    finally:
        await kept.stop()


async def tampered(town: Stage, amount: int) -> None:
    """Move money without a transfer."""
    await town.client.transactions(
        [
            {"op": "add", "id": SHOP, "attribute": "balance", "value": amount},
            {"op": "add", "id": town.accounts.issue, "attribute": "balance", "value": -amount},
        ]
    )


async def without_rules(town: Stage) -> None:
    """Let the store forget what it holds everybody to."""
    await town.client.set_type_rules(f"{NAMESPACE}{TRANSFER}", {})
