"""`/ngsi-ld/ex/v1/keys`: who calls sees its keys and what they asked; developers make theirs."""

from __future__ import annotations

from typing import Any

import orjson

from broker.accounts import Keys
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import JSON, Response, no_content
from broker.api.sessions import accounts_of
from broker.errors import OperationNotSupported


async def listed(broker: Broker, request: Request) -> Response:
    """Tell the caller's limits and keys, and what each key asked today."""
    return _told(200, _keys(broker).listed(request.caller))


async def make(broker: Broker, request: Request) -> Response:
    """Make a key; its text is shown this once."""
    return _told(201, _keys(broker).make(request.caller))


async def rotate(broker: Broker, request: Request) -> Response:
    """Make a key in place of another, which goes on for an hour."""
    return _told(201, _keys(broker).rotate(request.caller, request.path[0]))


async def revoke(broker: Broker, request: Request) -> Response:
    """Let a key open nothing from now on."""
    _keys(broker).revoke(request.caller, request.path[0])
    return no_content()


def _keys(broker: Broker) -> Keys:
    keys = accounts_of(broker).keys
    if keys is None:
        raise OperationNotSupported(
            "This broker has no keys that people make.",
            place="path:",
            remedy="Ask its administrator, who makes one with machi keys create.",
        )
    return keys


def _told(status: int, body: dict[str, Any]) -> Response:
    headers = [(b"content-type", JSON), (b"cache-control", b"no-store")]
    return Response(status, orjson.dumps(body), headers)
