"""`/jsonldContexts`: contexts a client lets the broker host, and those it keeps (§6.29, §6.30)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from broker.api import params
from broker.api.body import media, parse_json
from broker.api.broker import Broker
from broker.api.made import check_made
from broker.api.request import Request
from broker.api.response import LD, Response, json_response, no_content
from broker.contexts.directory import KINDS, Entry, shown_time
from broker.contexts.own import path_of
from broker.errors import BadRequestData, InvalidRequest
from broker.guard import Action
from broker.jsonld.context import Context


async def add(broker: Broker, request: Request) -> Response:
    """Host a context (§5.13.2)."""
    media(request)
    value = parse_json(request.body)
    if not isinstance(value, dict) or "@context" not in value:
        raise InvalidRequest(
            "The body has no @context.",
            place="body:",
            remedy='Send {"@context": …}, a JSON-LD context document.',
        )
    broker.guard.allow(request.caller, request.tenant, Action.CREATE, None)
    await check_made(broker, request)
    source = value["@context"]
    await broker.contexts.resolve(source, tenant=request.tenant)
    context_id = await broker.own_contexts.add(request.tenant, source)
    return Response(201, b"", [(b"location", path_of(context_id).encode())])


async def listing(broker: Broker, request: Request) -> Response:
    """List contexts: their URLs, or what is known of them (§5.13.3)."""
    details = params.boolean(request.query, "details")
    kind = request.query.get("kind")
    if kind is not None and kind not in KINDS:
        raise BadRequestData(
            f"`{kind}` is no kind of context.",
            place="query:kind",
            remedy="Use one of " + ", ".join(KINDS) + ".",
        )
    broker.guard.allow(request.caller, request.tenant, Action.READ, None)
    entries = await broker.directory.entries(request.tenant, kind)
    if not details:
        return json_response([_url(broker, request, entry) for entry in entries])
    return json_response([_shown(broker, request, entry) for entry in entries])


async def serve(broker: Broker, request: Request) -> Response:
    """Serve a context of the broker's own, or what is known of any (§5.13.4)."""
    details = params.boolean(request.query, "details")
    broker.guard.allow(request.caller, request.tenant, Action.READ, None)
    name = request.path[0]
    if details:
        entry = await broker.directory.entry(request.tenant, name)
        shown = _shown(broker, request, entry)
        broker.directory.hit(request.tenant, entry)
        return json_response(shown)
    response = json_response({"@context": await broker.directory.source(request.tenant, name)})
    if request.media == LD:
        response.headers = [(b"content-type", LD)]
    return response


async def delete(broker: Broker, request: Request) -> Response:
    """Delete a context or, with `reload`, fetch a cached one again (§5.13.5)."""
    reload = params.boolean(request.query, "reload")
    broker.guard.allow(request.caller, request.tenant, Action.ADMINISTER, None)
    if reload:
        await broker.directory.reload(request.tenant, request.path[0])
    else:
        await broker.directory.delete(request.tenant, request.path[0])
    return no_content()


async def linked(
    broker: Broker, request: Request, context: Context, *, create_tenant: bool = False
) -> Context:
    """Return the context with a URL for a Link header: made ImplicitlyCreated if it has none.

    It stays without where the tenant cannot have more contexts, and for callers without a key where
    a policy is in force: nothing is kept for who may only read.
    """
    if context.link or not (broker.guard.transparent or request.caller.client):
        return context
    try:
        implicit = await broker.own_contexts.add(
            request.tenant, context.source, "ImplicitlyCreated", create_tenant=create_tenant
        )
    except BadRequestData:
        return context
    url = _base(broker, request) + path_of(implicit)
    return await broker.contexts.resolve(url, tenant=request.tenant, used=False)


def _base(broker: Broker, request: Request) -> str:
    """Return scheme and authority under which the client reaches this broker."""
    if broker.settings.public_url:
        parts = urlsplit(broker.settings.public_url)
        return f"{parts.scheme}://{parts.netloc}"
    return "http://" + request.headers[b"host"].decode("latin-1").strip()


def _url(broker: Broker, request: Request, entry: Entry) -> str:
    return entry.url or _base(broker, request) + path_of(entry.id)


def _shown(broker: Broker, request: Request, entry: Entry) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "URL": _url(broker, request, entry),
        "localId": entry.id,
        "kind": entry.kind,
        "createdAt": entry.created_at,
    }
    if entry.expires_at is not None:
        shown["expiresAt"] = entry.expires_at
    if entry.use is not None and entry.use.hits:
        shown["lastUsage"] = shown_time(entry.use.last)
    if entry.kind != "Hosted" and not entry.built_in:
        shown["numberOfHits"] = 0 if entry.use is None else entry.use.hits
    if entry.built_in:
        shown["extraInfo"] = {"builtIn": True}
    return shown
