"""Money that came in at the bank, to be charged to wallets: a CSV of the bank's web page (pure).

    date,reference,amount,payer
    2026-11-25,K7QH-22MX,5000,ﾋﾄﾖｼ ﾊﾅｺ

`reference` is what a citizen was told to write with the transfer: the number of the wallet. The
payer's name is read by nobody here and kept nowhere. A row is known again by day, reference, amount
and its place among equal rows, so that a file taken twice charges once.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

COLUMNS: Final = ("date", "reference", "amount")
MOST_ROWS: Final = 5000
MOST_AMOUNT: Final = 1_000_000
_REFERENCE: Final = re.compile(r"[A-Z0-9-]{4,20}")


class BadDeposits(ValueError):
    """A text that is no file of deposits. The text is a key for pages."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """A row: `line` in its file; `key` is the same whenever this row is read again."""

    line: int
    day: date
    reference: str
    amount: int
    key: str


@dataclass(frozen=True, slots=True)
class Faulty:
    """A row that cannot be taken, and why: `bad_date`, `bad_reference` or `bad_amount`."""

    line: int
    reason: str


def decoded(content: bytes) -> str:
    """Return a file's text: UTF-8, else Shift_JIS, as banks write. Raises BadDeposits."""
    for coding in ("utf-8-sig", "cp932"):
        try:
            return content.decode(coding)
        except UnicodeDecodeError:
            continue
    raise BadDeposits("bad_coding")


def read(text: str) -> tuple[list[Deposit], list[Faulty]]:
    """Return the rows that can be taken, and those that cannot. Raises BadDeposits."""
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""))
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        raise BadDeposits("no_columns")
    deposits: list[Deposit] = []
    faulty: list[Faulty] = []
    seen: Counter[tuple[str, str, int]] = Counter()
    for told in reader:
        if len(deposits) + len(faulty) >= MOST_ROWS:
            raise BadDeposits("too_long")
        row = _row(told)
        if isinstance(row, str):
            faulty.append(Faulty(reader.line_num, row))
            continue
        day, reference, amount = row
        same = (day.isoformat(), reference, amount)
        key = hashlib.sha256(f"{same} {seen[same]}".encode()).hexdigest()[:32]
        seen[same] += 1
        deposits.append(Deposit(reader.line_num, day, reference, amount, f"bank-{key}"))
    return deposits, faulty


def _row(told: Mapping[str, str | None]) -> tuple[date, str, int] | str:
    try:
        day = date.fromisoformat((told["date"] or "").strip().replace("/", "-"))
    except ValueError:
        return "bad_date"
    reference = (told["reference"] or "").strip().upper()
    if not _REFERENCE.fullmatch(reference):
        return "bad_reference"
    amount = (told["amount"] or "").strip().replace(",", "")
    if not re.fullmatch(r"[0-9]{1,7}", amount) or not 0 < int(amount) <= MOST_AMOUNT:
        return "bad_amount"
    return day, reference, int(amount)
