"""Writes that carry `Machi-Chain`: a notification led to them (see `delivery.loops`)."""

from __future__ import annotations

from typing import Any, Final

import orjson

from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import Response

HEADER: Final = b"machi-chain"
DEEPEST: Final = 4
"""How far down in a body entity ids can be: in a list, in an operation, in its entity."""


async def chained(broker: Broker, request: Request) -> Response:
    """Handle a request whose changes belong to the chain it names."""
    ids = [] if request.route.method == "GET" else await _written(request)
    chain = request.headers[HEADER].decode("latin-1")
    done = broker.delivery.chains.writing(request.tenant, ids, chain)
    try:
        return await request.route.handler(broker, request)
    finally:
        done()


async def _written(request: Request) -> list[str]:
    """Return the ids a write may be about: that of its path, or those in its body."""
    if request.path:
        return request.path[:1]
    if request.route.body is None:
        return []
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return []
    return _ids(body, DEEPEST)


def _ids(value: Any, depth: int) -> list[str]:
    found: list[str] = []
    if isinstance(value, list) and depth:
        for each in value:
            found += [each] if isinstance(each, str) else _ids(each, depth - 1)
    elif isinstance(value, dict) and depth:
        if isinstance(value.get("id"), str):
            found.append(value["id"])
        for name in ("operations", "entity"):
            found += _ids(value.get(name), depth - 1)
    return found
