"""Subscriptions as clients are shown them (§5.2.12), with the names of the asking request."""

from __future__ import annotations

from typing import Any

from broker.model.names import Names
from broker.model.times import sortable
from broker.store.outbox import History, StoredSubscription
from broker.subscriptions.endpoint import mask
from broker.subscriptions.members import compacted_types
from broker.subscriptions.model import DEFAULT_TRIGGERS, Status
from broker.subscriptions.parse import Members
from broker.subscriptions.projected import compacted


def status(members: Members, now: str) -> Status:
    """Return whether a subscription notifies: expired comes before paused (§5.8.2)."""
    expires_at = members.get("expiresAt")
    if expires_at is not None and sortable(expires_at) <= now:
        return Status.EXPIRED
    return Status.ACTIVE if members.get("isActive", True) else Status.PAUSED


def shown(
    stored: StoredSubscription, context: Names, now: str, *, sys_attrs: bool, secrets: bool
) -> dict[str, Any]:
    """Return a subscription with short names, status and counters.

    `secrets` tells that those of the endpoint may be shown, as to its owner.
    """
    members: Members = stored.document["members"]
    told = dict(members)
    if "entities" in told:
        told["entities"] = [
            {**each, "type": compacted_types(each["type"], context)} for each in told["entities"]
        ]
    if "watchedAttributes" in told:
        told["watchedAttributes"] = list(map(context.compact, told["watchedAttributes"]))
    if "geoQ" in told and "geoproperty" in told["geoQ"]:
        name = context.compact(told["geoQ"]["geoproperty"])
        told["geoQ"] = {**told["geoQ"], "geoproperty": name}
    if "timeInterval" not in told and not stored.kind:
        told.setdefault("notificationTrigger", [each.value for each in DEFAULT_TRIGGERS])
    if isinstance(stored.document["context"], str):
        told.setdefault("jsonldContext", stored.document["context"])
    told["notification"] = _notification(told["notification"], stored.history, context, secrets)
    told["status"] = status(members, now).value
    if sys_attrs:
        told["createdAt"] = stored.created_at
        told["modifiedAt"] = stored.modified_at
    return told


def _notification(
    given: Members, history: History, context: Names, secrets: bool
) -> dict[str, Any]:
    told = dict(given)
    for name in ("attributes", "pick", "omit"):
        if name in told:
            told[name] = [compacted(each, context) for each in told[name]]
    if not secrets:
        told["endpoint"] = mask(given["endpoint"])
    if not history.times_sent:
        return told
    told["status"] = "ok" if history.last_error is None else "failed"
    told["timesSent"] = history.times_sent
    if history.times_failed:
        told["timesFailed"] = history.times_failed
    times = {
        "lastNotification": history.last_notification,
        "lastSuccess": history.last_success,
        "lastFailure": history.last_failure,
    }
    return told | {name: time for name, time in times.items() if time is not None}
