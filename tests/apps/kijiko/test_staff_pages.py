"""Shops, settlement, campaigns and reports: two people, one file, the same sums."""

import contextlib
import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import quote

import orjson
import pytest
import pytest_asyncio

import smart_data_models
from apps.kijiko.bank.zengin import read
from apps.kijiko.ledger.errors import NotPossible
from apps.kijiko.ledger.transfer import Kind
from apps.kijiko.ledger.wallet import Wallet
from apps.kijiko.pages.site import TEXTS
from apps.kijiko.use.campaigns import Campaign, NoGrant
from apps.kijiko.use.corrections import CorrectionRefused
from apps.kijiko.use.numbers import wallet_number
from apps.kijiko.use.settlement import BatchRefused, BatchStatus
from apps.kijiko.use.shops import Shop, ShopStatus
from broker.client import Entity
from tests.apps.kijiko.stage import CITY, KEYS, NOW, asked
from tests.apps.kijiko.town import BANK, Pages, broker, pages

pytestmark = pytest.mark.asyncio(loop_scope="module")
EN = TEXTS["en"]
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 27)
SATO, ITO = "urn:ngsi-ld:Staff:sato", "urn:ngsi-ld:Staff:ito"
MODELS = Path(smart_data_models.__file__).parent / "own"
RECORD = MODELS / "ConsentRecord" / "examples" / "example-normalized.jsonld"
PURPOSE = f"urn:ngsi-ld:DataPurpose:{CITY}:health-points"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with broker(tmp_path_factory.mktemp("staff")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def town(url: str) -> AsyncIterator[Pages]:
    async with pages(url, f"staff{next(KEYS)}") as found:
        yield found


async def _sold(town: Pages, amount: int = 12_345) -> tuple[Wallet, Shop]:
    wallet, shop = await town.opened(20_000), await town.tofu()
    await town.town.book.pay(wallet.id, shop.wallet, amount, asked())
    return wallet, shop


async def test_shop_applies_and_takes_money_once_it_is_approved(town: Pages):
    page = await town.page(town.shop, "/shop?lang=en")
    told = {"name_ja": "鮎屋", "name_en": "Ayuya", "category": "5812", "area": "onsen",
            "contact": "店主", "mail": "", "bank": "0182", "branch": "102", "kind": "1",
            "number": "0000042", "holder": "アユヤ"}  # fmt: skip
    status, text = await town.send(town.shop, "/shop/apply?lang=en", page, **told)
    assert (status, EN["shop_applied"] in text) == (200, True)
    [shop] = await town.site.shops.all()
    assert (shop.status, shop.area) == (ShopStatus.APPLIED, "onsen")
    page = await town.page(town.desk, "/treasury?lang=en")
    status, _ = await town.send(
        town.desk, "/treasury/act/approve-shop?lang=en", page, id=shop.id, staff="S-1"
    )
    assert status == 200
    assert EN["incoming"] in await town.page(town.shop, "/shop?lang=en")
    account = await town.site.shops.account(shop)
    assert account is not None
    assert account.holder == "ｱﾕﾔ"
    assert "ｱﾕﾔ" not in str(await town.town.client.query(type="AcceptingMerchant"))


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"bank": "18"}, "refused_bad_account_bank"),
        ({"number": "12345678"}, "refused_bad_account_number"),
        ({"holder": "鮎屋"}, "refused_bad_account_holder"),
        ({"name_en": "鮎屋"}, "refused_bad_shop_name"),
        ({"contact": ""}, "refused_bad_name"),
    ],
)
async def test_application_that_cannot_be_says_why(town: Pages, part, told):
    page = await town.page(town.shop, "/shop?lang=en")
    fields = {"name_ja": "鮎屋", "name_en": "Ayuya", "category": "5812", "area": "onsen",
              "contact": "店主", "mail": "", "bank": "0182", "branch": "102", "kind": "1",
              "number": "0000042", "holder": "アユヤ"}  # fmt: skip
    status, text = await town.send(town.shop, "/shop/apply?lang=en", page, **fields | part)
    assert (status, EN[told] in text) == (400, True)
    assert await town.site.shops.all() == []


