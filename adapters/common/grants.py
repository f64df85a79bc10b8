"""Access grants at an adapter's private door: what every adapter of locks offers.

    GET    /locks                            what the adapter's locks can and cannot do
    PUT    /locks/{device}/grants/{grant}    {"pin": "482913057", "from": "…Z", "to": "…Z"}
    GET    /locks/{device}/grants/{grant}    how it stands
    DELETE /locks/{device}/grants/{grant}    take it back

`device` is the id of the lock's Device, `grant` the id of the AccessGrant, `?tenant=` the tenant.
`from` and `to` are when the PIN opens, half open, grace included; without them it opens always (the
emergency class). A box that computes its PINs is told the booked hours as well (`start`, `end`) and
answers with the PIN. Every request may be repeated. Answers: `{"state": "active", …}`, or a problem
with a `reason` that pages explain and, where it is a matter of time, Retry-After.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from adapters.common.access import (
    AWAY,
    GrantAnswer,
    GrantOrder,
    GrantRefused,
    LockAdapter,
)
from adapters.contract import CommandFailed, UnknownDevice

Act = Callable[[GrantOrder], Awaitable[GrantAnswer]]


def routes(adapter: LockAdapter) -> list[web.RouteDef]:
    """Return the routes of grants for an adapter's private door."""

    async def rules(request: web.Request) -> web.Response:
        return web.json_response(asdict(adapter.rules))

    path = "/locks/{device}/grants/{grant}"
    return [
        web.get("/locks", rules),
        web.put(path, _handler(adapter.put)),
        web.get(path, _handler(adapter.look), allow_head=False),
        web.delete(path, _handler(adapter.remove)),
    ]


def _handler(act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        try:
            found = await act(await _order(request))
        except UnknownDevice:
            return _problem(404, "unknownLock")
        except CommandFailed:
            return _problem(AWAY, "lockUnreachable")
        except GrantRefused as refusal:
            return _problem(refusal.status, refusal.reason, refusal.wait)
        shown = {name: part for name, part in asdict(found).items() if part}
        return web.json_response(shown)

    return answer


async def _order(request: web.Request) -> GrantOrder:
    body = await request.read()
    try:
        told: Any = orjson.loads(body) if body else {}
        times = {name: _time(told.get(name)) for name in ("from", "to", "start", "end")}
        pin = told.get("pin", "")
    except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError) as error:
        raise GrantRefused("badRequest", status=400) from error
    if not isinstance(pin, str) or (times["from"] is None) != (times["to"] is None):
        raise GrantRefused("badRequest", status=400)
    return GrantOrder(
        request.query.get("tenant", ""),
        request.match_info["device"],
        request.match_info["grant"],
        pin,
        times["from"],
        times["to"],
        times["start"],
        times["end"],
    )


def _time(text: Any) -> datetime | None:
    """Return a time with its offset, None for None. Raises ValueError, TypeError."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time without offset")
    return moment


def _problem(status: int, reason: str, wait: int = 0) -> web.Response:
    problem = {"title": "The grant was not carried out", "status": status, "reason": reason}
    headers = {"Retry-After": str(wait)} if wait else {}
    return web.json_response(
        problem, status=status, headers=headers, content_type="application/problem+json"
    )
