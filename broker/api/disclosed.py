"""`/ngsi-ld/ex/v1/disclosures`: whom a person's data were shown to (an extension of ours)."""

from __future__ import annotations

from typing import Any, Final

import orjson

from broker.api.body import media, parse_json
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import JSON, Response, no_content
from broker.api.sessions import accounts_of, require_session
from broker.disclosures import Shown
from broker.errors import BadRequestData

_MOST = 200
"""Entries of an answer, the newest ones."""
_MOST_NOTED: Final = 1000
_LONGEST: Final = 200
_ACTIONS: Final = ("decrypt", "export")
_REMEDY: Final = (
    'Send [{"holder": "urn:ngsi-ld:Holder:…", "user": "…", "action": "decrypt", "target": "urn:…", '
    '"attributes": ["name"], "reason": "…"}].'
)


async def disclosures(broker: Broker, request: Request) -> Response:
    """Return what was shown of the person who is signed in, newest first.

    A program that names a `holder` is told what it noted of them itself.
    """
    holder = request.query.get("holder")
    if holder is None:
        accounts_of(broker)
        require_session(request)
    found = await broker.disclosures.of(request.caller, request.tenant, _MOST, holder)
    headers = [(b"content-type", JSON), (b"cache-control", b"no-store")]
    return Response(200, orjson.dumps(found), headers)


async def note(broker: Broker, request: Request) -> Response:
    """Note what a program is about to show of persons; it is on the disk when this answers."""
    media(request)
    told = parse_json(request.body)
    if not isinstance(told, list) or not 0 < len(told) <= _MOST_NOTED:
        raise _wrong("", f"The body is no array of 1 to {_MOST_NOTED} objects.")
    shown = [_shown(one, f"/{at}") for at, one in enumerate(told)]
    broker.disclosures.note(request.caller, request.tenant, shown)
    return no_content()


def _shown(told: Any, place: str) -> Shown:
    if not isinstance(told, dict):
        raise _wrong(place, "This is no JSON object.")
    attributes = told.get("attributes")
    if not isinstance(attributes, list) or not 0 < len(attributes) <= _LONGEST:
        raise _wrong(f"{place}/attributes", "`attributes` is no array of texts.")
    if told.get("action") not in _ACTIONS:
        raise _wrong(f"{place}/action", "`action` is neither decrypt nor export.")
    kinds = (_text({"": one}, "", f"{place}/attributes") for one in attributes)
    return Shown(
        _text(told, "holder", place),
        _text(told, "user", place),
        told["action"],
        _text(told, "target", place),
        tuple(sorted(kinds)),
        _text(told, "reason", place) if "reason" in told else "",
    )


def _text(told: dict[str, Any], member: str, place: str) -> str:
    value = told.get(member)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST or not value.isprintable():
        raise _wrong(f"{place}/{member}", f"This is no text of 1 to {_LONGEST} characters.")
    return value


def _wrong(place: str, detail: str) -> BadRequestData:
    return BadRequestData(detail, place=f"body:{place}", remedy=_REMEDY)