async def test_settlement_takes_two_people_and_its_file_has_the_same_sums(town: Pages):
    _, shop = await _sold(town)
    settlement, balances = town.site.settlement, town.stage.balances
    batch = await settlement.draw_up(FIRST, LAST, SATO)
    with pytest.raises(BatchRefused, match="four_eyes"):
        await settlement.approve(batch.id, SATO)
    with pytest.raises(BatchRefused, match="not_approved"):
        await settlement.export(batch.id, BANK, date(2026, 12, 10), "u-1")
    approved = await settlement.approve(batch.id, ITO)
    assert (approved.status, approved.total) == (BatchStatus.APPROVED, 12_345 - 123)
    assert (await balances())["kijiko-settlement"] == approved.total
    _, content = await settlement.export(batch.id, BANK, date(2026, 12, 10), "u-1")
    order = read(content, 2026)
    assert (order.total, len(order.transfers)) == (approved.total, 1)
    assert order.transfers[0].reference == shop.code.replace("-", "")[:10]
    assert (await settlement.export(batch.id, BANK, date(2026, 12, 10), "u-1"))[1] == content
    assert (await settlement.paid(batch.id, SATO)).status is BatchStatus.PAID
    found = await balances()
    assert (found.get("kijiko-settlement", 0), found["kijiko-fee"]) == (0, 123)
    assert sum(found.values()) == 0


async def test_what_a_shop_gave_back_meanwhile_is_not_paid_out(town: Pages):
    wallet, shop = await _sold(town)
    batch = await town.site.settlement.draw_up(FIRST, LAST, SATO)
    [paid] = [one for one in await town.town.book.transfers(wallet.id) if one.kind is Kind.PAY]
    await town.town.book.refund(paid.id, 1, asked())
    approved = await town.site.settlement.approve(batch.id, ITO)
    assert (approved.total, approved.due) == (0, ())
    assert (await town.town.book.wallet(shop.wallet)).balance == 12_344


async def test_approval_repeated_after_a_stop_settles_nothing_twice(
    town: Pages, monkeypatch: pytest.MonkeyPatch
):
    _, shop = await _sold(town)
    settlement = town.site.settlement
    batch = await settlement.draw_up(FIRST, LAST, SATO)
    whole = type(settlement)._settled

    async def stopped(self, *given):
        await whole(self, *given)
        raise RuntimeError("stopped")

    monkeypatch.setattr(type(settlement), "_settled", stopped)
    with pytest.raises(RuntimeError):
        await settlement.approve(batch.id, ITO)
    monkeypatch.undo()
    with pytest.raises(BatchRefused, match="batch_moved_on"):
        await settlement.discard(batch.id)
    approved = await settlement.approve(batch.id, ITO)
    assert (await town.stage.balances())["kijiko-settlement"] == approved.total
    assert (await town.town.book.wallet(shop.wallet)).balance == 0


async def test_treasury_draws_up_approves_and_fetches_the_file_on_its_page(town: Pages):
    await _sold(town)
    page = await town.page(town.desk, "/treasury?lang=en")
    draft = {"first": f"{FIRST}", "last": f"{LAST}", "staff": "sato"}
    status, page = await town.send(town.desk, "/treasury/act/draft?lang=en", page, **draft)
    assert (status, EN["batch_draft"] in page) == (200, True)
    batch = re.findall(r'name="id" value="(urn:ngsi-ld:SettlementBatch:[^"]+)"', page)[0]
    told = {"path": "/treasury/act/approve?lang=en", "page": page, "id": batch}
    status, text = await town.send(town.desk, **told, staff="sato")
    assert (status, EN["refused_four_eyes"] in text) == (409, True)
    status, text = await town.send(town.desk, **told, staff="ito")
    assert (status, EN["batch_approved"] in text) == (200, True)
    local = quote(batch.rpartition(":")[2])
    async with town.desk.get(f"/treasury/batches/{local}.txt?day=2026-12-10") as answer:
        assert read(await answer.read(), 2026).total == 12_345 - 123


