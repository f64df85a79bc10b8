"""`/ngsi-ld/ex/v1/subscriptions/{id}/explain`: why a subscription was told of a change or not.

An extension of ours. Nothing is changed and nothing sent.
"""

from __future__ import annotations

from typing import Any

from broker.api.body import link_context
from broker.api.broker import Broker
from broker.api.language import language
from broker.api.request import Request
from broker.api.response import Response, json_response
from broker.errors import BadRequestData
from broker.model.names import check_entity_id
from broker.subscriptions.explain import Step
from broker.subscriptions.explain_words import Language, in_words
from broker.subscriptions.explaining import Explanation


async def explain(broker: Broker, request: Request) -> Response:
    """Return each condition in order, held or not, in words."""
    context = await link_context(broker, request)
    stored = await broker.subscriptions.retrieve(request.caller, request.tenant, request.path[0])
    seq, entity_id = _asked(request)
    if seq is not None:
        found = await broker.explainer.change(request.caller, stored, seq, context)
    else:
        found = await broker.explainer.entity(request.caller, stored, entity_id, context)
    return json_response(_told(stored.id, found, language(request)))


def _asked(request: Request) -> tuple[int | None, str]:
    seq, entity_id = request.query.get("seq"), request.query.get("entity")
    if (seq is None) == (entity_id is None):
        raise BadRequestData(
            "Either an entity or a change has to be named.",
            place="query:entity",
            remedy="Add entity=<id> for the newest change of an entity, or seq=<number> for a "
            "change of the feed, as the events of the stream number them.",
        )
    if entity_id is not None:
        return None, check_entity_id(entity_id, "query:entity")
    assert seq is not None
    if not (seq.isascii() and seq.isdigit() and 0 < len(seq) < 16 and int(seq) > 0):
        raise BadRequestData(
            "`seq` is not the number of a change.",
            place="query:seq",
            remedy="Send a whole number from 1 on, as the ids of the stream's events are.",
        )
    return int(seq), ""


def _told(subscription: str, found: Explanation, lang: Language) -> dict[str, Any]:
    change = found.change
    return {
        "subscriptionId": subscription,
        "change": None
        if change is None
        else {
            "seq": change.seq,
            "at": change.at,
            "entity": change.entity_id,
            "kind": change.kind.value,
        },
        "notified": found.fires,
        "reason": _step(found.reason, lang),
        "conditions": [_step(step, lang) for step in found.steps],
    }


def _step(step: Step, lang: Language) -> dict[str, Any]:
    return {
        "condition": step.condition,
        "held": step.held,
        "code": step.code,
        "text": in_words(step.code, step.values, lang),
    }
