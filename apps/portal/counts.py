"""How many people there were on a day: a table that tells of no small group, and as CSV."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import HTMLResponse

from apps.portal.downloads import file_name
from apps.portal.table import csv_text
from apps.portal.texts import TEXTS
from apps.portal.times import JST
from apps.shell.language import language_of
from apps.shell.pages import trouble
from broker.client import Client, ClientError, Refused

_COUNTS: Final = "/ngsi-ld/ex/v1/counts"
_COLUMNS: Final = ["row", "from", "people"]
_OVER: Final = timedelta(days=1, hours=1)
"""How long ago a day began that is counted already."""
_BACK: Final = 7
"""How many days are looked through for one that has something to show, where none is named."""
_REFUSED: Final = {400: ("counts_no_day", 400), 422: ("", 200)}
"""What is said, and with which status; a broker without policies counts nobody (422)."""


async def counts_page(request: Request) -> Response:
    """Return the page of `?of=&day=`: by default the last day of the first that is counted.

    The last day is that of the last week that has something to show.
    """
    language, day = language_of(request), _day(request)
    offered: list[dict[str, Any]] = []
    told, table, status = "", None, 200
    try:
        offered = await _client(request).call("GET", _COUNTS)
        if offered:
            table = await _newest(request, request.query_params.get("of") or offered[0]["id"])
            day = table["day"]
    except Refused as refusal:
        told, status = _REFUSED.get(refusal.status, ("counts_none", 404))
    except ClientError:
        told, status = "broker_lost", 503
    page = request.app.state.pages.template("counts.html").render(
        t=TEXTS[language],
        language=language,
        offered=[{**one, "name": _short(one["type"])} for one in offered],
        day=day,
        table=table and _shown(table),
        told=told and TEXTS[language][told],
    )
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    return HTMLResponse(page, status, headers=headers)


async def counts_file(request: Request) -> Response:
    """Return the table as CSV; a count that is not shown is empty."""
    day = _day(request)
    try:
        table = await _table(request, request.query_params.get("of", ""), day)
    except Refused as refusal:
        return trouble(400 if refusal.status == 400 else 404, language_of(request))
    except ClientError:
        return trouble(503, language_of(request))
    text = csv_text(table["counts"], _COLUMNS, titled=True)
    name = file_name(f"counts-{day}", "csv")
    return Response(
        text,
        media_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _client(request: Request) -> Client:
    """Return a client that is told what everybody is."""
    town: Client = request.app.state.town
    return town.acting_for(None)


async def _table(request: Request, name: str, day: str) -> dict[str, Any]:
    path = f"{_COUNTS}/{quote(name, safe='')}?day={quote(day, safe='')}"
    found: dict[str, Any] = await _client(request).call("GET", path)
    return found


async def _newest(request: Request, name: str) -> dict[str, Any]:
    """Return the table of the day that is named, or of the last that has something to show."""
    last = await _table(request, name, _day(request))
    if last["counts"] or request.query_params.get("day"):
        return last
    for back in range(1, _BACK):
        table = await _table(request, name, _last(back))
        if table["counts"]:
            return table
    return last


def _day(request: Request) -> str:
    return request.query_params.get("day") or _last()


def _last(back: int = 0) -> str:
    """Return the last day that is counted already, or one so many days before it."""
    day = (datetime.now(UTC).astimezone(JST) - _OVER).date() - timedelta(days=back)
    return day.isoformat()


def _shown(table: dict[str, Any]) -> dict[str, Any]:
    """Return the table by columns (times of day) and rows."""
    cells = {(one["row"], one["from"][11:16]): one["people"] for one in table["counts"]}
    columns = sorted({column for _, column in cells})
    rows = [
        (_short(row), [cells.get((row, column)) for column in columns])
        for row in sorted({row for row, _ in cells})
    ]
    return {**table, "columns": columns, "rows": rows, "name": _short(table["type"])}


def _short(name: str) -> str:
    return name.replace("#", ":").rpartition(":")[2]