async def test_verifying_says_that_the_books_balance(town: Pages):
    page = await town.page(town.desk, "/treasury?lang=en")
    status, text = await town.send(town.desk, "/treasury/act/verify?lang=en", page, staff="S-1")
    assert (status, EN["books_balance"] in text, town.verified) == (200, True, ["asked"])


def _steps(purpose: str = PURPOSE) -> Campaign:
    return Campaign(
        id=f"urn:ngsi-ld:PointCampaign:{CITY}:walk",
        name={"ja": "歩こう", "en": "Walk"},
        metric="steps",
        threshold=8000,
        points=5,
        cap=10,
        budget=12,
        begins=NOW - timedelta(days=1),
        ends=NOW + timedelta(days=30),
        purpose=purpose,
    )


async def test_points_by_steps_need_consent(town: Pages):
    wallet, campaign = await town.opened(), _steps()
    await town.site.campaigns.begin(campaign, SATO)
    with pytest.raises(NoGrant, match="campaign_consent"):
        await town.site.campaigns.grant(campaign, wallet, 9000)
    assert (await town.wallet()).balance == 0


def _consent(holder: str, state: str, **more: str) -> Entity:
    """Return a record of consent: the model's example, of a holder, as it stands."""
    record: Entity = orjson.loads(RECORD.read_bytes())
    for name in ("@context", "validUntil", "withdrawnAt"):
        record.pop(name, None)
    told = {"state": state, **more}
    return record | {
        "id": f"urn:ngsi-ld:ConsentRecord:{CITY}:{next(KEYS)}",
        "refPrincipal": {"type": "Relationship", "object": holder},
        "refPurpose": {"type": "Relationship", "object": PURPOSE},
        **{name: {"type": "Property", "value": part} for name, part in told.items()},
    }


@pytest.mark.parametrize(
    ("state", "more", "points"),
    [
        ("given", {}, 5),
        ("given", {"validUntil": "2027-01-01T00:00:00Z"}, 5),
        ("given", {"validUntil": "2026-11-01T00:00:00Z"}, 0),
        ("withdrawn", {}, 0),
        ("refused", {}, 0),
    ],
)
async def test_points_by_steps_are_bound_to_consent_that_is_given_now(
    town: Pages, state: str, more: dict[str, str], points: int
):
    wallet, campaign = await town.opened(), _steps()
    await town.site.campaigns.begin(campaign, SATO)
    await town.town.client.create(_consent(wallet.holder, state, **more))
    with contextlib.nullcontext() if points else pytest.raises(NoGrant, match="campaign_consent"):
        await town.site.campaigns.grant(campaign, wallet, 9000)
    assert (await town.wallet()).balance == points


async def test_anothers_consent_is_none(town: Pages):
    wallet, campaign = await town.opened(), _steps()
    await town.site.campaigns.begin(campaign, SATO)
    await town.town.client.create(_consent("urn:ngsi-ld:Holder:somebody-else", "given"))
    with pytest.raises(NoGrant, match="campaign_consent"):
        await town.site.campaigns.grant(campaign, wallet, 9000)


async def test_points_are_granted_once_a_day_up_to_the_month_cap_and_the_budget(town: Pages):
    wallet, campaign = await town.opened(), _steps(purpose="")
    await town.site.campaigns.begin(campaign, SATO)
    await town.site.campaigns.begin(campaign, SATO)
    for _ in range(2):
        await town.site.campaigns.grant(campaign, wallet, 9000)
    assert (await town.wallet()).balance == 5
    town.stage.later(1)
    await town.site.campaigns.grant(campaign, wallet, 9000)
    town.stage.later(1)
    with pytest.raises(NoGrant, match="campaign_cap"):
        await town.site.campaigns.grant(campaign, wallet, 9000)
    town.stage.later(3)
    with pytest.raises(NoGrant, match="campaign_spent"):
        await town.site.campaigns.grant(campaign, wallet, 9000)
    assert await town.site.campaigns.left(campaign) == 2


