"""`/csourceRegistrations` and `/csourceRegistrations/{id}` (§6.8, §6.9)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson

from broker.api import paging, params
from broker.api.body import json_and_context, link_context
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import JSON, LD, Headers, Response, no_content
from broker.api.view import applied, context_link, version_asked
from broker.errors import BadRequestData
from broker.jsonld.context import Context
from broker.model.reduce import PROJECTED
from broker.query.geo import parse_geo
from broker.query.ids import parse_id_pattern, parse_ids
from broker.query.q import parse_q
from broker.query.scopes import parse_scope_query
from broker.query.temporal import parse_temporal
from broker.query.types import parse_types
from broker.registry.match import Wanted, attributes_of
from broker.registry.model import Registration
from broker.registry.show import shown
from broker.subscriptions.model import Selector

PATH = "/ngsi-ld/v1/csourceRegistrations/"
OPTIONS = frozenset({"sysAttrs"})
_GEO = ("georel", "geometry", "coordinates")
_TIME = ("timerel", "timeAt", "endTimeAt")
_NARROWING = ("type", "id", "attrs", "pick", "q", "georel")


async def create(broker: Broker, request: Request) -> Response:
    """Register a context source."""
    value, context = await json_and_context(broker, request)
    id = await broker.registrations.create(request.caller, request.tenant, value, context)
    where = PATH + quote(id, safe=":@!$&'()*+,;=~")
    return Response(201, b"", [(b"Location", where.encode())])


async def retrieve(broker: Broker, request: Request) -> Response:
    """Return one registration."""
    context = await link_context(broker, request)
    options = params.options(request.query, OPTIONS)
    found = await broker.registrations.retrieve(request.caller, request.tenant, request.path[0])
    told = _told(broker, request, found, context, options)
    return Response(200, orjson.dumps(told), headers(request, context))


async def query(broker: Broker, request: Request) -> Response:
    """Return a page of the registrations of sources that may have what is asked for."""
    context = await link_context(broker, request)
    options = params.options(request.query, OPTIONS)
    limit, offset, count = paging.window(request.query, broker.settings.max_limit, "registrations")
    wanted = _wanted(request.query, context)
    found = await broker.registrations.discover(request.caller, request.tenant, wanted)
    told = [_told(broker, request, one, context, options) for one in found[offset : offset + limit]]
    fields = headers(request, context)
    if count:
        fields.append((b"ngsild-results-count", str(len(found)).encode()))
    more = offset + limit < len(found)
    fields += paging.links(request, request.media, limit, offset, more)
    return Response(200, orjson.dumps(told), fields)


async def update(broker: Broker, request: Request) -> Response:
    """Change members of a registration."""
    value, context = await json_and_context(broker, request)
    await broker.registrations.update(
        request.caller, request.tenant, request.path[0], value, context
    )
    return no_content()


async def delete(broker: Broker, request: Request) -> Response:
    """Delete a registration."""
    await link_context(broker, request)
    await broker.registrations.delete(request.caller, request.tenant, request.path[0])
    return no_content()


def headers(request: Request, context: Context) -> Headers:
    """Return the headers of an answer that is JSON or JSON-LD."""
    found: Headers = [(b"content-type", request.media)]
    if request.media == JSON:
        found.append((b"link", context_link(context)))
    version = version_asked(request)
    if version is not None:
        found.append(applied(version))
    return found


def _told(
    broker: Broker,
    request: Request,
    registration: Registration,
    context: Context,
    options: frozenset[str],
) -> dict[str, Any]:
    secrets = broker.registrations.shows_secrets(request.caller, request.tenant)
    if secrets:
        registration = broker.registrations.opened(request.tenant, registration)
    told = shown(registration, context, sys_attrs="sysAttrs" in options, secrets=secrets)
    if request.media == LD:
        told["@context"] = context.source
    return told


def _wanted(query: dict[str, str], context: Context) -> Wanted:
    """Return what is asked of the registry; raises BadRequestData for too wide a query."""
    types = query.get("type", "*")
    ids = parse_ids(query["id"]).ids if "id" in query else ()
    pattern = parse_id_pattern(query["idPattern"]).pattern if "idPattern" in query else None
    node = None if types == "*" else parse_types(types, context.expand)
    selected = node is not None or ids or pattern is not None
    names = {*(params.names(query, "attrs") or ()), *_picked(query)}
    attributes = frozenset(map(context.expand, names))
    geo = None
    if any(name in query for name in _GEO):
        relation, geometry, coordinates = map(query.get, _GEO)
        geoproperty = query.get("geoproperty")
        geo = parse_geo(relation, geometry, coordinates, geoproperty, context.expand)
        attributes |= attributes_of(geo)
    if "q" in query:
        values = params.names(query, "expandValues") or ()
        attributes |= attributes_of(parse_q(query["q"], context.expand, expand_values=values))
    scope = query.get("scopeQ")
    csf = query.get("csf")
    wanted = Wanted(
        selectors=(Selector(node, ids, pattern),) if selected else (),
        attributes=attributes,
        geo=geo,
        scope=None if scope is None else parse_scope_query(scope),
        csf=None if csf is None else parse_q(csf, context.expand, place="query:csf"),
        temporal=parse_temporal(query) if any(name in query for name in _TIME) else None,
    )
    if not any(name in query for name in _NARROWING):
        raise BadRequestData(
            "The query says neither which entities nor which attributes are looked for.",
            place="query:",
            remedy="Add at least one of " + ", ".join(_NARROWING) + ".",
        )
    return wanted


def _picked(query: dict[str, str]) -> list[str]:
    members = [name.strip() for name in query.get("pick", "").split(",")]
    others = ",".join(name for name in members if name and name not in PROJECTED)
    return list(params.names({"pick": others}, "pick") or ()) if others else []
