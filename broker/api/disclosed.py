"""`/ngsi-ld/ex/v1/disclosures`: whom a person's data were shown to (an extension of ours)."""

from __future__ import annotations

import orjson

from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import JSON, Response
from broker.api.sessions import accounts_of, require_session

_MOST = 200
"""Entries of an answer, the newest ones."""


async def disclosures(broker: Broker, request: Request) -> Response:
    """Return what was shown of the person who is signed in, newest first."""
    accounts_of(broker)
    require_session(request)
    found = await broker.disclosures.of(request.caller, request.tenant, _MOST)
    headers = [(b"content-type", JSON), (b"cache-control", b"no-store")]
    return Response(200, orjson.dumps(found), headers)