@pytest.mark.parametrize(
    ("measured", "told"), [(7999, "campaign_short"), (60_001, "campaign_implausible")]
)
async def test_steps_that_do_not_count_are_told_so(town: Pages, measured, told):
    wallet, campaign = await town.opened(), _steps(purpose="")
    with pytest.raises(NoGrant, match=told):
        await town.site.campaigns.grant(campaign, wallet, measured)


async def _proposed(town: Pages, wallet: Wallet, reason: str = "twice") -> str:
    """Let the counter propose to take back the newest transfer of a wallet; return its id."""
    number = wallet_number(wallet.id)
    page = await town.page(town.desk, f"/?number={number}&lang=en")
    local = re.findall(r'<option value="([0-9a-f]{16,})"', page)[0]
    path = f"/act/propose?lang=en&number={number}"
    told = {"transfer": local, "reason": reason, "staff": "sato"}
    status, text = await town.send(town.desk, path, page, **told)
    assert (status, EN["told_proposed"] in text) == (200, True), text
    return town.town.book.accounts.transfer(local)


async def test_wrong_charge_is_taken_back_by_two_persons(town: Pages):
    wallet = await town.opened(500)
    transfer = await _proposed(town, wallet)
    page = await town.page(town.desk, "/treasury?lang=en")
    assert EN["reason_twice"] in page
    path = "/treasury/act/agree?lang=en"
    status, text = await town.send(town.desk, path, page, id=transfer, staff="sato")
    assert (status, unescape(EN["refused_four_eyes"]) in unescape(text)) == (409, True)
    assert (await town.wallet()).balance == 500
    status, text = await town.send(town.desk, path, page, id=transfer, staff="ito")
    assert (status, EN["reason_twice"] in text) == (200, False)
    assert (await town.wallet()).balance == 0
    [undone] = [one for one in await town.town.book.transfers(wallet.id) if one.refers]
    assert (undone.approvals, undone.reason) == ((SATO, ITO), "twice")
    status, _ = await town.send(town.desk, path, page, id=transfer, staff="ito")
    assert status == 409


async def test_correction_that_cannot_be_says_why_and_can_be_let_stand(town: Pages):
    wallet, shop = await town.opened(500), await town.tofu()
    transfer = await _proposed(town, wallet, "amount")
    await town.town.book.pay(wallet.id, shop.wallet, 1, asked())
    page = await town.page(town.desk, "/treasury?lang=en")
    agree = {"page": page, "id": transfer, "staff": "ito"}
    status, text = await town.send(town.desk, "/treasury/act/agree?lang=en", **agree)
    assert (status, EN["refused_spent"] in text) == (409, True)
    status, text = await town.send(town.desk, "/treasury/act/stand?lang=en", **agree)
    assert (status, EN["reason_amount"] in text) == (200, False)
    assert (await town.wallet()).balance == 499


@pytest.mark.parametrize(
    ("transfer", "reason"), [("0" * 32, "amount"), ("0" * 32, "because I say so")]
)
async def test_what_is_no_transfer_or_no_reason_is_not_proposed(town: Pages, transfer, reason):
    with pytest.raises(CorrectionRefused):
        await town.site.corrections.propose(
            town.town.book.accounts.transfer(transfer), reason, SATO
        )
    assert await town.site.corrections.waiting() == []


async def test_shop_that_leaves_takes_no_more_and_is_paid_what_it_has(town: Pages):
    wallet, shop = await _sold(town)
    page = await town.page(town.desk, "/treasury?lang=en")
    path = "/treasury/act/leave-shop?lang=en"
    assert (await town.send(town.desk, path, page, id=shop.id, staff="sato"))[0] == 200
    with pytest.raises(NotPossible):
        await town.town.book.pay(wallet.id, shop.wallet, 1, asked())
    assert EN["shop_left"] in await town.page(town.shop, "/shop?lang=en")
    batch = await town.site.settlement.draw_up(FIRST, LAST, SATO)
    approved = await town.site.settlement.approve(batch.id, ITO)
    assert approved.total == 12_345 - 123
    assert (await town.town.book.wallet(shop.wallet)).balance == 0
