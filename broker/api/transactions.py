"""`/ngsi-ld/ex/v1/transactions`: entity operations, all or nothing (an extension of ours)."""

from __future__ import annotations

from broker.api.body import json_and_context
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import JSON, Response
from broker.entities.operations import parse_operations
from broker.entities.transaction import digest, run_transaction
from broker.errors import BadRequestData


async def run(broker: Broker, request: Request) -> Response:
    """Run a transaction, once per Idempotency-Key."""
    key = _key(request)
    value, context = await json_and_context(broker, request)
    operations = parse_operations(value, context, broker.settings.max_operations)
    idempotency = None
    if key is not None:
        link = context.link.encode()
        idempotency = (key, digest(request.body, link))
    status, body = await run_transaction(
        broker.entities, request.caller, request.tenant, operations, idempotency
    )
    return Response(status, body, [(b"content-type", JSON)])


def _key(request: Request) -> str | None:
    raw = request.headers.get(b"idempotency-key")
    if raw is None:
        return None
    key = raw.decode("latin-1").strip()
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise BadRequestData(
            "The idempotency key is not usable.",
            place="header:Idempotency-Key",
            remedy="Send 1 to 255 printable ASCII characters, such as a UUID.",
        )
    return key
