"""The file that pays shops out: a general transfer (総合振込) of the Zengin form (pure).

Records of 120 bytes in JIS X 0201, each followed by CR LF: one header (1), a record for each
transfer (2), a trailer with number and sum (8), an end (9). Numbers stand right, filled with
zeros, names left, filled with spaces. Layout: the form that Japan's banks publish for transfers
(全銀協制定フォーマット).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeAlias

from apps.kijiko.bank.kana import NoKana, half_width

Layout: TypeAlias = tuple[tuple[str, str, int], ...]
"""Fields in order: name, `N` or `C`, bytes."""

RECORD: Final = 120
GENERAL_TRANSFER: Final = "21"
MOST_AMOUNT: Final = 9_999_999_999
MOST_TRANSFERS: Final = 999_999
KINDS: Final = ("1", "2", "4", "9")
"""Kinds of account: ordinary (普通), current (当座), savings (貯蓄), other."""
_CODING: Final = "cp932"

HEADER: Final[Layout] = (
    ("record", "N", 1), ("kind", "N", 2), ("coding", "N", 1), ("client", "N", 10),
    ("clientName", "C", 40), ("day", "N", 4), ("bank", "N", 4), ("bankName", "C", 15),
    ("branch", "N", 3), ("branchName", "C", 15), ("accountKind", "N", 1), ("account", "N", 7),
    ("filler", "C", 17),
)  # fmt: skip
DATA: Final[Layout] = (
    ("record", "N", 1), ("bank", "N", 4), ("bankName", "C", 15), ("branch", "N", 3),
    ("branchName", "C", 15), ("clearing", "N", 4), ("accountKind", "N", 1), ("account", "N", 7),
    ("name", "C", 30), ("amount", "N", 10), ("new", "N", 1), ("reference1", "C", 10),
    ("reference2", "C", 10), ("way", "N", 1), ("mark", "C", 1), ("filler", "C", 7),
)  # fmt: skip
TRAILER: Final[Layout] = (
    ("record", "N", 1), ("count", "N", 6), ("sum", "N", 12), ("filler", "C", 101),
)  # fmt: skip
END: Final[Layout] = (("record", "N", 1), ("filler", "C", 119))
_BY_TELEGRAM: Final = 7


class BadFile(ValueError):
    """What cannot be a transfer file; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Account:
    """A bank account; names are readings in kana."""

    bank: str
    branch: str
    number: str
    holder: str
    kind: str = "1"
    bank_name: str = ""
    branch_name: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """Who orders the transfers: the code its bank gave it, and the account they are paid from."""

    code: str
    account: Account


@dataclass(frozen=True, slots=True)
class Transfer:
    """An amount in yen to an account; `reference` is ours, such as a shop's code."""

    account: Account
    amount: int
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """The transfers of one day, as a file has them."""

    client: Client
    day: date
    transfers: tuple[Transfer, ...]

    @property
    def total(self) -> int:
        """Return the sum in yen."""
        return sum(one.amount for one in self.transfers)


def written(order: Order) -> bytes:
    """Return the file. Raises BadFile for what has no room or no characters in it."""
    if not 0 < len(order.transfers) <= MOST_TRANSFERS:
        raise BadFile(f"a file has 1 to {MOST_TRANSFERS} transfers")
    mine = order.client
    records = [
        _record(HEADER, "header", {
            "record": 1, "kind": GENERAL_TRANSFER, "coding": 0, "client": mine.code,
            "clientName": mine.account.holder, "day": f"{order.day:%m%d}",
            **_account(mine.account),
        }),
        *(_record(DATA, f"transfer {number}", _transfer(one))
          for number, one in enumerate(order.transfers, 1)),
        _record(TRAILER, "trailer", {
            "record": 8, "count": len(order.transfers), "sum": order.total}),
        _record(END, "end", {"record": 9}),
    ]  # fmt: skip
    return b"".join(record + b"\r\n" for record in records)


