"""The city treasurer: shops, settlement, campaigns, reports, the chain; and the analysis."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from apps.kijiko.ledger.lots import TOKYO, today
from apps.kijiko.pages.circulation import area_map, bars
from apps.kijiko.pages.showing import clock, grid
from apps.kijiko.pages.site import TEXTS, Site, amount_of, onward, text_of
from apps.kijiko.pages.staff import ANALYSIS, TREASURY, Deed, Door
from apps.kijiko.reports import analysis, unused
from apps.kijiko.use.campaigns import STEPS, VISIT, Campaign
from apps.kijiko.use.settlement import Batch
from apps.kijiko.use.shops import ShopStatus
from apps.kijiko.use.town import Town
from apps.shell.language import language_of
from apps.shell.refused import FormRefused

HEALTH: Final = "health-points"
"""Local id of the purpose that points by steps need consent to."""

Verify = Callable[[], Awaitable[tuple[bool, list[str]]]]
"""Compares the books with the chain: whether all is well, and what is to be said."""


class TreasuryPages:
    """The pages and what is done on them."""

    def __init__(self, site: Site, door: Door, verify: Verify) -> None:
        self._site = site
        self._door = door
        self._verify = verify
        self._deeds: dict[str, Deed] = {
            "approve-shop": self._approve_shop,
            "suspend-shop": self._suspend_shop,
            "shop-phone": self._shop_phone,
            "leave-shop": self._leave_shop,
            "agree": self._agree,
            "stand": self._stand,
            "draft": self._draft,
            "approve": self._approve,
            "discard": self._discard,
            "paid": self._paid,
            "campaign": self._campaign,
            "verify": self._verified,
        }

    async def page(self, request: Request, told: str = "", status: int = 200) -> Response:
        """Show what is in circulation, what waits, and the reports."""
        person = await self._door.person(request, *TREASURY)
        language, site = language_of(request), self._site
        shops = await site.shops.all()
        campaigns = [
            {"name": one.name.get(language, ""), "left": await site.campaigns.left(one),
             "budget": one.budget, "open": one.open_at(site.town.now())}
            for one in await site.campaigns.all()
        ]  # fmt: skip
        day = today(site.town.now())
        return self._door.page(
            request, "treasury.html", status, told, person, here="/treasury",
            standing=await site.figures.standing(), reports=await site.figures.reports(),
            waiting=[one for one in shops if one.status is ShopStatus.APPLIED],
            active=[one for one in shops if one.status is ShopStatus.ACTIVE],
            batches=[_shown(one) for one in await site.settlement.all()], campaigns=campaigns,
            corrections=await self._corrections(),
            first=day.replace(day=1), day=day, key=secrets.token_urlsafe(18),
        )  # fmt: skip

    async def act(self, request: Request) -> Response:
        """Do what a form asks for."""
        return await self._door.act(request, TREASURY, self._deeds, self.page, "/treasury")

    async def analysis(self, request: Request, told: str = "", status: int = 200) -> Response:
        """Show how money goes round the town."""
        person = await self._door.person(request, *ANALYSIS)
        language = language_of(request)
        months = await self._site.figures.months()
        asked = request.query_params.get("month", "")
        month = next(
            (m for m in months if f"{m.first:%Y-%m}" == asked), months[-1] if months else None
        )
        other = _word(language, "elsewhere")
        shows: dict[str, Any] = {"grid": None, "map": None}
        if month is not None:
            shows = {"grid": grid(month, language, other), "map": area_map(month, language, other)}
        return self._door.page(
            request, "analysis.html", status, told, person, here="/analysis",
            months=months, month=month, bars=bars(months), **shows,
        )  # fmt: skip

    async def analysis_csv(self, request: Request) -> Response:
        """Give the analysis as CSV."""
        await self._door.person(request, *ANALYSIS)
        return _csv(analysis.written(await self._site.figures.months()), "analysis.csv")

    async def report_csv(self, request: Request) -> Response:
        """Give the reports of the base dates as CSV."""
        await self._door.person(request, *TREASURY)
        return _csv(unused.written(await self._site.figures.reports(4)), "unused-balance.csv")

    async def export(self, request: Request) -> Response:
        """Give a batch's file for the bank."""
        person = await self._door.person(request, *TREASURY)
        batch_id = _batch_id(self._site.town, request.path_params["local"])
        day = request.query_params.get("day", "")
        try:
            when = date.fromisoformat(day)
        except ValueError:
            return onward("/treasury", request, told="bad_day")
        user = person.user if person else ""
        name, content = await self._site.settlement.export(batch_id, self._site.bank, when, user)
        headers = {"Content-Disposition": f'attachment; filename="furikomi-{name}.txt"'}
        return Response(content, media_type="application/octet-stream", headers=headers)

    async def _approve_shop(self, fields: dict[str, str], by: str) -> str:
        await self._site.shops.decide(fields.get("id", ""), ShopStatus.ACTIVE)
        return "done"

    async def _suspend_shop(self, fields: dict[str, str], by: str) -> str:
        await self._site.shops.decide(fields.get("id", ""), ShopStatus.SUSPENDED)
        return "done"

    async def _leave_shop(self, fields: dict[str, str], by: str) -> str:
        """Let a shop go; what it has is paid out by the next settlement."""
        await self._site.shops.decide(fields.get("id", ""), ShopStatus.LEFT)
        return "done"

    async def _agree(self, fields: dict[str, str], by: str) -> str:
        await self._site.corrections.agree(fields.get("id", ""), by)
        return "done"

    async def _stand(self, fields: dict[str, str], by: str) -> str:
        await self._site.corrections.discard(fields.get("id", ""))
        return "done"

    async def _corrections(self) -> list[dict[str, Any]]:
        """Return what waits for a second person."""
        found = []
        for one in await self._site.corrections.waiting():
            made = await self._site.town.book.transfer(one.transfer)
            found.append({
                "id": one.transfer, "reason": one.reason, "by": one.by.rpartition(":")[2],
                "kind": made.kind.value, "amount": made.amount, "when": clock(made.at),
            })  # fmt: skip
        return found

    async def _shop_phone(self, fields: dict[str, str], by: str) -> str:
        """Give a shop that lost its first phone a new one; whoever asks has been identified."""
        if fields.get("seen") != "yes":
            raise FormRefused("not_identified")
        shop = await self._site.shops.shop(fields.get("id", ""))
        link = f"{self._site.home}/shop/open?key={await self._site.phones.renew(shop)}"
        name = shop.name[fields["lang"]]
        return _word(fields["lang"], "told_shop_phone").format(shop=name, link=link)

    async def _draft(self, fields: dict[str, str], by: str) -> str:
        await self._site.settlement.draw_up(_day(fields, "first"), _day(fields, "last"), by)
        return "done"

    async def _approve(self, fields: dict[str, str], by: str) -> str:
        await self._site.settlement.approve(fields.get("id", ""), by)
        return "done"

    async def _discard(self, fields: dict[str, str], by: str) -> str:
        await self._site.settlement.discard(fields.get("id", ""))
        return "done"

    async def _paid(self, fields: dict[str, str], by: str) -> str:
        await self._site.settlement.paid(fields.get("id", ""), by)
        return "done"

    async def _campaign(self, fields: dict[str, str], by: str) -> str:
        town = self._site.town
        steps = fields.get("metric") == STEPS
        purpose = f"urn:ngsi-ld:DataPurpose:{town.city}:{HEALTH}" if steps else ""
        begins, ends = _day(fields, "first"), _day(fields, "last") + timedelta(days=1)
        points = amount_of(fields, "points")
        campaign = Campaign(
            id=f"urn:ngsi-ld:PointCampaign:{town.city}:{town.token(6).hex()}",
            name={"ja": text_of(fields, "name", 60), "en": text_of(fields, "name", 60)},
            metric=STEPS if steps else VISIT,
            threshold=amount_of(fields, "threshold"),
            points=points,
            cap=max(points, amount_of(fields, "cap")),
            budget=amount_of(fields, "budget"),
            begins=datetime(begins.year, begins.month, begins.day, tzinfo=TOKYO),
            ends=datetime(ends.year, ends.month, ends.day, tzinfo=TOKYO),
            purpose=purpose,
        )
        await self._site.campaigns.begin(campaign, by)
        return "done"

    async def _verified(self, fields: dict[str, str], by: str) -> str:
        good, lines = await self._verify()
        head = _word(fields["lang"], "books_balance" if good else "books_wrong")
        return " ".join([head, *lines])


def _shown(batch: Batch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "local": batch.id.rpartition(":")[2],
        "first": batch.first,
        "last": batch.last,
        "status": batch.status.value,
        "shops": len(batch.due),
        "total": batch.total,
        "fee": sum(one.fee for one in batch.due),
        "drafted_by": batch.drafted_by.rpartition(":")[2],
        "approved_by": batch.approved_by.rpartition(":")[2],
    }


def _batch_id(town: Town, local: str) -> str:
    return f"urn:ngsi-ld:SettlementBatch:{town.city}:{local}"


def _day(fields: dict[str, str], name: str) -> date:
    try:
        return date.fromisoformat(fields.get(name, ""))
    except ValueError as error:
        raise FormRefused("bad_day") from error


def _csv(text: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response("\ufeff" + text, media_type="text/csv; charset=utf-8", headers=headers)


def _word(language: str, key: str) -> str:
    return TEXTS[language][key]
