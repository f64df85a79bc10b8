"""Request bodies: media type, JSON, and the @context that applies to them (§6.3.5)."""

from __future__ import annotations

import re
from typing import Any

import orjson

from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import JSON, LD
from broker.errors import BadRequestData, InvalidRequest, UnsupportedMediaType
from broker.jsonld.context import Context

_LINK = re.compile(
    rb"<([^<>]*)>\s*;[^,<]*?rel\s*=\s*\"?http://www\.w3\.org/ns/json-ld#context\"?", re.IGNORECASE
)
_CONTEXT = b"json-ld#context"
_MAX_DEPTH = 100
_SHORT = 2 * _MAX_DEPTH
"""Bytes of a body that cannot be deeper: each level takes two brackets."""
_LONG = 16_384
"""Bytes of a body from which on brackets are not counted: to look how deep it is costs as much."""
_BRACKETS = b'"[]{}'
_OTHERS = bytes(set(range(256)) - set(_BRACKETS))
_PLAIN_DEPTH = 8
"""Levels of what is taken for flat without a look at its values."""
_ANNOUNCED = "Send Content-Type: application/json, or application/ld+json with @context."
_MERGE_PATCH = b"application/merge-patch+json"


async def link_context(broker: Broker, request: Request) -> Context:
    """Return the @context of the Link header, or the broker's default."""
    if b"link" not in request.headers:
        return broker.default_context
    url = _link(request)
    if url is None:
        return broker.default_context
    tenant = request.tenant
    return broker.contexts.ready(url, tenant) or await broker.contexts.resolve(
        url, place="header:Link", tenant=tenant
    )


def _link(request: Request) -> str | None:
    found = [match[1] for match in _LINK.finditer(request.headers[b"link"])]
    if len(found) > 1:
        raise BadRequestData(
            "There is more than one JSON-LD context Link.",
            place="header:Link",
            remedy="Send one, or put an array in the body's @context as application/ld+json.",
        )
    if not found and _CONTEXT in request.headers[b"link"].lower():
        raise BadRequestData(
            "The Link that should name the JSON-LD context cannot be read.",
            place="header:Link",
            remedy='Send Link: <https://…>; rel="http://www.w3.org/ns/json-ld#context"; '
            'type="application/ld+json".',
        )
    return found[0].decode("latin-1") if found else None


def media(request: Request) -> bytes:
    """Return the media type of the body; raises InvalidRequest, UnsupportedMediaType."""
    headers = request.headers
    kind = headers.get(b"content-type", b"")
    if kind == JSON and b"content-encoding" not in headers:
        return kind
    if not kind:
        raise InvalidRequest(
            "The request does not say what its body is.",
            place="header:Content-Type",
            remedy=_ANNOUNCED,
        )
    kind = kind.split(b";")[0].strip().lower()
    if kind not in (b"application/json", b"application/ld+json") and not (
        kind == _MERGE_PATCH and request.route.method == "PATCH"
    ):
        raise UnsupportedMediaType(
            "The body is not announced as JSON.",
            place="header:Content-Type",
            remedy=_ANNOUNCED,
            accept=[JSON.decode(), LD.decode()],
        )
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise UnsupportedMediaType(
            "Compressed bodies are not taken.",
            place="header:Content-Encoding",
            remedy="Send the body uncompressed.",
            accept_encoding=["identity"],
        )
    return kind


def parse_json(raw: bytes) -> Any:
    """Return the JSON value; raises InvalidRequest with line and column, or for deep nesting.

    Of repeated keys the last counts. Integers beyond 64 bits become floating point.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        if "depth" in error.msg or "ecursion" in error.msg:
            raise _too_deep() from None
        raise InvalidRequest(
            f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
            if raw
            else "The body is empty.",
            place="body:",
            remedy="Send one JSON document in UTF-8.",
        ) from None
    if len(raw) > _SHORT:
        many = len(raw) > _LONG or raw.count(b"[") + raw.count(b"{") > _MAX_DEPTH
        if many and not _is_flat(raw) and _is_deep(value):
            raise _too_deep()
    return value


def _is_flat(raw: bytes) -> bool:
    """Tell by its brackets alone whether JSON is surely not deep.

    Without escaped quotation marks, those that are left beside each other are around strings
    without brackets. What remains is nothing once its innermost pairs are taken away a few times.
    """
    if b'\\"' in raw:
        return False
    left = raw.translate(None, _OTHERS).replace(b'""', b"")
    for _ in range(_PLAIN_DEPTH):
        left = left.replace(b"[]", b"").replace(b"{}", b"")
    return not left


def _is_deep(value: Any) -> bool:
    level = [value] if value.__class__ is dict or value.__class__ is list else []
    for _ in range(_MAX_DEPTH):
        level = [
            item
            for container in level
            for item in (container.values() if container.__class__ is dict else container)
            if item.__class__ is dict or item.__class__ is list
        ]
        if not level:
            return False
    return True


def _too_deep() -> BadRequestData:
    return BadRequestData(
        f"The body is nested deeper than {_MAX_DEPTH} levels.",
        place="body:",
        remedy="Flatten the value, or carry it as a JSON string.",
    )


def plain_json(broker: Broker, request: Request) -> tuple[Any, Context] | None:
    """Return what `json_and_context` does of most requests, at once; None where it has to do it."""
    headers = request.headers
    if headers.get(b"content-type") != JSON or b"link" in headers or b"content-encoding" in headers:
        return None
    value = parse_json(request.body)
    if type(value) is dict and "@context" in value:
        raise context_in_plain_json("body:/@context")
    return value, broker.default_context


async def json_and_context(broker: Broker, request: Request) -> tuple[Any, Context]:
    """Return the body without its @context, and the context that applies."""
    kind = media(request)
    value = parse_json(request.body)
    if kind != b"application/ld+json":
        if isinstance(value, dict) and "@context" in value:
            raise context_in_plain_json("body:/@context")
        if b"link" in request.headers:
            return value, await link_context(broker, request)
        return value, broker.default_context
    refuse_link(request)
    if not isinstance(value, dict):
        raise BadRequestData(
            "The body is not a JSON object.",
            place="body:",
            remedy="Send one JSON object with @context.",
        )
    return value, await take_context(broker, value, "body:", request.tenant)


def refuse_link(request: Request) -> None:
    """Raise BadRequestData where a JSON-LD body comes with a context Link."""
    if b"link" in request.headers and _link(request) is not None:
        raise BadRequestData(
            "A JSON-LD body carries its own @context; a context Link beside it is not allowed.",
            place="header:Link",
            remedy="Drop the Link header, or send the body as application/json.",
        )


def context_in_plain_json(place: str) -> BadRequestData:
    """Return the error for @context in application/json."""
    return BadRequestData(
        "@context is not allowed in application/json.",
        place=place,
        remedy="Send Content-Type: application/ld+json, or name the context in a Link header.",
    )


async def take_context(broker: Broker, value: dict[str, Any], place: str, tenant: str) -> Context:
    """Remove @context from `value` and return it resolved; raises BadRequestData if missing."""
    if "@context" not in value:
        raise BadRequestData(
            "An application/ld+json body needs @context.",
            place=place,
            remedy="Add @context, or send Content-Type: application/json.",
        )
    source = value.pop("@context")
    if isinstance(source, str):
        ready = broker.contexts.ready(source, tenant)
        if ready is not None:
            return ready
    return await broker.contexts.resolve(source, tenant=tenant)
