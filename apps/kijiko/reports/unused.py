"""The unused balance on a base date, from the postings (pure)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from apps.kijiko.ledger.lots import LotKind, lot_of
from apps.kijiko.ledger.transfer import Kind, Transfer
from apps.kijiko.reports.base_dates import BaseDate

DEPOSIT_ABOVE: Final = 10_000_000
"""Yen unused on a base date above which half is deposited (発行保証金, 第14条)."""


@dataclass(frozen=True, slots=True)
class Unused:
    """What the law asks of a half year, in yen of money that was bought; points are beside it.

    `issued` was charged in the half year, `used` was paid with, less what was refunded, `ended`
    was not spent in time. `unused` stood at the end of the base date.
    """

    date: BaseDate
    issued: int
    used: int
    ended: int
    unused: int
    unused_points: int

    @property
    def deposit(self) -> int:
        """Return what an issuer under the act would deposit: half, where more than the limit."""
        return -(-self.unused // 2) if self.unused > DEPOSIT_ABOVE else 0


def unused(transfers: Iterable[Transfer], when: BaseDate) -> Unused:
    """Return the figures of the half year that ends with a base date."""
    sums = dict.fromkeys(("issued", "used", "ended", "unused", "points"), 0)
    by_id = {one.id: one for one in transfers}
    for one in by_id.values():
        if one.at >= when.at:
            continue
        for posting in one.postings:
            for lot, amount in posting.lots.items():
                money = lot_of(lot).kind is LotKind.MONEY
                sums["unused" if money else "points"] += amount
                if money and one.at >= when.before.at:
                    _count(sums, _origin(one, by_id), amount)
    return Unused(when, sums["issued"], sums["used"], sums["ended"], sums["unused"], sums["points"])


def _origin(one: Transfer, by_id: Mapping[str, Transfer]) -> Kind:
    """Return what a transfer is, or what it takes back."""
    while one.kind in (Kind.REFUND, Kind.REVERSAL) and one.refers in by_id:
        one = by_id[one.refers]
    return one.kind


def _count(sums: dict[str, int], kind: Kind, amount: int) -> None:
    match kind:
        case Kind.CHARGE:
            sums["issued"] += amount
        case Kind.PAY:
            sums["used"] -= amount
        case Kind.EXPIRE:
            sums["ended"] -= amount


def written(found: Iterable[Unused]) -> str:
    """Return reports as CSV."""
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\r\n")
    sheet.writerow(
        ("base_date", "report_due", "issued", "used", "ended", "unused", "unused_points", "deposit")
    )
    for one in found:
        sheet.writerow(
            (one.date.day, one.date.report_due, one.issued, one.used, one.ended, one.unused,
             one.unused_points, one.deposit)
        )  # fmt: skip
    return out.getvalue()
