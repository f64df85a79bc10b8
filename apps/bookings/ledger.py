"""The counter's booking ledger as CSV: taken over row by row, and written.

    ledger_id,space,start,end,name,status
    K-0001,urn:ngsi-ld:BookableSpace:432148:…,2026-12-05 09:00,2026-12-05 11:00,…,confirmed

`space` is the space's id, its `externalLedgerId`, or its Japanese name. Times are Tokyo's. A row
that was taken over before has no effect; one with the status `cancelled` cancels it. The ledger
wins: what was booked over the web in its way is taken back, with all money.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from apps.bookings.core.rules import NotBookable
from apps.bookings.core.spaces import Space
from apps.bookings.core.town import Town
from apps.bookings.core.when import TOKYO, Span, local
from apps.bookings.desk import Desk
from apps.bookings.edge.holders import BadContact, Contact, Holders
from apps.bookings.process.case import HOLDING, Booking
from apps.bookings.process.machine import NotPossible
from apps.bookings.process.runner import Process, Taken
from apps.bookings.wish import OtherRequest, Wish, booking_id
from broker.client import NotFound, value

COLUMNS: Final = ("ledger_id", "space", "start", "end", "name", "status")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
WRITTEN: Final = ("ledger_id", "number", "space", "start", "end", "channel", "status", "fee")
HOLDER: Final = "urn:ngsi-ld:Holder:ledger"
"""Whose key makes the ids of rows: they are the same however often a row is read."""
MOST: Final = 2000
LONGEST_ID: Final = 60


class BadLedger(ValueError):
    """A text that is no ledger."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the ledger: `line` in its text."""

    line: int
    ledger_id: str
    space: str
    span: Span
    name: str
    cancelled: bool


@dataclass(slots=True)
class Taking:
    """What became of the rows: their lines."""

    taken: list[int] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    won: list[int] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)


def read(text: str) -> tuple[list[Row], list[int]]:
    """Return the rows of a ledger and the lines that are none. Raises BadLedger."""
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""))
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        raise BadLedger("bad_ledger")
    rows: list[Row] = []
    bad: list[int] = []
    for told in reader:
        if len(rows) >= MOST:
            raise BadLedger("bad_ledger")
        try:
            rows.append(_row(reader.line_num, told))
        except (ValueError, TypeError, AttributeError):
            bad.append(reader.line_num)
    return rows, bad


async def take(text: str, desk: Desk, process: Process, holders: Holders) -> Taking:
    """Take a ledger over. Raises BadLedger, ClientError."""
    rows, bad = read(text)
    result = Taking(refused=bad)
    town = await desk.town()
    for row in rows:
        space = _space(row.space, town)
        if space is None:
            result.refused.append(row.line)
            continue
        try:
            await _take(row, space, desk, process, holders, result)
        except (NotBookable, NotPossible, OtherRequest, BadContact, Taken):
            result.refused.append(row.line)
    return result


def written(bookings: Iterable[Booking], names: Mapping[str, str]) -> str:
    """Return bookings as a ledger, by start; no names of people."""
    out = io.StringIO()
    sheet = csv.writer(out, lineterminator="\r\n")
    sheet.writerow(WRITTEN)
    for one in sorted(bookings, key=lambda one: (one.span.start, one.id)):
        sheet.writerow(
            [
                _plain(one.ledger_id),
                one.number,
                _plain(names.get(one.space, one.space)),
                f"{local(one.span.start):%Y-%m-%d %H:%M}",
                f"{local(one.span.end):%Y-%m-%d %H:%M}",
                one.channel,
                one.status.value,
                one.fee,
            ]
        )
    return out.getvalue()


async def _take(
    row: Row, space: Space, desk: Desk, process: Process, holders: Holders, result: Taking
) -> None:
    marker = Wish(space.id, row.span, HOLDER, row.ledger_id, channel="import")
    known = await _known(process, booking_id(marker, space.city))
    if known is not None:
        if row.cancelled and known.status in HOLDING:
            await desk.cancel(known.id, by_town=True)
            result.taken.append(row.line)
        elif known.span != row.span and known.status in HOLDING:
            raise NotBookable("moved")
        else:
            result.known.append(row.line)
        return
    if row.cancelled:
        result.known.append(row.line)
        return
    if row.name:
        await holders.keep(f"{HOLDER}:{row.ledger_id}", Contact(row.name, ""))
    wish = Wish(
        space.id, row.span, HOLDER, row.ledger_id, channel="import", ledger_id=row.ledger_id
    )
    won = await _make_way(wish, desk, process)
    await desk.cash(booking_id(wish, space.city))
    (result.won if won else result.taken).append(row.line)


async def _make_way(wish: Wish, desk: Desk, process: Process) -> bool:
    """Hold the slots, taking back what is in the way; say whether anything was. Raises Taken."""
    won = False
    while True:
        try:
            await desk.hold(wish)
        except Taken as taken:
            other = await _in_the_way(process, taken.claim)
            if other is not None and other.ledger_id:
                raise
            if other is not None:
                await desk.suspend(other.id, "ledger")
                won = True
        else:
            return won


async def _in_the_way(process: Process, claim: str) -> Booking | None:
    try:
        holder = value(await process.client.retrieve(claim), "refBooking")
        case, _ = await process.load(str(holder))
    except NotFound:
        return None
    return case.booking


async def _known(process: Process, known: str) -> Booking | None:
    try:
        return (await process.load(known))[0].booking
    except NotFound:
        return None


def _space(named: str, town: Town) -> Space | None:
    for space in town.spaces.values():
        if named and named in (space.id, space.ledger_id, space.name.get("ja")):
            return space
    return None


def _row(line: int, told: Mapping[str, str]) -> Row:
    ledger_id = told["ledger_id"].strip()
    if not ledger_id or len(ledger_id) > LONGEST_ID or not ledger_id.isascii():
        raise ValueError("no id")
    return Row(
        line=line,
        ledger_id=ledger_id,
        space=told["space"].strip(),
        span=Span(_time(told["start"]), _time(told["end"])),
        name=(told["name"] or "").strip(),
        cancelled=(told["status"] or "").strip() == "cancelled",
    )


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text.strip().replace("/", "-"))
    return found if found.tzinfo is not None else found.replace(tzinfo=TOKYO)


def _plain(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text
