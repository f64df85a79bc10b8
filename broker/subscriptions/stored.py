"""The subscription as the store keeps it, and back.

The document has the members with full names, `q` and `csf` as syntax trees (their short names mean
nothing without the @context they were sent with), the @context of notifications, that which `q`
came with (`names`), and the owner.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from broker.guard import Caller
from broker.jsonld.context import Context
from broker.jsonld.core import CORE_URL
from broker.model.names import Names
from broker.model.older import CURRENT, Version
from broker.model.times import sortable
from broker.query.geo import parse_geo
from broker.query.kept import dump_node, load_node
from broker.query.linked import DEPTH
from broker.query.q import parse_q
from broker.query.scopes import parse_scope_query
from broker.query.types import parse_types
from broker.subscriptions.model import (
    DEFAULT_TRIGGERS,
    Endpoint,
    Notification,
    Selector,
    Subscription,
    Trigger,
)
from broker.subscriptions.parse import Members
from broker.subscriptions.projected import load_projection

TREES: Final = ("q", "csf")
LOCATION = "https://uri.etsi.org/ngsi-ld/location"


def document(members: Members, names: Context, context: Any, owner: Caller) -> dict[str, Any]:
    """Return what the store keeps. `context` is the @context of notifications, as sent."""
    kept: dict[str, Any] = {"members": members, "context": context, "owner": _dump_owner(owner)}
    if "q" in members:
        kept["names"] = names.source
    return kept | {name: _tree(name, members, names) for name in TREES if name in members}


def renewed(
    old: dict[str, Any], members: Members, names: Context, changed: Collection[str], past: Names
) -> dict[str, Any]:
    """Return the document with other members, of which those `changed` came with `names`.

    `past` are the names of a `q` that stays, which other `expandValues` make to be read again.
    """
    kept = {name: value for name, value in old.items() if name not in TREES}
    if "q" in changed:
        kept["names"] = names.source
    for name in members.keys() & set(TREES):
        if name in changed or name not in old:
            kept[name] = _tree(name, members, names)
        elif name == "q" and "expandValues" in changed:
            kept[name] = _tree(name, members, past)
        else:
            kept[name] = old[name]
    return {**kept, "members": members}


def _tree(name: str, members: Members, names: Names) -> Any:
    values = members.get("expandValues", ())
    expanded = values.split(",") if isinstance(values, str) else values
    return dump_node(parse_q(members[name], names.expand, expand_values=expanded, linked=DEPTH))


def load(document: dict[str, Any]) -> Subscription:
    """Return the subscription of a stored document."""
    members = document["members"]
    geo = members.get("geoQ")
    datasets, watched = members.get("datasetId"), members.get("watchedAttributes")
    scope = members.get("scopeQ")
    triggers = tuple(map(Trigger, members.get("notificationTrigger", DEFAULT_TRIGGERS)))
    return Subscription(
        id=members["id"],
        notification=_notification(members["notification"]),
        entities=tuple(map(_selector, members.get("entities", ()))),
        watched=None if watched is None else frozenset(watched),
        triggers=triggers,
        q=load_node(document["q"]) if "q" in document else None,
        geo=None if geo is None else _geo(geo),
        scope=None if scope is None else parse_scope_query(scope),
        time_interval=members.get("timeInterval"),
        throttling=members.get("throttling"),
        expires_at=sortable(members["expiresAt"]) if "expiresAt" in members else None,
        is_active=members.get("isActive", True),
        datasets=None if datasets is None else frozenset(datasets),
        lang=members.get("lang"),
        local_only=members.get("localOnly", False),
        conformance=_version(members.get("ngsildConformance")),
        context=document.get("context", CORE_URL),
        owner=_load_owner(document["owner"]),
        members=members,
    )


def _selector(given: Members) -> Selector:
    ids = given.get("id", ())
    return Selector(
        None if given["type"] == "*" else parse_types(given["type"], _as_it_is),
        (ids,) if isinstance(ids, str) else tuple(ids),
        given.get("idPattern"),
    )


def _geo(given: Members) -> Any:
    return parse_geo(
        given["georel"],
        given["geometry"],
        given["coordinates"],
        given.get("geoproperty", LOCATION),
        _as_it_is,
    )


def _notification(given: Members) -> Notification:
    join, form = given.get("join", "@none"), given.get("format", "normalized")
    attributes = given.get("attributes")
    return Notification(
        endpoint=_endpoint(given["endpoint"]),
        format="simplified" if form == "keyValues" else form,
        attributes=None if attributes is None else frozenset(attributes),
        projection=load_projection(given.get("pick"), given.get("omit", ())),
        sys_attrs=given.get("sysAttrs", False),
        show_changes=given.get("showChanges", False),
        join=None if join == "@none" else join,
        join_level=given.get("joinLevel", 1),
    )


def _endpoint(given: Members) -> Endpoint:
    return Endpoint(
        uri=given["uri"],
        accept=given.get("accept", "application/json"),
        timeout=given.get("timeout"),
        cooldown=given.get("cooldown"),
        receiver_info=_pairs(given.get("receiverInfo", ())),
        notifier_info=_pairs(given.get("notifierInfo", ())),
    )


def _pairs(given: Any) -> tuple[tuple[str, str], ...]:
    return tuple((pair["key"], pair["value"]) for pair in given)


def _dump_owner(owner: Caller) -> dict[str, Any]:
    return {
        "client": owner.client,
        "user": owner.user,
        "roles": sorted(owner.roles),
        "purpose": owner.purpose,
    }


def _load_owner(kept: dict[str, Any]) -> Caller:
    return Caller(kept["client"], kept["user"], frozenset(kept["roles"]), kept["purpose"])


def _version(text: str | None) -> Version:
    if text is None:
        return CURRENT
    major, _, minor = text.partition(".")
    return int(major), int(minor)


def _as_it_is(name: str) -> str:
    return name
