"""`/ngsi-ld/ex/v1/counts`: how many people there were, in tables of no small groups."""

from __future__ import annotations

import orjson

from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import JSON, Response
from broker.counts import Counts
from broker.errors import OperationNotSupported


async def offered(broker: Broker, request: Request) -> Response:
    """Tell what is counted for the caller."""
    found = _counts(broker).offered(request.caller, request.tenant)
    return Response(200, orjson.dumps(found), [(b"content-type", JSON)])


async def release(broker: Broker, request: Request) -> Response:
    """Tell the table of a day."""
    counts, day = _counts(broker), request.query.get("day", "")
    found = await counts.release(request.caller, request.tenant, request.path[0], day)
    return Response(200, orjson.dumps(found), [(b"content-type", JSON)])


def _counts(broker: Broker) -> Counts:
    counts = broker.disclosures.counts
    if counts is None:
        raise OperationNotSupported(
            "This broker counts nobody.",
            place="path:",
            remedy="Run it with --auth embedded, and a policy of the kind aggregateOnly.",
        )
    return counts
