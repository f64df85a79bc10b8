"""What was settled for a shop is taken back before the bank's file, never after."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest
import pytest_asyncio

from apps.bookings.edge.holders import Contact
from apps.kijiko.bank.zengin import read
from apps.kijiko.ledger.transfer import Kind, Transfer
from apps.kijiko.use.settlement import Batch, BatchRefused, BatchStatus
from apps.kijiko.use.shops import Shop, ShopStatus, new_shop
from tests.apps.kijiko.stage import KEYS, asked
from tests.apps.kijiko.town import ACCOUNT, BANK, MIDDLE, Pages, broker, pages

pytestmark = pytest.mark.asyncio(loop_scope="module")
FIRST, LAST, DAY = date(2026, 11, 1), date(2026, 11, 27), date(2026, 12, 10)
SATO, ITO = "urn:ngsi-ld:Staff:sato", "urn:ngsi-ld:Staff:ito"
SOLD, NET = 10_000, 9_900


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with broker(tmp_path_factory.mktemp("settled")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def town(url: str) -> AsyncIterator[Pages]:
    async with pages(url, f"settled{next(KEYS)}") as found:
        yield found


async def _settled(town: Pages, number: int = 1) -> tuple[list[Shop], Batch]:
    """Let so many shops sell, and settle what they have."""
    wallet, shops = await town.opened(20_000 * number), []
    for which in range(number):
        shop = new_shop(town.town, {"ja": f"店{which}", "en": f"Shop {which}"}, "5411", MIDDLE)
        await town.site.shops.apply(shop, Contact("店主", ""), ACCOUNT)
        shops.append(await town.site.shops.decide(shop.id, ShopStatus.ACTIVE))
        await town.town.book.pay(wallet.id, shop.wallet, SOLD, asked())
    batch = await town.site.settlement.draw_up(FIRST, LAST, SATO)
    return shops, await town.site.settlement.approve(batch.id, ITO)


async def _settlement_of(town: Pages, shop: Shop) -> Transfer:
    found = await town.town.book.transfers(shop.wallet)
    return next(one for one in found if one.kind is Kind.SETTLE)


async def _exported(town: Pages, batch: Batch) -> int:
    """Return the sum of the bank's file."""
    _, content = await town.site.settlement.export(batch.id, BANK, DAY, "sato")
    return read(content, DAY.year).total


async def _owed(town: Pages) -> int:
    return (await town.town.book.wallet(town.town.book.accounts.settlement)).balance


async def test_what_is_in_a_banks_file_is_not_proposed_and_the_page_says_what_to_do(town: Pages):
    [shop], batch = await _settled(town)
    settled = await _settlement_of(town, shop)
    await _exported(town, batch)
    page = await town.page(town.desk, "/?lang=en")
    told = {"transfer": settled.id.rpartition(":")[2], "reason": "shop", "staff": "sato"}
    status, text = await town.send(town.desk, "/act/propose?lang=en", page, **told)
    assert (status, "Ask the bank to recall the transfer" in text) == (409, True)
    assert await town.site.corrections.waiting() == []


async def test_what_was_proposed_before_the_file_is_not_agreed_to_after_it(town: Pages):
    [shop], batch = await _settled(town)
    settled = await _settlement_of(town, shop)
    await town.site.corrections.propose(settled.id, "shop", SATO)
    await _exported(town, batch)
    for paid in (False, True):
        if paid:
            await town.site.settlement.paid(batch.id, ITO)
        page = await town.page(town.desk, "/treasury?lang=en")
        path = "/treasury/act/agree?lang=en"
        status, text = await town.send(town.desk, path, page, id=settled.id, staff="ito")
        assert (status, "Ask the bank to recall the transfer" in text) == (409, True)
    assert (await town.town.book.wallet(shop.wallet)).balance == 0


async def test_file_that_is_made_while_two_agree_wins(town: Pages, monkeypatch: pytest.MonkeyPatch):
    [shop], batch = await _settled(town)
    settled = await _settlement_of(town, shop)
    await town.site.corrections.propose(settled.id, "shop", SATO)
    reverse = town.town.book.reverse

    async def after_the_file(*given: Any, **named: Any) -> Transfer:
        monkeypatch.undo()
        assert await _exported(town, batch) == NET
        return await reverse(*given, **named)

    monkeypatch.setattr(town.town.book, "reverse", after_the_file)
    with pytest.raises(BatchRefused, match="batch_out"):
        await town.site.corrections.agree(settled.id, ITO)
    assert (await town.town.book.wallet(shop.wallet)).balance == 0
    assert await _owed(town) == NET


async def test_what_is_taken_back_before_the_file_is_not_in_it_and_waits_for_the_next_batch(
    town: Pages,
):
    [shop, other], batch = await _settled(town, 2)
    settled = await _settlement_of(town, shop)
    await town.site.corrections.propose(settled.id, "shop", SATO)
    await town.site.corrections.agree(settled.id, ITO)
    assert (await town.town.book.wallet(shop.wallet)).balance == SOLD
    assert await _exported(town, batch) == NET == await _owed(town)
    await town.site.settlement.paid(batch.id, SATO)
    assert await _owed(town) == 0
    following = await town.site.settlement.draw_up(FIRST, LAST, SATO)
    assert [one.merchant for one in following.lines] == [shop.id]
    assert (await town.site.settlement.approve(following.id, ITO)).total == NET
    assert (await town.town.book.wallet(other.wallet)).balance == 0


async def test_file_is_not_handed_out_that_still_has_what_was_taken_back(
    town: Pages, monkeypatch: pytest.MonkeyPatch
):
    [shop, _], batch = await _settled(town, 2)
    settled = await _settlement_of(town, shop)
    await town.site.corrections.propose(settled.id, "shop", SATO)
    moved = town.site.settlement._moved

    async def taken_back_meanwhile(known: Batch) -> Batch:
        monkeypatch.undo()
        await town.site.corrections.agree(settled.id, ITO)
        return await moved(known)

    monkeypatch.setattr(town.site.settlement, "_moved", taken_back_meanwhile)
    with pytest.raises(BatchRefused, match="batch_moved_on"):
        await _exported(town, batch)
    assert (await town.site.settlement.batch(batch.id)).status is BatchStatus.APPROVED
    assert await _exported(town, batch) == NET


async def test_agreement_that_was_stopped_after_its_transaction_ends_after_the_file_too(
    town: Pages, monkeypatch: pytest.MonkeyPatch
):
    [shop, _], batch = await _settled(town, 2)
    settled = await _settlement_of(town, shop)
    await town.site.corrections.propose(settled.id, "shop", SATO)

    async def stopped(_: str) -> None:
        monkeypatch.undo()
        raise RuntimeError

    monkeypatch.setattr(town.site.corrections, "discard", stopped)
    with pytest.raises(RuntimeError):
        await town.site.corrections.agree(settled.id, ITO)
    await _exported(town, batch)
    await town.site.corrections.agree(settled.id, ITO)
    assert await town.site.corrections.waiting() == []
