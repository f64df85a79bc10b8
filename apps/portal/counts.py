"""How many people there were on a day: a table that tells of no small group, and as CSV."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from apps.portal.downloads import file_name
from apps.portal.table import csv_text
from apps.portal.texts import TEXTS, name_of
from apps.portal.times import JST
from apps.shell.language import language_of
from apps.shell.pages import trouble
from broker.client import Client, ClientError, Entity, Refused, value

_COUNTS: Final = "/ngsi-ld/ex/v1/counts"
_COLUMNS: Final = ["row", "from", "people"]
_OVER: Final = timedelta(days=1, hours=1)
"""How long ago a day began that is counted already."""
_BACK: Final = 7
"""How many days are looked through for one that has something to show, where none is named."""
_MOST: Final = 100
"""Places whose names are asked for."""
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
    names = await _names(request, offered, table)
    page = request.app.state.pages.template("counts.html").render(
        t=TEXTS[language],
        language=language,
        offered=[{**one, "name": _called(one, names)} for one in offered],
        day=day,
        table=table and _shown(table, names),
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


async def _names(
    request: Request, offered: list[dict[str, Any]], table: dict[str, Any] | None
) -> dict[str, str]:
    """Return what purposes and places are called, by id: of detectors their privacy notices tell.

    What has no name, or cannot be asked for, is shown by its id.
    """
    client, found = _client(request), dict[str, Entity]()
    purposes = sorted({one for each in offered for one in each["purposes"]})[:_MOST]
    rows = sorted({one["row"] for one in table["counts"]} if table else ())[:_MOST]
    with contextlib.suppress(ClientError):
        if purposes:
            told = await client.query(type="DataPurpose", id=",".join(purposes))
            found |= {one["id"]: one for one in told}
    with contextlib.suppress(ClientError):
        if rows:
            q = "refDevice==" + ",".join(f'"{row}"' for row in rows if '"' not in row)
            told = await client.query(type="PrivacyObject", q=q)
            found |= {str(value(one, "refDevice")): one for one in told}
    language = language_of(request)
    return {of: name_of(one, "name", language) for of, one in found.items() if value(one, "name")}


def _shown(table: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Return the table by columns (times of day) and rows."""
    cells = {(one["row"], one["from"][11:16]): one["people"] for one in table["counts"]}
    columns = sorted({column for _, column in cells})
    rows = [
        (names.get(row) or _short(row), [cells.get((row, column)) for column in columns])
        for row in sorted({row for row, _ in cells})
    ]
    return {**table, "columns": columns, "rows": rows, "name": _called(table, names)}


def _called(counted: dict[str, Any], names: dict[str, str]) -> str:
    """Return what a count is called: as the purpose it is for."""
    return next(
        (names[one] for one in counted["purposes"] if one in names), _short(counted["type"])
    )


def _short(name: str) -> str:
    return name.replace("#", ":").rpartition(":")[2]
