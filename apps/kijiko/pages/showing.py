"""What templates show of wallets, transfers and tables (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from apps.kijiko.ledger.lots import TOKYO, LotKind, lot_of, valid
from apps.kijiko.ledger.transfer import DECLARED, Kind, Transfer
from apps.kijiko.ledger.wallet import Wallet
from apps.kijiko.reports.analysis import Line, Month
from apps.kijiko.use.areas import AREAS, KINDS
from apps.kijiko.use.numbers import wallet_number

NAMES: Final[dict[str, dict[str, str]]] = {one.key: one.name for one in AREAS} | KINDS


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a history. `sign` is `+` or `−`; `refunded` is what was given back of it."""

    id: str
    local: str
    kind: str
    amount: int
    sign: str
    when: str
    who: str = ""
    refunded: int = 0
    declared: bool = False

    @property
    def refundable(self) -> int:
        """Return what can still be given back of a payment."""
        return self.amount - self.refunded if self.kind == Kind.PAY.value else 0


def clock(moment: datetime) -> str:
    """Return a time as clocks in Tokyo show it."""
    return f"{moment.astimezone(TOKYO):%m/%d %H:%M:%S}"


def looks(found: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return who was shown what of a person by the app: when, and who."""
    return [(clock(datetime.fromisoformat(one["at"])), str(one["user"] or "")) for one in found]


def entries(transfers: Iterable[Transfer], wallet: str, names: Mapping[str, str]) -> list[Entry]:
    """Return a wallet's history; `names` are of the wallets on the other side."""
    told = list(transfers)
    refunded: dict[str, int] = {}
    for one in told:
        if one.kind in (Kind.REFUND, Kind.REVERSAL):
            refunded[one.refers] = refunded.get(one.refers, 0) + one.amount
    return [entry(one, wallet, names, refunded.get(one.id, 0)) for one in told]


def entry(one: Transfer, wallet: str, names: Mapping[str, str], refunded: int = 0) -> Entry:
    """Return a transfer as a line of a wallet's history."""
    amount = one.posting(wallet).amount
    other = next((p.wallet for p in one.postings if p.wallet != wallet), "")
    return Entry(
        one.id,
        one.id.rpartition(":")[2],
        one.kind.value,
        abs(amount),
        "+" if amount >= 0 else "−",
        clock(one.at),
        names.get(other, ""),
        refunded,
        one.reason == DECLARED,
    )


def purse(wallet: Wallet, now: datetime) -> dict[str, Any]:
    """Return what a citizen sees of a wallet: money and points apart, and what ends next."""
    lots = valid(wallet.lots, now)
    money = sum(left for name, left in lots.items() if lot_of(name).kind is LotKind.MONEY)
    ends = sorted(lots, key=lambda name: lot_of(name).last)
    return {
        "number": wallet_number(wallet.id),
        "status": wallet.status.value,
        "total": sum(lots.values()),
        "money": money,
        "points": sum(lots.values()) - money,
        "lots": [
            (f"{lot_of(name).last:%Y-%m-%d}", lot_of(name).kind.value, lots[name]) for name in ends
        ],
    }


def line_name(line: Line, language: str, other: str) -> str:
    """Return the name of a row or column, of joined ones with `+` between them."""
    names = [NAMES[part][language] if part in NAMES else other for part in line]
    return " + ".join(names)


def grid(month: Month, language: str, other: str) -> dict[str, Any]:
    """Return the table of a month by area and kind, rows and columns by their totals."""
    table = month.spent
    rows = sorted(table.rows, key=lambda line: -table.rows[line])
    columns = sorted(table.columns, key=lambda line: -table.columns[line])
    return {
        "columns": [line_name(one, language, other) for one in columns],
        "rows": [
            {
                "name": line_name(row, language, other),
                "cells": [table.cells.get((row, column), 0) for column in columns],
                "total": table.rows[row],
            }
            for row in rows
        ],
        "totals": [table.columns[one] for one in columns],
        "total": table.total,
    }
