"""`machi ledger verify` says that books are sound, and names what is not."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from apps.kijiko.ledger.chain import Entry, Tip, linked, seal_entity
from apps.kijiko.ledger.setup import NAMESPACE
from apps.kijiko.ledger.transfer import TRANSFER, digest
from machi.cli import main
from machi.errors import DataFaulty
from tests.apps.kijiko.stage import ANNA, CURRENCY, NOW, SHOP, Stage, asked, stage
from tests.support.server import broker

ENGLISH = {"LC_ALL": "C.UTF-8"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run one broker for the tests of this file."""
    folder: Path = tmp_path_factory.mktemp("ledger")
    with broker(folder / "data", folder / "log", None, "--pinned-context") as server:
        yield server.url


def verify(url: str, tenant: str, *more: str) -> Result:
    """Run the command."""
    arguments = ["ledger", "verify", "--broker", url, "--tenant", tenant, *more]
    return CliRunner().invoke(main, arguments, env=ENGLISH)


async def paid(town: Stage) -> list[str]:
    """Charge and pay, and seal both; return their ids."""
    charge = await town.book.charge(ANNA, 500, asked())
    payment = await town.book.pay(ANNA, SHOP, 200, asked())
    ids = [charge.id, payment.id]
    entries = [Entry(one, digest(await town.client.retrieve(one))) for one in ids]
    await town.client.create(seal_entity(linked(Tip(), entries, CURRENCY, NOW)))
    return ids


def in_town(url: str, tenant: str, act: Any) -> Any:
    """Set a town up, and do something in it."""

    async def run() -> Any:
        async with AsyncExitStack() as stack:
            return await act(await stack.enter_async_context(stage(url, tenant)))

    return asyncio.run(run())


def test_sound_books_are_said_to_be_sound(url: str):
    in_town(url, "sound", paid)
    found = verify(url, "sound", "--json")
    told = json.loads(found.output)
    assert found.exit_code == 0
    assert (told["transfers"], told["sealed"], told["unsealed"]) == (2, 2, 0)
    assert (told["faults"], told["broken"]) == ([], None)
    assert verify(url, "sound", "--head", told["head"]).exit_code == 0
    assert verify(url, "sound", "--head", "0" * 64).exit_code == DataFaulty.exit_code


def test_a_changed_transfer_is_named_with_what_is_wrong(url: str):
    async def tampered(town: Stage) -> str:
        _, payment = await paid(town)
        await town.client.set_type_rules(f"{NAMESPACE}{TRANSFER}", {})
        told = {"reason": {"type": "Property", "value": "gift"}}
        await town.client.append(payment, told)
        return payment

    payment = in_town(url, "changed", tampered)
    found = verify(url, "changed")
    assert found.exit_code == DataFaulty.exit_code
    assert f"{payment}: it was changed after it was written" in found.output


def test_a_wallet_that_is_not_its_postings_is_named_with_both_figures(url: str):
    async def tampered(town: Stage) -> None:
        await paid(town)
        moves = ((SHOP, 7), (town.accounts.issue, -7))
        await town.client.transactions(
            [{"op": "add", "id": one, "attribute": "balance", "value": n} for one, n in moves]
        )

    in_town(url, "moved", tampered)
    found = verify(url, "moved")
    assert found.exit_code == DataFaulty.exit_code
    assert f"{SHOP}: its balance is not the sum of its postings (200 expected, 207 found)" in (
        found.output
    )
