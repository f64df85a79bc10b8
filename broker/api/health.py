"""`/health`, `/ready`, `/metrics`: how the broker is."""

from __future__ import annotations

from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import Response, json_response
from broker.subscriptions.delivery.clock import seconds_between


async def health(broker: Broker, request: Request) -> Response:
    """Tell that the process answers."""
    return json_response({"status": "ok"})


async def ready(broker: Broker, request: Request) -> Response:
    """Tell that the store answers too, and how far the feed is."""
    oldest, newest = broker.store.span()
    await broker.store.get("", "urn:machi:ready")
    return json_response({"status": "ready", "feed": {"oldest": oldest, "newest": newest}})


async def metrics(broker: Broker, request: Request) -> Response:
    """Return figures in the Prometheus text format."""
    text = broker.metrics.text(await _waited(broker)).encode()
    return Response(200, text, [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")])


async def _waited(broker: Broker) -> dict[str, float]:
    """Return how long the notification has waited that has waited longest."""
    oldest = await broker.store.outbox.oldest()
    waited = 0.0 if oldest is None else max(0.0, seconds_between(oldest, broker.clock()))
    return {"outbox_oldest_waiting_seconds": waited}
