"""Registrations as clients send them → their members with full names, checked (§5.2.9).

Members that only the broker sets are not looked at. Members the specification does not know are
Context Source Properties: they are kept under their full names, in `properties`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from broker.model.geometry import parse_geometry
from broker.model.limits import check_value
from broker.model.names import (
    NGSI_LD,
    Names,
    check_attribute_name,
    check_dataset,
    check_uri,
    expand_name,
)
from broker.model.place import At, bad, show
from broker.model.scopes import parse_scope
from broker.model.times import check_datetime, sortable
from broker.query.ids import parse_id_pattern
from broker.registry.model import Mode
from broker.registry.operations import AUXILIARY, GROUPS, OPERATIONS
from broker.subscriptions import members as check
from broker.subscriptions.endpoint import NotAnEndpoint, parse_endpoint
from broker.subscriptions.parse import BODY, NULL, Members, placed

TYPE: Final = "ContextSourceRegistration"
MANDATORY: Final = frozenset(("id", "type", "information", "endpoint"))
_NEEDED: Final = {
    "information": '"information": [{"entities": [{"type": "River"}]}]',
    "endpoint": '"endpoint": "http://source.example"',
}
READ_ONLY: Final = frozenset(
    (
        *("status", "timesSent", "timesFailed", "lastSuccess", "lastFailure"),
        *("createdAt", "modifiedAt", "@context"),
    )
)

_DURATION = re.compile(
    r"P(?=.)(?:\d+W|(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=.)(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?)"
)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}")
_TENANT = re.compile(r"[\x21-\x7e]{1,256}")
_VERSION = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}")
_MEDIA = ("application/json", "application/ld+json")


def parse_registration(body: Any, context: Names, now: str) -> Members:
    """Return the members of a new registration. Raises BadRequestData.

    `now` decides whether `expiresAt` has passed. An `id` may be missing.
    """
    given = check.an_object(body, BODY, "A registration")
    if given.get("type") not in (TYPE, NGSI_LD + TYPE):
        raise bad(
            (BODY, "type"),
            f"The type must be {TYPE}; it is {show(given.get('type'))}.",
            f'Add "type": "{TYPE}".',
        )
    found: Members = {}
    if "id" in given:
        found["id"] = check_uri(
            given["id"], (BODY, "id"), "A registration id", f"urn:ngsi-ld:{TYPE}:1"
        )
    found["type"] = TYPE
    found |= _known(given, context, now)
    _check_together(found)
    return found


def parse_fragment(body: Any, stored: Members, context: Names, now: str) -> Members:
    """Return the members of a registration after a PATCH: each first-level member replaced.

    JSON null or the NGSI-LD Null remove a member. Raises BadRequestData.
    """
    given = check.an_object(body, BODY, "A fragment")
    if given.get("type", TYPE) not in (TYPE, NGSI_LD + TYPE):
        raise bad((BODY, "type"), "The type cannot change.", "Leave it out.")
    if given.get("id", stored["id"]) != stored["id"]:
        raise bad((BODY, "id"), "The id cannot change.", "Leave it out, or create another.")
    removed = {name for name, value in given.items() if value is None or value == NULL}
    for name in sorted(removed & MANDATORY):
        raise bad((BODY, name), f"{name} is mandatory and cannot be removed.", "Leave it as it is.")
    changed = _known({name: given[name] for name in given if name not in removed}, context, now)
    own = {**stored.get("properties", {}), **changed.pop("properties", {})}
    for name in removed - _PARSERS.keys() - READ_ONLY:
        own.pop(context.expand(check_attribute_name(name, (BODY, name))), None)
    found = {name: value for name, value in stored.items() if name not in removed}
    found = {name: value for name, value in found.items() if name != "properties"} | changed
    if own:
        found["properties"] = own
    _check_together(found)
    return found


def _known(given: Members, context: Names, now: str) -> Members:
    found: Members = {}
    own: Members = {}
    for name, value in given.items():
        if name in _PARSERS:
            found[name] = _PARSERS[name](value, (BODY, name), context)
        elif name not in READ_ONLY and name not in ("id", "type"):
            own[context.expand(check_attribute_name(name, (BODY, name)))] = _own(
                value, (BODY, name)
            )
    if "expiresAt" in found and sortable(found["expiresAt"]) <= now:
        raise bad(
            (BODY, "expiresAt"),
            f"expiresAt has passed: {found['expiresAt']}.",
            "Give a time that is still to come, or leave it out.",
        )
    if own:
        found["properties"] = own
    return found


def _check_together(members: Members) -> None:
    """Refuse members that lack each other, or that the mode forbids (§4.3.6, §5.9.2.4)."""
    for name, example in _NEEDED.items():
        if name not in members:
            raise bad((BODY, name), f"{name} is missing.", f"Add it, for example {example}.")
    mode = members.get("mode", Mode.INCLUSIVE)
    if mode == Mode.EXCLUSIVE:
        for index, information in enumerate(members["information"]):
            _check_exclusive(information, ((BODY, "information"), index))
    if mode == Mode.AUXILIARY and not AUXILIARY.issuperset(members.get("operations", AUXILIARY)):
        raise bad(
            (BODY, "operations"),
            "An auxiliary source can only be read.",
            "Use only these: " + ", ".join(sorted(AUXILIARY)) + ".",
        )


def _check_exclusive(information: Members, at: At) -> None:
    entities = information.get("entities", ())
    if not entities or any("id" not in entity for entity in entities):
        raise bad(
            (at, "entities"),
            "An exclusive registration must name its entities one by one.",
            "Give each an id, and no idPattern; or use the mode redirect.",
        )
    if "propertyNames" not in information and "relationshipNames" not in information:
        raise bad(
            at,
            "An exclusive registration must name its attributes.",
            "Add propertyNames or relationshipNames; or use the mode redirect.",
        )


def _information(value: Any, at: At, context: Names) -> list[Members]:
    found = []
    for index, each in enumerate(check.a_list(value, at, "elements of information")):
        place = (at, index)
        given = check.an_object(each, place, "An element of information")
        known: Members = {}
        if "entities" in given:
            infos = check.a_list(given["entities"], (place, "entities"), "descriptions of entities")
            known["entities"] = [
                _entity_info(one, ((place, "entities"), number), context)
                for number, one in enumerate(infos)
            ]
        for name in ("propertyNames", "relationshipNames"):
            if name in given:
                known[name] = check.attribute_names(given[name], (place, name), context)
        if not known:
            raise bad(
                place,
                "This element says neither which entities nor which attributes.",
                "Give at least one of entities, propertyNames and relationshipNames.",
            )
        found.append(known)
    return found


def _entity_info(value: Any, at: At, context: Names) -> Members:
    given = check.an_object(value, at, "A description of entities")
    known: Members = {}
    if "id" in given:
        known["id"] = check_uri(given["id"], (at, "id"), "An entity id", "urn:ngsi-ld:River:1")
    if "idPattern" in given:
        pattern = check.text(given["idPattern"], (at, "idPattern"))
        placed(lambda: parse_id_pattern(pattern), (at, "idPattern"))
        known["idPattern"] = pattern
    if "type" in given:
        known["type"] = _types(given["type"], (at, "type"), context)
    if not known:
        raise bad(at, "This says nothing of entities.", 'Give their type: {"type": "River"}.')
    return known


def _types(value: Any, at: At, context: Names) -> str | list[str]:
    if type(value) is not list:
        return expand_name(value, at, context)
    names = check.a_list(value, at, "types")
    return [expand_name(name, (at, index), context) for index, name in enumerate(names)]


def _endpoint(value: Any, at: At, context: Names) -> str:
    uri = check.text(value, at)
    try:
        address = parse_endpoint(uri)
    except NotAnEndpoint as error:
        raise bad(at, str(error), "Give the URL of the source's NGSI-LD interface.") from None
    if not address.scheme.startswith("http"):
        raise bad(at, "A context source is reached by HTTP.", "Give an http or https URL.")
    return uri


def _info(value: Any, at: At, context: Names) -> list[dict[str, str]]:
    pairs = check.pairs(value, at)
    for index, pair in enumerate(pairs):
        place = ((at, index), "value")
        key, text = pair["key"], pair["value"]
        if key in ("accept", "contentType"):
            check.one_of(text, place, _MEDIA)
        elif key == "jsonldContext":
            check_uri(text, place, "jsonldContext", "https://example.org/context.jsonld")
        elif key == "ngsildConformance" and not _VERSION.fullmatch(text):
            raise bad(place, "This is no version.", 'Give major and minor: "1.9".')
        elif "\r" in text or "\n" in text or "\0" in text:
            raise bad(place, "A header has no line breaks.", "Give it in one line.")
    return pairs


def _management(value: Any, at: At, context: Names) -> Members:
    given = check.an_object(value, at, "management")
    found: Members = {}
    if "cacheDuration" in given:
        found["cacheDuration"] = _duration(given["cacheDuration"], (at, "cacheDuration"), context)
    for name in ("cooldown", "timeout"):
        if name in given:
            found[name] = check.positive(given[name], (at, name), "milliseconds")
    if "localOnly" in given:
        found["localOnly"] = check.flag(given["localOnly"], (at, "localOnly"))
    return found


def _interval(value: Any, at: At, context: Names) -> Members:
    given = check.an_object(value, at, "A time interval")
    found: Members = {
        name: check_datetime(given[name], (at, name))
        for name in ("startAt", "endAt")
        if name in given
    }
    if "startAt" not in found:
        raise bad((at, "startAt"), "startAt is missing.", "Say when the interval begins.")
    if "endAt" in found and sortable(found["endAt"]) < sortable(found["startAt"]):
        raise bad((at, "endAt"), "The interval ends before it begins.", "Give a later endAt.")
    return found


def _geometry(value: Any, at: At, context: Names) -> Any:
    """Return a geometry as it came, bare or as the value of a GeoProperty."""
    wrapped = type(value) is dict and value.get("type") == "GeoProperty"
    parse_geometry(value.get("value") if wrapped else value, (at, "value") if wrapped else at)
    return value


def _operations(value: Any, at: At, context: Names) -> list[str]:
    known = OPERATIONS | GROUPS.keys()
    names = check.a_list(value, at, "operations")
    for index, name in enumerate(names):
        check.one_of(name, (at, index), sorted(known))
    return names


def _mode(value: Any, at: At, context: Names) -> str:
    return check.one_of(value, at, [mode.value for mode in Mode])


def _datasets(value: Any, at: At, context: Names) -> list[str]:
    datasets = [value] if type(value) is str else check.a_list(value, at, "datasetIds")
    for index, dataset in enumerate(datasets):
        check_dataset(dataset, (at, index))
    return datasets


def _scope(value: Any, at: At, context: Names) -> Any:
    parse_scope(value, at)
    return value


def _duration(value: Any, at: At, context: Names) -> str:
    if type(value) is not str or len(value) > 64 or not _DURATION.fullmatch(value):
        raise bad(at, f"{show(value)} is no duration.", "Write it as ISO 8601 does: PT5M.")
    return value


def _formed(pattern: re.Pattern[str], what: str) -> _Parser:
    def parse(value: Any, at: At, context: Names) -> str:
        if type(value) is not str or not pattern.fullmatch(value):
            raise bad(at, f"{show(value)} is no {what}.", f"Give the {what} of the source.")
        return value

    return parse


def _own(value: Any, at: At) -> Any:
    if value is None:
        raise bad(at, "A property has a value; this is null.", "Give a value, or leave it out.")
    if isinstance(value, dict | list):
        check_value(value, at, nested_nulls=False)
    return value


_Parser: TypeAlias = Callable[[Any, At, Names], Any]


def _plain(function: Callable[[Any, At], Any]) -> _Parser:
    return lambda value, at, context: function(value, at)


_PARSERS: Final[dict[str, _Parser]] = {
    "registrationName": _plain(check.text),
    "description": _plain(check.text),
    "information": _information,
    "endpoint": _endpoint,
    "contextSourceInfo": _info,
    "contextSourceAlias": _formed(_TOKEN, "alias"),
    "tenant": _formed(_TENANT, "tenant"),
    "mode": _mode,
    "operations": _operations,
    "management": _management,
    "observationInterval": _interval,
    "managementInterval": _interval,
    "datasetId": _datasets,
    "scope": _scope,
    "location": _geometry,
    "observationSpace": _geometry,
    "operationSpace": _geometry,
    "refreshRate": _duration,
    "expiresAt": _plain(check_datetime),
}
