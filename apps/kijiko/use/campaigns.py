"""Campaigns: points by a rule, out of a budget, with consent where the rule is about a person.

    {"metric": "steps", "threshold": 8000, "per": "day", "points": 5, "capPerMonth": 100}

A grant's key is person, campaign and day, so that a day counts once, however often and however
close together it is asked for: so does a month's cap hold. The budget is a wallet of its own that
cannot fall below zero, however many ask at once.

What nobody but the person says is believed only where the town wants that, is marked in the ledger,
and brings a wallet no more than the currency's limit a day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from apps.kijiko.ledger.book import Asked
from apps.kijiko.ledger.errors import NotPossible
from apps.kijiko.ledger.lots import today
from apps.kijiko.ledger.transfer import Kind, Transfer
from apps.kijiko.ledger.wallet import Wallet, WalletKind
from apps.kijiko.use.town import Town
from broker.client import Entity, NotFound, timestamp, value

CAMPAIGN: Final = "PointCampaign"
CONSENT: Final = "ConsentRecord"
STEPS: Final = "steps"
VISIT: Final = "participation"
MOST_STEPS: Final = 60_000
"""Steps in a day beyond which a figure is not believed."""


class NoGrant(Exception):
    """No points: the text is a key of the page's words."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign: `purpose` is the id of what a person must have consented to, "" for none."""

    id: str
    name: dict[str, str]
    metric: str
    threshold: int
    points: int
    cap: int
    budget: int
    begins: datetime
    ends: datetime
    purpose: str = ""

    def open_at(self, now: datetime) -> bool:
        """Say whether points are granted now."""
        return self.begins <= now < self.ends


def campaign_from(entity: Entity) -> Campaign:
    """Return the campaign an entity keeps. Raises ValueError, KeyError where it keeps none."""
    rule: Mapping[str, Any] = value(entity, "rule", {})
    return Campaign(
        id=entity["id"],
        name=dict(value(entity, "name", {})),
        metric=str(rule["metric"]),
        threshold=int(rule.get("threshold", 1)),
        points=int(rule["points"]),
        cap=int(rule.get("capPerMonth", rule["points"] * 31)),
        budget=int(value(entity, "budget", 0)),
        begins=datetime.fromisoformat(value(entity, "validFrom")),
        ends=datetime.fromisoformat(value(entity, "validTo")),
        purpose=str(value(entity, "requiredPurpose", "")),
    )


def campaign_entity(campaign: Campaign, currency: str) -> Entity:
    """Return the entity of a campaign."""
    rule = {
        "metric": campaign.metric,
        "threshold": campaign.threshold,
        "per": "day",
        "points": campaign.points,
        "capPerMonth": campaign.cap,
    }
    entity: Entity = {
        "id": campaign.id,
        "type": CAMPAIGN,
        "name": {"type": "LanguageProperty", "languageMap": campaign.name},
        "rule": {"type": "JsonProperty", "json": rule},
        "budget": _property(campaign.budget),
        "validFrom": _property(timestamp(campaign.begins)),
        "validTo": _property(timestamp(campaign.ends)),
        "refCurrency": {"type": "Relationship", "object": currency},
    }
    if campaign.purpose:
        entity["requiredPurpose"] = _property(campaign.purpose)
    return entity


class Campaigns:
    """The campaigns of a town. All raise LedgerError and ClientError."""

    def __init__(self, town: Town, self_declared: bool = False) -> None:
        """With `self_declared` points are granted for what people say themselves, too."""
        self._town = town
        self.self_declared = self_declared

    def wallet(self, campaign: Campaign) -> str:
        """Return the wallet that holds what is left of a budget."""
        return self._town.book.accounts.wallet(f"p-{campaign.id.rpartition(':')[2]}")

    async def begin(self, campaign: Campaign, by: str) -> None:
        """Keep a campaign and set its budget aside; the same again has no further effect."""
        wallet = self.wallet(campaign)
        await self._town.wallets.open(wallet, WalletKind.CAMPAIGN)
        await self._town.client.upsert([campaign_entity(campaign, self._town.book.currency)])
        asked = Asked(by, f"budget {campaign.id} {campaign.budget}")
        await self._town.book.fund(wallet, campaign.budget, asked, about=campaign.id)

    async def all(self) -> list[Campaign]:
        """Return the campaigns, the newest first."""
        try:
            found = await self._town.client.query(type=CAMPAIGN)
        except NotFound:
            return []
        return sorted(map(campaign_from, found), key=lambda one: one.begins, reverse=True)

    async def left(self, campaign: Campaign) -> int:
        """Return what is left of a budget."""
        return (await self._town.book.wallet(self.wallet(campaign))).balance

    async def consented(self, holder: str, purpose: str) -> bool:
        """Say whether a person's consent to a purpose is given, now."""
        q = f'refPrincipal=="{holder}";refPurpose=="{purpose}";state=="given"'
        try:
            found = await self._town.client.query(type=CONSENT, q=q)
        except NotFound:
            return False
        now = self._town.now()
        return any(
            not (until := value(one, "validUntil")) or datetime.fromisoformat(until) > now
            for one in found
        )

    async def grant(
        self, campaign: Campaign, wallet: Wallet, measured: int, *, declared: bool = False
    ) -> Transfer:
        """Grant a day's points for what was measured that day, or only `declared`.

        Raises NoGrant.
        """
        now = self._town.now()
        if declared and not self.self_declared:
            raise NoGrant("campaign_not_declared")
        if not campaign.open_at(now):
            raise NoGrant("campaign_closed")
        if campaign.purpose and not await self.consented(wallet.holder, campaign.purpose):
            raise NoGrant("campaign_consent")
        if campaign.metric == STEPS and measured > MOST_STEPS:
            raise NoGrant("campaign_implausible")
        if measured < campaign.threshold:
            raise NoGrant("campaign_short")
        day = today(now)
        if await self._granted(wallet, campaign, day) + campaign.points > campaign.cap:
            raise NoGrant("campaign_cap")
        asked = Asked(wallet.holder, f"{campaign.id} {day}")
        try:
            return await self._town.book.grant(
                self.wallet(campaign), wallet.id, campaign.points, asked, about=campaign.id,
                declared=declared,
            )  # fmt: skip
        except NotPossible as refusal:
            if refusal.reason == "account_short":
                raise NoGrant("campaign_spent") from refusal
            if refusal.reason == "limit_declared":
                raise NoGrant("campaign_declared") from refusal
            raise

    async def _granted(self, wallet: Wallet, campaign: Campaign, day: date) -> int:
        """Return what a campaign granted to a wallet on the other days of a month."""
        return sum(
            one.amount
            for one in await self._town.book.transfers(wallet.id)
            if one.kind is Kind.GRANT and one.about == campaign.id
            and today(one.at) != day
            and (today(one.at).year, today(one.at).month) == (day.year, day.month)
        )  # fmt: skip


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}
