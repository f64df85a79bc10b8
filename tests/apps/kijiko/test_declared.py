"""Points for what people only say: where the town wants it, so much a day, and marked."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from apps.kijiko.app import phones
from apps.kijiko.ledger.errors import NotPossible
from apps.kijiko.ledger.transfer import DECLARED, Kind
from apps.kijiko.pages.site import TEXTS
from apps.kijiko.use.campaigns import STEPS, Campaign, Campaigns, NoGrant
from apps.kijiko.use.numbers import wallet_number
from tests.apps.kijiko.stage import ANNA, CITY, KEYS, NOW, asked
from tests.apps.kijiko.stage import STEPS as BUDGET
from tests.apps.kijiko.town import Pages, broker, pages
from tests.support.live import serve

pytestmark = pytest.mark.asyncio(loop_scope="module")
EN, SATO = TEXTS["en"], "urn:ngsi-ld:Staff:sato"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with broker(tmp_path_factory.mktemp("declared")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def town(url: str) -> AsyncIterator[Pages]:
    async with pages(url, f"declared{next(KEYS)}", maxDeclaredPerDay=12) as found:
        yield found


def _walk(number: int = 1, points: int = 5) -> Campaign:
    return Campaign(
        id=f"urn:ngsi-ld:PointCampaign:{CITY}:walk{number}",
        name={"ja": "歩こう", "en": "Walk"},
        metric=STEPS,
        threshold=8000,
        points=points,
        cap=100,
        budget=1000,
        begins=NOW - timedelta(days=1),
        ends=NOW + timedelta(days=30),
    )


async def test_steps_that_are_typed_in_bring_nothing_where_the_town_does_not_want_it(town: Pages):
    await town.site.campaigns.begin(_walk(), SATO)
    await town.opened()
    page = await town.page(town.citizen, "/?lang=en")
    assert (EN["steps_at_counter"] in page, 'action="/points/' in page) == (True, False)
    status, text = await town.send(town.citizen, "/points/walk1?lang=en", page, amount="9000")
    assert (status, EN["refused_campaign_not_declared"] in text) == (409, True)
    assert (await town.wallet()).balance == 0


async def test_steps_that_are_typed_in_are_marked_where_the_town_wants_them(town: Pages):
    site = replace(town.site, self_declared=True)
    await site.campaigns.begin(_walk(), SATO)
    wallet = await town.opened()
    async with serve(phones(site)) as there:
        page = await town.page(town.citizen, f"{there}/?lang=en")
        assert EN["steps_declared"].format(n=12) in page
        status, text = await town.send(
            town.citizen, f"{there}/points/walk1?lang=en", page, amount="9000"
        )
    assert (status, EN["self_declared"] in text) == (200, True)
    [made] = await town.town.book.transfers(wallet.id)
    assert (made.kind, made.amount, made.reason) == (Kind.GRANT, 5, DECLARED)


async def test_what_is_declared_brings_so_much_a_day_whatever_the_number_and_the_campaigns(
    town: Pages,
):
    campaigns, wallet = Campaigns(town.town, self_declared=True), await town.opened()
    many = [_walk(number) for number in range(6)]
    for one in many:
        await campaigns.begin(one, SATO)

    async def claim(campaign: Campaign) -> str:
        try:
            await campaigns.grant(campaign, wallet, 59_999, declared=True)
        except NoGrant as refusal:
            return str(refusal)
        return ""

    found = await asyncio.gather(*map(claim, many * 2))
    assert (await town.wallet()).balance == 10
    assert set(found) == {"", "campaign_declared"}
    town.stage.later(1)
    assert await claim(many[0]) == ""
    assert (await town.wallet()).balance == 15


async def test_limit_of_a_day_is_the_ledgers(town: Pages):
    book = town.town.book
    await book.fund(BUDGET, 100, asked())
    for amount in (7, 5):
        await book.grant(BUDGET, ANNA, amount, asked(), declared=True)
    with pytest.raises(NotPossible, match="limit_declared"):
        await book.grant(BUDGET, ANNA, 1, asked(), declared=True)
    await book.grant(BUDGET, ANNA, 30, asked())
    await book.charge(ANNA, 1, asked())
    with pytest.raises(NotPossible, match="limit_declared"):
        await book.grant(BUDGET, ANNA, 1, asked(), declared=True)


async def test_counter_grants_for_the_steps_it_saw_and_does_not_mark_them(town: Pages):
    await town.site.campaigns.begin(_walk(), SATO)
    wallet = await town.opened()
    path = f"?lang=en&number={wallet_number(wallet.id)}"
    page = await town.page(town.desk, f"/{path}")
    told = {"number": wallet_number(wallet.id), "campaign": _walk().id, "staff": "sato"}
    for steps, status in (("", 400), ("7999", 409), ("8000", 200)):
        found, _ = await town.send(town.desk, f"/act/points{path}", page, **told, steps=steps)
        assert (steps, found) == (steps, status)
    [made] = await town.town.book.transfers(wallet.id)
    assert (made.amount, made.reason) == (5, "")
