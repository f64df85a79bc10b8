"""The `notification` member of a subscription: how and where (§5.2.14, §5.2.15)."""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

from broker.model.names import Names
from broker.model.place import At, bad, show
from broker.subscriptions import members as check
from broker.subscriptions.endpoint import NotAnEndpoint, parse_endpoint
from broker.subscriptions.projected import check_projection, parse_projection
from broker.subscriptions.spelling import check_spelling

Members: TypeAlias = dict[str, Any]

FORMATS: Final = ("normalized", "concise", "simplified", "keyValues")
SIMPLIFIED: Final = ("simplified", "keyValues")
ACCEPTED: Final = ("application/json", "application/ld+json", "application/geo+json")
MOST_MS: Final = 86_400_000.0
"""Milliseconds a timeout or cooldown can be."""

_MQTT: Final = {"MQTT-Version": ("mqtt3.1.1", "mqtt5.0"), "MQTT-QoS": ("0", "1", "2")}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def parse_notification(value: Any, at: At, context: Names) -> Members:
    """Return the members of `notification` with full names. Raises BadRequestData."""
    given = check.an_object(value, at, "notification")
    check_spelling(given, at, "notification")
    if "endpoint" not in given:
        raise bad((at, "endpoint"), "The endpoint is missing.", 'Add "endpoint": {"uri": …}.')
    found: Members = {}
    if "attributes" in given:
        names = check.attribute_names(given["attributes"], (at, "attributes"), context)
        found["attributes"] = names
    for name in ("pick", "omit"):
        if name in given:
            found[name] = parse_projection(given[name], (at, name), context)
    _check_projections(found, at)
    if "format" in given:
        found["format"] = check.one_of(given["format"], (at, "format"), FORMATS)
    for name in ("showChanges", "sysAttrs"):
        if name in given:
            found[name] = check.flag(given[name], (at, name))
    if found.get("showChanges") and found.get("format") in SIMPLIFIED:
        raise bad(
            (at, "showChanges"),
            "The simplified format has no place for previous values.",
            "Use the format normalized or concise, or leave showChanges out.",
        )
    _join(given, found, at)
    level = 0 if found.get("join", "@none") == "@none" else found.get("joinLevel", 1)
    check_projection(found.get("pick"), found.get("omit", []), at, level)
    found["endpoint"] = parse_receiver(given["endpoint"], (at, "endpoint"))
    return found


def parse_receiver(value: Any, at: At) -> Members:
    """Return the members of `endpoint`; whether it may be reached is the egress rule's to say."""
    if type(value) is str:
        raise bad(
            at,
            f"endpoint must be an object; this is {show(value)}.",
            'Send {"uri": "…"} with the address in it.',
        )
    given = check.an_object(value, at, "endpoint")
    check_spelling(given, at, "endpoint")
    if "uri" not in given:
        raise bad(
            (at, "uri"), "The endpoint has no uri.", 'Add "uri": "http://…", where to notify.'
        )
    uri = given["uri"]
    if type(uri) is not str:
        raise bad(
            (at, "uri"),
            f"The uri of an endpoint must be a text; it is {show(uri)}.",
            "Give an http, https, mqtt or mqtts URI.",
        )
    try:
        address = parse_endpoint(uri)
    except NotAnEndpoint as error:
        raise bad((at, "uri"), str(error), error.remedy) from None
    found: Members = {"uri": uri}
    if "accept" in given:
        found["accept"] = check.one_of(given["accept"], (at, "accept"), ACCEPTED)
    for name in ("timeout", "cooldown"):
        if name in given:
            found[name] = check.positive(given[name], (at, name), "milliseconds", MOST_MS)
    for name in ("receiverInfo", "notifierInfo"):
        if name in given:
            found[name] = check.pairs(given[name], (at, name))
    if address.scheme.startswith("mqtt"):
        _check_mqtt(found.get("notifierInfo", []), (at, "notifierInfo"))
    else:
        _check_headers(found.get("receiverInfo", []), (at, "receiverInfo"))
    return found


def _check_projections(found: Members, at: At) -> None:
    for name in ("pick", "omit"):
        if "attributes" in found and name in found:
            raise bad(
                (at, name),
                f"{name} and attributes say the same in two ways.",
                f"Keep {name}; attributes is deprecated.",
            )
    both = set(found.get("pick", ())) & set(found.get("omit", ()))
    if both:
        raise bad(
            (at, "omit"),
            f"{min(both)} is both picked and omitted.",
            "Name it in one of the two.",
        )


def _join(given: Members, found: Members, at: At) -> None:
    if "join" in given:
        found["join"] = check.one_of(given["join"], (at, "join"), ("flat", "inline", "@none"))
    if "joinLevel" in given:
        level = given["joinLevel"]
        if type(level) is not int or not 0 < level <= 100:
            raise bad(
                (at, "joinLevel"),
                f"joinLevel must be a whole number from 1 to 100; it is {show(level)}.",
                "Give how many relationships to follow.",
            )
        if found.get("join", "@none") == "@none":
            raise bad((at, "joinLevel"), "joinLevel needs join.", "Add join, or leave it out.")
        found["joinLevel"] = level


def _check_mqtt(pairs: list[dict[str, str]], at: At) -> None:
    for index, pair in enumerate(pairs):
        allowed = _MQTT.get(pair["key"])
        if allowed is not None:
            check.one_of(pair["value"], ((at, index), "value"), allowed)


def _check_headers(pairs: list[dict[str, str]], at: At) -> None:
    """Refuse what is no HTTP header, and would let a receiver read what was never sent."""
    for index, pair in enumerate(pairs):
        if not _HEADER_NAME.fullmatch(pair["key"]):
            raise bad(
                ((at, index), "key"),
                f"{show(pair['key'])} is no name of an HTTP header.",
                "Use letters, digits and -.",
            )
        if not _HEADER_VALUE.fullmatch(pair["value"]):
            raise bad(
                ((at, index), "value"),
                "This is no value of an HTTP header.",
                "Use visible characters on one line.",
            )
