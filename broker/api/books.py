"""`/ngsi-ld/ex/v1/books`: every notification accounted for (an extension of ours).

queued = delivered + dead + expired + cancelled + withheld + superseded + waiting; `throttled` was
not queued.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from broker.api import paging
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import JSON, Response, json_response
from broker.guard import Action
from broker.store.outbox import Books, StoredSubscription
from broker.subscriptions.show import status


async def books(broker: Broker, request: Request) -> Response:
    """Return the books of the whole store, of a page of subscriptions, and the servers' state.

    For administrators: counts tell of changes that a guard may hide.
    """
    broker.guard.allow(request.caller, request.tenant, Action.ADMINISTER, None)
    most = broker.settings.max_limit
    limit, offset, counted = paging.window(request.query, most, "subscriptions")
    outbox = broker.store.outbox
    named = request.query.get("subscriptionId")
    if named is not None:
        place = "query:subscriptionId"
        stored = await broker.subscriptions.named(request.caller, request.tenant, named, place)
        return json_response(account(broker, stored))
    found, total = await outbox.page(request.tenant, offset=offset, limit=limit)
    told = {
        "all": balance(await outbox.books()),
        "oldestWaiting": await outbox.oldest(),
        "servers": servers(broker),
        "subscriptions": [account(broker, stored) for stored in found],
    }
    response = json_response(told)
    if counted:
        response.headers.append((b"ngsild-results-count", str(total).encode()))
    response.headers += paging.links(request, JSON, limit, offset, offset + limit < total)
    return response


def balance(books: Books) -> dict[str, Any]:
    """Return books as JSON, and whether they balance."""
    return {**asdict(books), "balanced": books.balanced}


def account(broker: Broker, stored: StoredSubscription) -> dict[str, Any]:
    """Return what is to be known of one subscription's deliveries."""
    history = stored.history
    return {
        "subscriptionId": stored.id,
        "status": status(stored.document["members"], broker.clock()).value,
        "books": balance(stored.books),
        "timesSent": history.times_sent,
        "timesFailed": history.times_failed,
        "lastNotification": history.last_notification,
        "lastSuccess": history.last_success,
        "lastFailure": history.last_failure,
        "lastError": history.last_error,
    }


def servers(broker: Broker) -> list[dict[str, str]]:
    """Return the servers receivers are on, as far as they are in use, and notes on them.

    Each endpoint has a breaker; that of a server is the one furthest from closed.
    """
    notes = broker.delivery.senders.notes
    states = broker.delivery.breakers()
    return [
        {"server": name, "breaker": states.get(name, "closed"), "note": notes.get(name, "")}
        for name in sorted(states.keys() | notes.keys())
    ]