def read(content: bytes, year: int) -> Order:
    """Return what a file orders; the file names no year. Raises BadFile."""
    records = _records(content)
    if [one[:1] for one in records] != [b"1", *[b"2"] * (len(records) - 3), b"8", b"9"]:
        raise BadFile("the records are not header, transfers, trailer, end")
    header, trailer = _fields(HEADER, records[0]), _fields(TRAILER, records[-2])
    if header["kind"] != GENERAL_TRANSFER:
        raise BadFile(f"header: kind {header['kind']} is no general transfer")
    transfers = tuple(_read_transfer(_fields(DATA, one)) for one in records[1:-2])
    month, day = int(header["day"][:2]), int(header["day"][2:])
    try:
        when = date(year, month, day)
    except ValueError as error:
        raise BadFile(f"header: there is no day {header['day']} in {year}") from error
    account = _read_account(header, header["clientName"])
    order = Order(Client(header["client"], account), when, transfers)
    if int(trailer["count"]) != len(transfers):
        raise BadFile(
            f"trailer: says {int(trailer['count'])} transfers, there are {len(transfers)}"
        )
    if int(trailer["sum"]) != order.total:
        raise BadFile(f"trailer: says {int(trailer['sum'])} yen, the transfers are {order.total}")
    return order


def _transfer(one: Transfer) -> dict[str, str | int]:
    if not 0 < one.amount <= MOST_AMOUNT:
        raise BadFile(f"{one.reference}: an amount is from 1 to {MOST_AMOUNT} yen")
    return {
        "record": 2, **_account(one.account), "clearing": 0, "name": one.account.holder,
        "amount": one.amount, "new": 0, "reference1": one.reference, "way": _BY_TELEGRAM,
    }  # fmt: skip


def _account(one: Account) -> dict[str, str | int]:
    if one.kind not in KINDS:
        raise BadFile(f"{one.holder}: kind of account {one.kind}")
    return {
        "bank": one.bank, "bankName": one.bank_name, "branch": one.branch,
        "branchName": one.branch_name, "accountKind": one.kind, "account": one.number,
    }  # fmt: skip


def _record(layout: Layout, place: str, contents: dict[str, str | int]) -> bytes:
    parts = []
    for name, kind, size in layout:
        text = str(contents.get(name, ""))
        if kind == "N":
            if not re.fullmatch(r"[0-9]+", text) or len(text) > size:
                raise BadFile(f"{place}: {name} is not a number of up to {size} digits")
            parts.append(text.rjust(size, "0").encode())
            continue
        try:
            made = half_width(text).encode(_CODING)
        except NoKana as error:
            raise BadFile(f"{place}: {name} has {error}, which banks' files do not know") from error
        if len(made) > size and name not in ("name", "clientName", "bankName", "branchName"):
            raise BadFile(f"{place}: {name} is longer than {size}")
        parts.append(made[:size].ljust(size))
    return b"".join(parts)


def _records(content: bytes) -> list[bytes]:
    records = content.split(b"\r\n")
    if records[-1] not in (b"", b"\x1a"):
        raise BadFile("the last record does not end with CR LF")
    records = records[:-1]
    if len(records) < 4:
        raise BadFile("a file has at least a header, a transfer, a trailer and an end")
    for number, record in enumerate(records, 1):
        if len(record) != RECORD:
            raise BadFile(f"record {number}: {len(record)} bytes instead of {RECORD}")
    return records


def _fields(layout: Layout, record: bytes) -> dict[str, str]:
    found, at = {}, 0
    for name, kind, size in layout:
        part = record[at : at + size]
        at += size
        text = _text(name, part)
        if kind == "N" and not re.fullmatch(r"[0-9]+", text):
            raise BadFile(f"{name}: {text!r} is no number")
        found[name] = text if kind == "N" else text.rstrip()
    return found


def _text(name: str, part: bytes) -> str:
    """Return the text of a field. Raises BadFile."""
    try:
        text = part.decode(_CODING)
        if half_width(text) == text:
            return text
    except (UnicodeDecodeError, NoKana):
        pass
    raise BadFile(f"{name}: characters that banks' files do not know")


def _read_transfer(fields: dict[str, str]) -> Transfer:
    return Transfer(
        _read_account(fields, fields["name"]), int(fields["amount"]), fields["reference1"]
    )


def _read_account(fields: dict[str, str], holder: str) -> Account:
    return Account(
        fields["bank"],
        fields["branch"],
        fields["account"],
        holder,
        fields["accountKind"],
        fields["bankName"],
        fields["branchName"],
    )
