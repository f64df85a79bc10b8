"""Subscriptions to registrations, and what they are told (§5.11)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from broker.errors import BadRequestData
from broker.model.names import Names
from broker.model.reduce import PROJECTED
from broker.query.kept import load_node
from broker.query.temporal import parse_temporal
from broker.registry.match import Wanted, matches, relevant
from broker.registry.model import Registration
from broker.registry.safe import opened
from broker.registry.show import shown
from broker.registry.stored import KIND, load, resource
from broker.safe import Safe
from broker.store.contract import Resource
from broker.store.outbox import Notice, Opening, StoredSubscription
from broker.subscriptions.model import Status
from broker.subscriptions.parse import Members
from broker.subscriptions.service import Subscriptions
from broker.subscriptions.show import status
from broker.subscriptions.stored import load as load_subscription

SUBSCRIPTIONS: Final = "csource"
"""What the store calls subscriptions to registrations."""

NEWLY: Final = "newlyMatching"
UPDATED: Final = "updated"
NO_LONGER: Final = "noLongerMatching"


class RegistrationSubscriptions(Subscriptions):
    """Subscriptions to registrations: told of those that match at once, and of each change."""

    kind = SUBSCRIPTIONS

    def _opening(self, kept: dict[str, Any]) -> Opening | None:
        if status(kept["members"], self._clock()) is not Status.ACTIVE:
            return None
        wanted, clock = wanted_of(kept), self._clock
        return Opening(KIND, lambda found: matching(found, wanted, clock()))

    def _check_endpoint(self, members: Members) -> None:
        super()._check_endpoint(members)
        if members["notification"]["endpoint"].get("accept") == "application/geo+json":
            raise BadRequestData(
                "Registrations are not told of as GeoJSON.",
                place="body:/notification/endpoint/accept",
                remedy="Use application/json or application/ld+json.",
            )


def wanted_of(document: dict[str, Any]) -> Wanted:
    """Return what a subscription asks of the registry.

    Attributes are asked for where both watchedAttributes and the notification name some (§5.12).
    """
    subscription = load_subscription(document)
    notification = subscription.notification
    told = notification.attributes or notification.projection.pick or frozenset()
    watched, told = subscription.watched or frozenset(), told - PROJECTED
    temporal = document["members"].get("temporalQ")
    return Wanted(
        selectors=subscription.entities,
        attributes=watched | told if watched and told else frozenset(),
        geo=subscription.geo,
        scope=subscription.scope,
        csf=load_node(document["csf"]) if "csf" in document else None,
        temporal=None if temporal is None else parse_temporal(temporal),
    )


def matching(found: Sequence[Resource], wanted: Wanted, now: str) -> Notice | None:
    """Return the notice of all registrations that match now; None where none does."""
    told = [one for one in map(load, found) if matches(one, wanted, now)]
    return notice(NEWLY, told, wanted) if told else None


def notice(reason: str, told: Sequence[Registration], wanted: Wanted) -> Notice:
    """Return what is kept of registrations until their notification is sent (§5.3.2).

    Of one that no longer matches, all its information is kept; else what matches (§5.11.7).
    """
    kept = [
        {
            "members": {
                **one.members,
                "information": relevant(one, wanted) or one.members["information"],
                "properties": one.properties,
            },
            "createdAt": one.created_at,
            "modifiedAt": one.modified_at,
            "sealed": one.sealed,
        }
        for one in told
    ]
    return {"triggerReason": reason, "registrations": kept}


def told(
    safe: Safe, tenant: str, kept: Notice, context: Names, sys_attrs: bool, secrets: bool
) -> list[dict[str, Any]]:
    """Return the registrations of a tenant's notice as its receiver is shown them."""
    found = [
        load(resource(one["members"], one["createdAt"], one["modifiedAt"], one.get("sealed")))
        for one in kept["registrations"]
    ]
    if secrets:
        found = [opened(safe, tenant, one) for one in found]
    return [shown(one, context, sys_attrs=sys_attrs, secrets=secrets) for one in found]


class _Entry:
    """A subscription in the audience. `hears` tells whether it is told of changes."""

    __slots__ = ("expires_at", "hears", "tenant", "wanted")

    def __init__(self, stored: StoredSubscription) -> None:
        subscription = load_subscription(stored.document)
        self.tenant = stored.tenant
        self.wanted = wanted_of(stored.document)
        self.hears = subscription.is_active and not subscription.periodic
        self.expires_at = subscription.expires_at


class Audience:
    """Who is told of a change of a registration: an index that the store keeps up to date."""

    def __init__(self) -> None:
        self._entries: dict[int, _Entry] = {}

    def keep(self, stored: StoredSubscription) -> None:
        """Take in a subscription to registrations, new or changed."""
        self._entries[stored.sid] = _Entry(stored)

    def drop(self, sid: int) -> None:
        """Forget a subscription."""
        self._entries.pop(sid, None)

    def of(
        self, tenant: str, before: Registration | None, after: Registration | None, now: str
    ) -> list[tuple[int, Notice]]:
        """Return whom to tell what of a registration that came, changed or went (§5.3.3).

        Of one that has expired and was not yet deleted nobody was told that it is gone.
        """
        due = []
        for sid, entry in self._entries.items():
            over = entry.expires_at is not None and entry.expires_at <= now
            if entry.tenant != tenant or not entry.hears or over:
                continue
            was = before is not None and matches(before, entry.wanted, before.created_at)
            if after is not None and matches(after, entry.wanted, now):
                due.append((sid, notice(UPDATED if was else NEWLY, [after], entry.wanted)))
            elif before is not None and was:
                due.append((sid, notice(NO_LONGER, [after or before], entry.wanted)))
        return due
