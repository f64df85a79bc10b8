"""How money goes round the town, month by month, telling of no small group (pure).

Only months that are over are shown: the figures of a month that runs would differ from one day to
the next by a single purchase. Each month is a release of its own, from payments of its own. How
tables are made safe is the consent part's: it is handed in as `Release`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Protocol, TypeAlias

from apps.kijiko.reports.base_dates import TOKYO, midnight
from apps.kijiko.reports.flows import Flow

ELSEWHERE: Final = "other"
"""The area or kind of a shop that tells none."""
HIDDEN: Final = "*"
"""What stands in a CSV for a figure that is not shown."""

Line: TypeAlias = tuple[Any, ...]


class Table(Protocol):
    """A released table: cells by (row, column), None where hidden; lines are joined labels."""

    @property
    def cells(self) -> Mapping[tuple[Line, Line], int | None]: ...
    @property
    def rows(self) -> Mapping[Line, int]: ...
    @property
    def columns(self) -> Mapping[Line, int]: ...
    @property
    def total(self) -> int | None: ...


Release: TypeAlias = Callable[[Iterable[tuple[Hashable, Hashable, Hashable, int]]], Table]
"""Makes a safe table of (person, row, column, amount)."""


@dataclass(frozen=True, slots=True)
class Shop:
    """What analysis knows of a shop."""

    area: str = ELSEWHERE
    kind: str = ELSEWHERE


@dataclass(frozen=True, slots=True)
class Month:
    """A month that is over. None where a figure would be of fewer than k people.

    `spent` is what shops took, by area and kind; `moved` what was charged, granted and what ended.
    `velocity` is how often the money that people had on average was spent in the month.
    """

    first: date
    spent: Table
    moved: Table
    active: int | None
    new: int | None
    velocity: float | None


def months(
    flows: Sequence[Flow], shops: Mapping[str, Shop], now: datetime, release: Release, k: int
) -> list[Month]:
    """Return the months that are over, by time."""
    by_month: dict[date, list[Flow]] = {}
    for flow in flows:
        by_month.setdefault(month_of(flow.at), []).append(flow)
    seen: set[str] = set()
    balance, found = 0, []
    for first in _calendar(by_month, now):
        own = by_month.get(first, [])
        people = {flow.person for flow in own if flow.count}
        before, balance = balance, balance + sum(_effect(flow) for flow in own)
        users, balances = (len(people), len(people - seen)), (before, balance)
        found.append(_month(first, own, shops, release, users, balances, k))
        seen |= people
    return found


def _month(
    first: date,
    own: Sequence[Flow],
    shops: Mapping[str, Shop],
    release: Release,
    users: tuple[int, int],
    balances: tuple[int, int],
    k: int,
) -> Month:
    spent = release(
        (flow.person, shops.get(flow.shop, Shop()).area, shops.get(flow.shop, Shop()).kind,
         flow.amount)
        for flow in own if flow.kind == "pay"
    )  # fmt: skip
    moved = release(
        (flow.person, "moved", flow.kind, flow.amount) for flow in own if flow.kind != "pay"
    )
    active, new = users
    average = sum(balances) / 2
    shown = spent.total is not None and moved.total is not None and average > 0
    return Month(
        first,
        spent,
        moved,
        active if active >= k else None,
        new if new >= k and (active - new >= k or active == new) else None,
        round((spent.total or 0) / average, 2) if shown else None,
    )


def month_of(moment: datetime) -> date:
    """Return the first day of the month a moment is in, in Tokyo."""
    return moment.astimezone(TOKYO).date().replace(day=1)


def written(found: Sequence[Month]) -> str:
    """Return months as CSV: one row for each area and kind, and for each total."""
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\r\n")
    sheet.writerow(("month", "figure", "area", "kind", "yen"))
    for month in found:
        name = f"{month.first:%Y-%m}"
        for (area, kind), amount in sorted(month.spent.cells.items(), key=str):
            sheet.writerow((name, "spent", label(area), label(kind), _figure(amount)))
        for area, amount in sorted(month.spent.rows.items(), key=str):
            sheet.writerow((name, "spent", label(area), "", amount))
        for kind, amount in sorted(month.spent.columns.items(), key=str):
            sheet.writerow((name, "spent", "", label(kind), amount))
        sheet.writerow((name, "spent", "", "", _figure(month.spent.total)))
        for kind, amount in sorted(month.moved.columns.items(), key=str):
            sheet.writerow((name, label(kind), "", "", amount))
        for figure, count in (("active", month.active), ("new", month.new)):
            sheet.writerow((name, figure, "", "", _figure(count)))
        velocity = HIDDEN if month.velocity is None else month.velocity
        sheet.writerow((name, "velocity", "", "", velocity))
    return out.getvalue()


def label(line: Line) -> str:
    """Return the name of a line, of joined ones with a plus between them."""
    return "+".join(str(part) for part in line)


def _figure(amount: int | None) -> str:
    return HIDDEN if amount is None else str(amount)


def _effect(flow: Flow) -> int:
    """Return what a flow does to what people have."""
    return -flow.amount if flow.kind == "pay" else flow.amount


def _calendar(by_month: Mapping[date, object], now: datetime) -> list[date]:
    """Return the months from the first to the last that is over."""
    found: list[date] = []
    if not by_month:
        return found
    month = min(by_month)
    while midnight(following := _next(month)) <= now:
        found.append(month)
        month = following
    return found


def _next(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)
