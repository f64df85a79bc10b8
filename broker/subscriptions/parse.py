"""Subscriptions as clients send them → their members with full names, checked (§5.2.12, §5.8.1).

Members nobody knows are dropped, unless they are a slip of the pen; those that only the broker sets
are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

from broker.errors import BadRequestData
from broker.model.names import Names, check_dataset, check_uri
from broker.model.place import At, bad, show
from broker.model.times import check_datetime, sortable
from broker.query.geo import parse_geo
from broker.query.ids import parse_id_pattern
from broker.query.linked import DEPTH
from broker.query.q import parse_q
from broker.query.scopes import parse_scope_query
from broker.query.temporal import parse_temporal
from broker.query.types import parse_types
from broker.subscriptions import members as check
from broker.subscriptions.model import Trigger
from broker.subscriptions.notification import parse_notification
from broker.subscriptions.spelling import check_spelling

Members: TypeAlias = dict[str, Any]

BODY: Final = "body:"
TYPE: Final = "Subscription"
NULL: Final = "urn:ngsi-ld:null"
_NOTIFICATION = 'Say where to notify: "notification": {"endpoint": {"uri": "http://…"}}.'
_TYPE_IRI = "https://uri.etsi.org/ngsi-ld/Subscription"
_VERSION = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}")


def parse_subscription(body: Any, context: Names, now: str) -> Members:
    """Return the members of a new subscription. Raises BadRequestData.

    `now` decides whether `expiresAt` has passed. An `id` may be missing.
    """
    check.an_object(body, BODY, "A subscription")
    if body.get("type") not in (TYPE, _TYPE_IRI):
        raise bad(
            (BODY, "type"),
            f"The type must be Subscription; it is {show(body.get('type'))}.",
            'Add "type": "Subscription".',
        )
    check_spelling(body, BODY, "the subscription itself")
    if "id" in body:
        check_uri(body["id"], (BODY, "id"), "A subscription id", "urn:ngsi-ld:Subscription:1")
    found: Members = {"id": body["id"]} if "id" in body else {}
    found["type"] = TYPE
    found |= _known(body, context, now)
    check_together(found)
    return found


def parse_fragment(body: Any, stored: Members, context: Names, now: str) -> Members:
    """Return the members of a subscription after a PATCH: each first-level member replaced.

    JSON null or the NGSI-LD Null remove a member. Raises BadRequestData.
    """
    if type(body) is not dict or not body:
        raise bad(BODY, "A fragment must be an object with members.", "Send what shall change.")
    if body.get("type", TYPE) not in (TYPE, _TYPE_IRI):
        raise bad((BODY, "type"), "The type cannot change.", "Leave it out.")
    if body.get("id", stored["id"]) != stored["id"]:
        raise bad((BODY, "id"), "The id cannot change.", "Leave it out, or create another.")
    check_spelling(body, BODY, "the subscription itself")
    removed = {name for name, value in body.items() if value is None or value == NULL}
    for name in removed & {"id", "type", "notification"}:
        raise bad((BODY, name), f"{name} is mandatory and cannot be removed.", "Leave it as it is.")
    changed = _known({name: body[name] for name in body if name not in removed}, context, now)
    found = {name: value for name, value in stored.items() if name not in removed}
    found |= changed
    check_together(found)
    return found


def check_together(members: Members) -> None:
    """Refuse members that do not go together, or lack each other."""
    periodic = "timeInterval" in members
    for other in ("watchedAttributes", "throttling"):
        if periodic and other in members:
            raise bad(
                (BODY, other),
                f"{other} has no meaning beside timeInterval.",
                "Keep one of them: a subscription is told on changes or at intervals.",
            )
    if "notification" not in members:
        raise bad((BODY, "notification"), "notification is missing.", _NOTIFICATION)
    if members.get("localOnly") is True:
        return
    if periodic and "entities" not in members:
        raise bad(
            (BODY, "entities"), "timeInterval needs entities.", "Say which entities to tell of."
        )
    if "entities" not in members and "watchedAttributes" not in members:
        raise bad(
            (BODY, "entities"),
            "Neither entities nor watchedAttributes say what the subscription is about.",
            'Give at least one of them, for example "entities": [{"type": "River"}].',
        )


def _known(body: Members, context: Names, now: str) -> Members:
    found: Members = {}
    for name, parse in _PARSERS.items():
        if name in body:
            found[name] = parse(body[name], (BODY, name), context)
    if "expiresAt" in found and sortable(found["expiresAt"]) <= now:
        raise bad(
            (BODY, "expiresAt"),
            f"expiresAt has passed: {found['expiresAt']}.",
            "Give a time that is still to come, or leave it out.",
        )
    return found


def _entities(value: Any, at: At, context: Names) -> list[Members]:
    selectors = check.a_list(value, at, "entity selectors")
    return [_selector(each, (at, index), context) for index, each in enumerate(selectors)]


def _selector(value: Any, at: At, context: Names) -> Members:
    given = check.an_object(value, at, "An entity selector")
    check_spelling(given, at, "entities")
    if "type" not in given:
        raise bad((at, "type"), "The type is missing.", 'Add the type, or "*" for any.')
    found: Members = {}
    if "id" in given:
        ids = given["id"] if type(given["id"]) is list else [given["id"]]
        for one in check.a_list(ids, (at, "id"), "entity ids"):
            check_uri(one, (at, "id"), "An entity id", "urn:ngsi-ld:River:1")
        found["id"] = given["id"]
    if "idPattern" in given:
        pattern = check.text(given["idPattern"], (at, "idPattern"))
        placed(lambda: parse_id_pattern(pattern), (at, "idPattern"))
        found["idPattern"] = pattern
    types = check.type_selection(given["type"], (at, "type"), context)
    found["type"] = types
    if types != "*":
        for text, expand in ((given["type"], context.expand), (types, _as_it_is)):
            placed(partial(parse_types, text, expand), (at, "type"))
    return found


def _watched(value: Any, at: At, context: Names) -> list[str]:
    return check.attribute_names(value, at, context)


def _triggers(value: Any, at: At, context: Names) -> list[str]:
    names = check.a_list(value, at, "triggers")
    known = [trigger.value for trigger in Trigger]
    return [check.one_of(name, (at, index), known) for index, name in enumerate(names)]


def _q(value: Any, at: At, context: Names) -> str:
    query = check.decoded(check.text(value, at))
    placed(lambda: parse_q(query, context.expand, linked=DEPTH), at)
    return query


def _csf(value: Any, at: At, context: Names) -> str:
    query = check.decoded(check.text(value, at))
    placed(lambda: parse_q(query, context.expand), at)
    return query


def _scope_q(value: Any, at: At, context: Names) -> str:
    query = check.decoded(check.text(value, at))
    placed(lambda: parse_scope_query(query), at)
    return query


def _geo_q(value: Any, at: At, context: Names) -> Members:
    given = check.an_object(value, at, "geoQ")
    check_spelling(given, at, "geoQ")
    members = ("georel", "geometry", "coordinates")
    found: Members = {name: given[name] for name in members if name in given}
    for name in ("georel", "geometry"):
        if name in found:
            check.text(found[name], (at, name))
    if "geoproperty" in given:
        name = check.text(given["geoproperty"], (at, "geoproperty"))
        found["geoproperty"] = placed(lambda: context.expand(name), (at, "geoproperty"))
    parse_geo(
        found.get("georel"),
        found.get("geometry"),
        found.get("coordinates"),
        found.get("geoproperty"),
        context.expand if "geoproperty" not in found else _as_it_is,
        place="body:/geoQ/",
    )
    return found


def _temporal_q(value: Any, at: At, context: Names) -> Members:
    given = check.an_object(value, at, "temporalQ")
    check_spelling(given, at, "temporalQ")
    parse_temporal(given, place="body:/temporalQ/")
    members = ("timerel", "timeAt", "endTimeAt", "timeproperty")
    return {name: given[name] for name in members if name in given}


def _datasets(value: Any, at: At, context: Names) -> list[str]:
    datasets = [value] if type(value) is str else check.a_list(value, at, "datasetIds")
    for index, dataset in enumerate(datasets):
        check_dataset(dataset, (at, index))
    return datasets


def _names(value: Any, at: At, context: Names) -> Any:
    names = value.split(",") if type(value) is str else check.a_list(value, at, "attribute names")
    check.attribute_names(names, at, context)
    return value


def _context(value: Any, at: At, context: Names) -> str:
    return check_uri(value, at, "jsonldContext", "https://example.org/context.jsonld")


def _version(value: Any, at: At, context: Names) -> str:
    if type(value) is not str or not _VERSION.fullmatch(value):
        raise bad(at, "This is no version.", 'Give major and minor: "1.9".')
    return value


def _seconds(value: Any, at: At, context: Names) -> float:
    return check.positive(value, at, "seconds")


def _as_it_is(name: str) -> str:
    return name


def placed(parse: Callable[[], Any], at: At) -> Any:
    """Let errors of the query languages, which name parameters, name the member instead."""
    try:
        return parse()
    except BadRequestData as error:
        raise bad(at, error.detail, error.remedy) from None


_Parser: TypeAlias = Callable[[Any, At, Names], Any]


def _plain(function: Callable[[Any, At], Any]) -> _Parser:
    return lambda value, at, context: function(value, at)


_PARSERS: Final[dict[str, _Parser]] = {
    "subscriptionName": _plain(check.text),
    "description": _plain(check.text),
    "entities": _entities,
    "watchedAttributes": _watched,
    "notificationTrigger": _triggers,
    "timeInterval": _seconds,
    "q": _q,
    "geoQ": _geo_q,
    "temporalQ": _temporal_q,
    "csf": _csf,
    "scopeQ": _scope_q,
    "lang": _plain(check.text),
    "datasetId": _datasets,
    "expandValues": _names,
    "jsonKeys": _names,
    "isActive": _plain(check.flag),
    "expiresAt": _plain(check_datetime),
    "throttling": _seconds,
    "jsonldContext": _context,
    "localOnly": _plain(check.flag),
    "splitEntities": _plain(check.flag),
    "ngsildConformance": _version,
    "notification": parse_notification,
}
"""The members a client can set, in the order they are shown."""
