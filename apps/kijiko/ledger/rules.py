"""What a currency allows, as its `LocalCurrency` says. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from apps.kijiko.ledger.lots import months_after
from broker.client import Entity, value

CURRENCY: Final = "LocalCurrency"
MOST: Final = 1_000_000_000
"""Yen in one transfer, whatever the currency allows."""
DECLARED_DAY: Final = 20
"""Points a day for what people only say, where the currency says nothing else."""
DAY_OF_ISSUE: Final = "dayOfIssue"
"""In a currency's `expiryRule`, where the period is counted `from`, the day itself with it."""


@dataclass(frozen=True, slots=True)
class Rules:
    """A currency's rules at one version. Limits are in yen; None is no limit.

    `declared_day` is what a wallet gets a day at most for what its holder only says.

    What is issued is good for `months`; the day of issue is one of them where `first_day` says so.
    """

    currency: str
    version: str = ""
    months: int = 6
    first_day: bool = False
    balance: int | None = None
    charge_day: int | None = None
    payment: int | None = None
    payment_day: int | None = None
    declared_day: int = DECLARED_DAY

    def last_day(self, issued: date) -> date:
        """Return the last day on which what is issued on a day can be spent.

        Never later than by the Civil Code (民法 第143条), whether the first day counts or not.
        """
        last = months_after(issued, self.months)
        return last - timedelta(days=1) if self.first_day and last.day == issued.day else last


def rules_from(entity: Entity, version: str = "") -> Rules:
    """Return the rules of a currency's entity."""
    expiry = value(entity, "expiryRule", {})
    return Rules(
        currency=entity["id"],
        version=version,
        months=int(expiry.get("value", 6)),
        first_day=expiry.get("from") == DAY_OF_ISSUE,
        balance=value(entity, "maxBalance"),
        charge_day=value(entity, "maxChargePerDay"),
        payment=value(entity, "maxPayment"),
        payment_day=value(entity, "maxPaymentPerDay"),
        declared_day=int(value(entity, "maxDeclaredPerDay", DECLARED_DAY)),
    )
