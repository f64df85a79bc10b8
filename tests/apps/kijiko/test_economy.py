"""The demo's economy: books that balance, planted once; figures equal those of the postings."""

import csv
import io
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest
import pytest_asyncio

from apps.bookings.edge.holders import Holders
from apps.kijiko.ledger.reading import verify_ledger
from apps.kijiko.ledger.wallet import WalletKind
from apps.kijiko.reports import analysis, unused
from apps.kijiko.reports.base_dates import TOKYO, BaseDate
from apps.kijiko.reports.unused import unused as unused_on
from apps.kijiko.use.areas import kind_of
from apps.kijiko.use.figures import Figures
from apps.kijiko.use.shops import Shops
from apps.kijiko.use.town import Town
from consent.transform.amounts import gathered, released
from machi.seed.economy import Economy
from tests.apps.kijiko.stage import CURRENCY, NOW, Stage, broker, stage
from tests.support.paper_vault import PaperVault

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Stage, Town]]:
    """A town of 120 wallets and 20 shops."""
    async with broker(tmp_path_factory.mktemp("economy")) as url, stage(url, "economy") as books:
        vault = PaperVault()
        town = Town(books.book, books.wallets, Holders(vault), vault, b"s" * 32)
        await Economy(town, 120, 20, pause=0).plant()
        yield books, town


def _figures(town: Town) -> Figures:
    return Figures(town, lambda told: released(gathered(told)), 10)


async def test_books_of_the_economy_balance(town: tuple[Stage, Town]):
    books, _ = town
    report = await verify_ledger(books.client, CURRENCY)
    assert report.faults == []
    assert report.wallets > 140
    assert report.transfers > 400


async def test_economy_is_planted_once(town: tuple[Stage, Town]):
    _, made = town
    before = await _figures(made).transfers()
    assert await Economy(made, 120, 20, pause=0).plant() == len(before)
    assert await _figures(made).transfers() == before


async def test_figures_of_the_analysis_equal_those_recomputed_from_the_postings(
    town: tuple[Stage, Town],
):
    books, made = town
    entities = await books.client.query(type="LedgerTransfer")
    shops = {one.wallet: one for one in await Shops(made).all()}
    exact: dict[tuple[str, str, str], int] = defaultdict(int)
    people: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for entity in entities:
        if entity["transferKind"]["value"] not in ("pay", "refund"):
            continue
        month = datetime.fromisoformat(entity["initiatedAt"]["value"]).astimezone(TOKYO)
        for posting in entity["postings"]["json"]:
            if posting["wallet"] in shops:
                shop = shops[posting["wallet"]]
                cell = (f"{month:%Y-%m}", shop.area, kind_of(shop.category))
                exact[cell] += posting["amount"]
                others = {p["wallet"] for p in entity["postings"]["json"]} - {shop.wallet}
                people[cell] |= others
    rows = list(csv.DictReader(io.StringIO(analysis.written(await _figures(made).months()))))
    assert {one["month"] for one in rows} == {"2026-08", "2026-09", "2026-10"}
    shown = 0
    for row in rows:
        if row["figure"] != "spent" or row["yen"] == analysis.HIDDEN:
            continue
        cells = [
            cell for cell in exact
            if cell[0] == row["month"]
            and (not row["area"] or cell[1] in row["area"].split("+"))
            and (not row["kind"] or cell[2] in row["kind"].split("+"))
        ]  # fmt: skip
        assert int(row["yen"]) == sum(exact[cell] for cell in cells)
        assert len({one for cell in cells for one in people[cell]}) >= 10
        shown += 1
    assert shown > 20


async def test_active_and_new_users_and_velocity_are_those_of_the_postings(
    town: tuple[Stage, Town],
):
    books, made = town
    transfers = await _figures(made).transfers()
    citizens = {one.id for one in await books.wallets.all(WalletKind.CITIZEN)}
    months = await _figures(made).months()
    seen: set[str] = set()
    for month in months:
        own = [t for t in transfers if analysis.month_of(t.at) == month.first]
        payers = {p.wallet for t in own if t.kind.value == "pay" for p in t.postings
                  if p.wallet in citizens}  # fmt: skip
        assert month.active == len(payers)
        assert month.new in (len(payers - seen), None)
        seen |= payers
        held = [
            sum(p.amount for t in transfers if analysis.month_of(t.at) < limit
                for p in t.postings if p.wallet in citizens)
            for limit in (month.first, _after(month.first))
        ]  # fmt: skip
        assert month.spent.total is not None
        assert month.velocity == round(month.spent.total / (sum(held) / 2), 2)


def _after(first: date) -> date:
    return first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)


async def test_unused_balance_is_what_the_lots_of_money_held_that_night(town: tuple[Stage, Town]):
    _, made = town
    transfers = await _figures(made).transfers()
    when = BaseDate(datetime(2026, 9, 30, tzinfo=UTC).date())
    found = unused_on(transfers, when)
    lots: dict[str, int] = defaultdict(int)
    for one in transfers:
        if one.at < when.at:
            for posting in one.postings:
                for lot, amount in posting.lots.items():
                    lots[lot.partition("-")[2]] += amount
    assert (found.unused, found.unused_points) == (lots["money"], lots["points"])
    assert found.unused == found.issued - found.used - found.ended
    [row] = csv.DictReader(io.StringIO(unused.written([found])))
    assert (row["base_date"], row["report_due"]) == ("2026-09-30", "2026-11-30")
    assert int(row["unused"]) == found.unused


async def test_month_that_runs_is_not_shown(town: tuple[Stage, Town]):
    _, made = town
    months = await _figures(made).months()
    assert all(analysis.month_of(NOW) > month.first for month in months)
