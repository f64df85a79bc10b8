"""Changes and subscriptions, written short."""

from __future__ import annotations

from typing import Any

from broker.guard import ANYONE
from broker.jsonld.core import CORE_CONTEXT
from broker.model.change import diff
from broker.model.entity import DEFAULT, Entity
from broker.store.contract import Change, Committed, Kind
from broker.store.outbox import StoredSubscription
from broker.subscriptions.parse import parse_subscription
from broker.subscriptions.stored import document

AT = "2026-01-01T00:00:00.000000Z"
GAUGE = CORE_CONTEXT.expand("Gauge")
LEVEL = CORE_CONTEXT.expand("level")
NAME = CORE_CONTEXT.expand("name")


def gauge(id: str = "urn:a", *types: str, **attributes: Any) -> Entity:
    """Return an entity whose attributes are Properties; a dict has an instance a dataset."""
    attrs = {}
    for name, value in attributes.items():
        values = value if isinstance(value, dict) else {DEFAULT: value}
        attrs[CORE_CONTEXT.expand(name)] = {
            dataset: {"type": "Property", "value": each} for dataset, each in values.items()
        }
    return {
        "id": id,
        "type": list(map(CORE_CONTEXT.expand, types)) or [GAUGE],
        "createdAt": AT,
        "modifiedAt": AT,
        "attrs": attrs,
    }


def change(
    before: Entity | None,
    after: Entity | None,
    *,
    seq: int = 1,
    tenant: str = "",
    at: str = AT,
) -> Committed:
    """Return the change from one state of an entity to another."""
    entity_id = (after or before or {})["id"]
    if before is None:
        change = Change(seq, tenant, entity_id, 1, Kind.CREATE, at, after, None)
    elif after is None:
        change = Change(seq, tenant, entity_id, 2, Kind.DELETE, at, None, before)
    else:
        delta, prior = diff(before, after)
        change = Change(seq, tenant, entity_id, 2, Kind.UPDATE, at, delta, prior)
    return Committed(change, before, after)


def stored(
    sid: int = 1,
    *,
    tenant: str = "",
    since: int = 0,
    last_due: str | None = None,
    **members: Any,
) -> StoredSubscription:
    """Return a stored subscription to gauges, with the core context; None leaves a member out."""
    body = {
        "id": f"urn:ngsi-ld:Subscription:{sid}",
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": {"uri": "http://localhost:9999/"}},
        **members,
    }
    body = {name: value for name, value in body.items() if value is not None}
    parsed = parse_subscription(body, CORE_CONTEXT, AT)
    kept = document(parsed, CORE_CONTEXT, CORE_CONTEXT.source, ANYONE)
    return StoredSubscription(sid, tenant, body["id"], kept, since, AT, AT, last_due=last_due)
