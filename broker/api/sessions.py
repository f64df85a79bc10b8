"""`/ngsi-ld/ex/v1/sessions`: people sign in and out, and programs ask who is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from broker.accounts import Accounts
from broker.api.body import media, parse_json
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import JSON, Response, no_content
from broker.errors import BadRequestData, OperationNotSupported, Unauthorized

_LONGEST = 1024
"""Characters of a name or a password: hashing longer ones would be an attack."""


async def sign_in(broker: Broker, request: Request) -> Response:
    """Open a session for a name and a password."""
    accounts = accounts_of(broker)
    media(request)
    told = parse_json(request.body)
    if not isinstance(told, dict):
        raise _wrong("", "The body is not a JSON object.")
    name, password = (taken_text(told, member) for member in ("name", "password"))
    session = await accounts.sign_in(name, password, request.address)
    body = {
        "token": session.token,
        "user": session.user,
        "roles": sorted(session.roles),
        "expires": session.expires,
    }
    headers = [(b"content-type", JSON), (b"cache-control", b"no-store")]
    return Response(201, orjson.dumps(body), headers)


async def current(broker: Broker, request: Request) -> Response:
    """Tell whose session the request shows."""
    accounts_of(broker)
    require_session(request)
    body = {"user": request.caller.user, "roles": sorted(request.caller.roles)}
    headers = [(b"content-type", JSON), (b"cache-control", b"no-store")]
    return Response(200, orjson.dumps(body), headers)


async def sign_out(broker: Broker, request: Request) -> Response:
    """End the session that the request shows."""
    accounts = accounts_of(broker)
    require_session(request)
    shown = request.headers[b"authorization"].decode("latin-1")
    await accounts.sign_out(shown.partition(" ")[2].strip())
    return no_content()


def require_session(request: Request) -> None:
    """Want a person who is signed in. Raises Unauthorized."""
    if request.caller.user is None:
        raise Unauthorized(
            "The request shows no session.",
            place="header:Authorization",
            remedy="Send the session's token: Authorization: Bearer ms_…",
        )


def accounts_of(broker: Broker) -> Accounts:
    """Return where people sign in. Raises OperationNotSupported."""
    if broker.accounts is None:
        raise OperationNotSupported(
            "This broker knows no people.",
            place="path:",
            remedy="Start it with --auth embedded, and make accounts with machi accounts create.",
        )
    return broker.accounts


def taken_text(told: Mapping[str, Any], member: str) -> str:
    """Return a member that is a text of ordinary length. Raises BadRequestData."""
    value = told.get(member)
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
        raise _wrong(member, f"`{member}` is not a text of 1 to {_LONGEST} characters.")
    return value


def _wrong(member: str, detail: str) -> BadRequestData:
    return BadRequestData(
        detail, place=f"body:/{member}", remedy='Send {"name": "…", "password": "…"}.'
    )
