"""`/ngsi-ld/ex/v1/dead-letters`: notifications that could not be delivered (an extension of ours).

A caller sees the letters of subscriptions that exist for them, and of each letter what the guard
lets them see now.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import orjson

from broker.api import paging
from broker.api.body import json_and_context
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import JSON, Headers, Response, json_response, no_content
from broker.errors import BadRequestData, ResourceNotFound
from broker.guard import Action
from broker.store.outbox import DeadLetter, StoredSubscription
from broker.subscriptions.conditions import Conditions
from broker.subscriptions.delivery.message import Message, notification_id
from broker.subscriptions.delivery.notification import prepare, visible
from broker.subscriptions.delivery.recipient import Recipient, Unready
from broker.subscriptions.stored import load

MOST_SIFTED = 10_000
"""Letters that are looked through for a caller who may not see all."""
_ID = re.compile(r"([1-9][0-9]{0,17})-([1-9][0-9]{0,17})")


async def query(broker: Broker, request: Request) -> Response:
    """List dead letters, the newest death first."""
    limit, offset, count = paging.window(request.query, broker.settings.max_limit, "dead letters")
    letters, total = await _letters(broker, request, offset, limit)
    headers: Headers = [(b"content-type", JSON)]
    if count:
        headers.append((b"ngsild-results-count", str(total).encode()))
    headers += paging.links(request, JSON, limit, offset, offset + limit < total)
    return Response(200, orjson.dumps([told(broker, one) for one in letters]), headers)


async def retrieve(broker: Broker, request: Request) -> Response:
    """Return one dead letter with the notification as it would be sent."""
    letter = await _letter(broker, request)
    known = await broker.delivery.know(letter.sid)
    assert known is not None
    shown = told(broker, letter)
    if isinstance(known, Unready):
        return json_response({**shown, "notification": None, "hint": known.words})
    prepared = await prepare(
        letter.row,
        _seen_by(known, request),
        broker.guard,
        broker.delivery.chains,
        broker.clock(),
    )
    if isinstance(prepared, Message):
        return json_response({**shown, "notification": orjson.Fragment(prepared.body)})
    raise _no_letter()


async def replay(broker: Broker, request: Request) -> Response:
    """Let one dead letter wait again, at its place in the queue."""
    letter = await _letter(broker, request)
    await broker.store.outbox.replay(letter.tenant, letter.sid, [letter.row.seq])
    return no_content()


async def discard(broker: Broker, request: Request) -> Response:
    """Forget one dead letter; it stays counted as dead."""
    letter = await _letter(broker, request)
    await broker.store.outbox.discard(letter.tenant, letter.sid, [letter.row.seq])
    return no_content()


async def replay_all(broker: Broker, request: Request) -> Response:
    """Let all dead letters of a subscription wait again."""
    stored = await _named(broker, request)
    done = await broker.store.outbox.replay(stored.tenant, stored.sid)
    return json_response({"replayed": done})


async def discard_all(broker: Broker, request: Request) -> Response:
    """Forget all dead letters of a subscription; they stay counted as dead."""
    stored = await _named(broker, request)
    done = await broker.store.outbox.discard(stored.tenant, stored.sid)
    return json_response({"discarded": done})


def told(broker: Broker, letter: DeadLetter) -> dict[str, Any]:
    """Return what is told of a letter: nothing of the entity's values."""
    stored = broker.store.outbox.find(letter.sid)
    row = letter.row
    shown: dict[str, Any] = {
        "id": f"{letter.sid}-{row.seq}",
        "subscriptionId": letter.subscription_id,
        "queuedAt": row.queued_at,
        "diedAt": letter.died_at,
        "attempts": row.attempts,
        "reason": row.error or "",
    }
    if stored is not None:
        shown["notificationId"] = notification_id(stored.created_at, letter.sid, row.seq)
    if row.committed is not None:
        shown["entityId"] = row.committed.change.entity_id
        shown["change"] = row.committed.change.kind.value
    if row.notice is not None:
        shown["triggerReason"] = row.notice["triggerReason"]
    return shown


async def _letters(
    broker: Broker, request: Request, offset: int, limit: int
) -> tuple[list[DeadLetter], int]:
    """Return a page of the letters the caller may see, and how many there are."""
    tenant = request.tenant
    named = request.query.get("subscriptionId")
    outbox = broker.store.outbox
    sid = None
    if named is not None:
        place = "query:subscriptionId"
        sid = (await broker.subscriptions.named(request.caller, tenant, named, place)).sid
    else:
        await broker.subscriptions.page(request.caller, tenant, 0, 0)
    if broker.guard.transparent:
        return await outbox.dead_letters(tenant, sid=sid, offset=offset, limit=limit)
    found, _ = await outbox.dead_letters(tenant, sid=sid, limit=MOST_SIFTED)
    seen = [letter for letter in found if _visible(broker, request, letter)]
    return seen[offset : offset + limit], len(seen)


def _visible(broker: Broker, request: Request, letter: DeadLetter) -> bool:
    stored = broker.store.outbox.find(letter.sid)
    if stored is None or not broker.subscriptions.may_see(request.caller, stored):
        return False
    guard, caller, row = broker.guard, request.caller, letter.row
    if guard.transparent or row.notice is not None:
        return True
    conditions = Conditions(load(stored.document))
    if row.committed is not None:
        seen = guard.deliver(caller, letter.tenant, row.committed)
        return seen is not None and visible(seen) and conditions.concerns(seen)
    views = [guard.view(caller, letter.tenant, one) for one in row.entities]
    return any(one is not None and conditions.wants(one) for one in views)


async def _letter(broker: Broker, request: Request) -> DeadLetter:
    """Return the letter a path names; raises ResourceNotFound."""
    broker.guard.allow(request.caller, request.tenant, Action.SUBSCRIBE, None)
    found = _ID.fullmatch(request.path[0])
    if found is None:
        raise BadRequestData(
            "This is no id of a dead letter.",
            place="path:letter",
            remedy="Take it from GET /ngsi-ld/ex/v1/dead-letters; it is like 12-345.",
        )
    sid, seq = int(found[1]), int(found[2])
    letter = await broker.store.outbox.dead_letter(request.tenant, sid, seq)
    if letter is None or not _visible(broker, request, letter):
        raise _no_letter()
    return letter


async def _named(broker: Broker, request: Request) -> StoredSubscription:
    """Return the subscription a body names, for all of whose letters the caller may decide."""
    body, _ = await json_and_context(broker, request)
    named = body.get("subscriptionId") if isinstance(body, dict) else None
    place = "body:/subscriptionId"
    if not isinstance(named, str):
        raise BadRequestData(
            "The body names no subscription.",
            place=place,
            remedy='Send {"subscriptionId": "urn:…"}; for one letter use its own path.',
        )
    return await broker.subscriptions.named(request.caller, request.tenant, named, place)


def _seen_by(known: Recipient, request: Request) -> Recipient:
    """Return the recipient as if it were the caller, and able to receive."""
    return replace(known, owner=request.caller, active=True, expires_at=None)


def _no_letter() -> ResourceNotFound:
    return ResourceNotFound(
        "There is no such dead letter.",
        place="path:letter",
        remedy="It was replayed or discarded, or never was; list them with GET dead-letters.",
    )
