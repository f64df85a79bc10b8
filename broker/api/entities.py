"""`/entities` and `/entities/{id}`: one entity whole (§6.4, §6.5)."""

from __future__ import annotations

import re
from urllib.parse import quote

from broker.api import params, show
from broker.api.asked import Asked
from broker.api.body import json_and_context, link_context, plain_json
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import GEO, Response, no_content
from broker.api.selection import target
from broker.api.view import plain_view, view_of
from broker.entities.semantics import merge, replace
from broker.entities.service import Target
from broker.errors import ResourceNotFound
from broker.model.entity import Entity
from broker.model.names import check_entity_id
from broker.model.parse import parse_entity, parse_fragment
from broker.model.times import check_datetime

ENTITIES = "/ngsi-ld/v1/entities/"

_SAFE = ":@!$&'()*+,;=~"
_UNQUOTED = re.compile(f"[A-Za-z0-9_.{_SAFE}-]*")

_NAMING = ("attrs", "pick", "omit")
"""Parameters that say of what anything has to be there."""


async def retrieve(broker: Broker, request: Request) -> Response:
    """Return one entity."""
    context = await link_context(broker, request)
    if request.query or request.media == GEO or b"prefer" in request.headers:
        params.check_elsewhere(request.query)
        view = view_of(request, Asked(request.query), context)
    else:
        view = plain_view(context, request.media)
    entity_id = request.path[0]
    lens = broker.guard.lens(request.caller, request.tenant)
    if lens is not None and "type" not in request.query:
        key = view.through(lens) if lens else view.key
        rendering = broker.rendered.at_once(request.tenant, entity_id, key)
        if rendering is not None:
            return show.kept(request, view, rendering)
    check_entity_id(entity_id, "path:id")
    generation = broker.rendered.generation
    wanted = target(request, context) if request.query else Target(entity_id)
    record = await broker.entities.retrieve(request.caller, request.tenant, wanted)
    if not view.shows_of(record.entity):
        raise ResourceNotFound(
            f"{entity_id} has nothing of what is asked for.",
            place="query:" + next(name for name in _NAMING if name in request.query),
            remedy="Check the names and the @context they are expanded with.",
        )
    return await show.one(broker, request, view, record, lens, generation)


async def create(broker: Broker, request: Request) -> Response:
    """Create an entity."""
    value, context = plain_json(broker, request) or await json_and_context(broker, request)
    fragment = parse_entity(value, context)
    await broker.entities.create(request.caller, request.tenant, fragment)
    return Response(201, b"", [(b"location", location(fragment["id"]))])


def location(entity_id: str) -> bytes:
    """Return the relative URL of an entity, percent-encoded where it must be."""
    if _UNQUOTED.fullmatch(entity_id):
        return (ENTITIES + entity_id).encode()
    return (ENTITIES + quote(entity_id, safe=_SAFE)).encode()


async def replace_entity(broker: Broker, request: Request) -> Response:
    """Replace all attributes, types and scopes of an entity (§5.6.18)."""
    check_entity_id(request.path[0], "path:id")
    value, context = await json_and_context(broker, request)
    fragment = parse_entity(value, context, entity_id=request.path[0])

    def edit(entity: Entity, now: str) -> tuple[Entity, None]:
        return replace(entity, fragment, now), None

    await broker.entities.change(request.caller, request.tenant, target(request, context), edit)
    return no_content()


async def merge_entity(broker: Broker, request: Request) -> Response:
    """Merge a fragment into an entity (§5.6.17)."""
    check_entity_id(request.path[0], "path:id")
    value, context = await json_and_context(broker, request)
    simplified = params.simplified(request.query)
    observed_at = request.query.get("observedAt")
    if observed_at is not None:
        check_datetime(observed_at, "query:observedAt")
    lang = request.query.get("lang")
    names = context if simplified else None
    fragment = parse_fragment(value, context, nulls=True, merge=True, simplified=simplified)

    def edit(entity: Entity, now: str) -> tuple[Entity, None]:
        return merge(entity, fragment, now, observed_at=observed_at, lang=lang, names=names), None

    await broker.entities.change(request.caller, request.tenant, target(request, context), edit)
    return no_content()


async def delete(broker: Broker, request: Request) -> Response:
    """Delete an entity."""
    check_entity_id(request.path[0], "path:id")
    context = await link_context(broker, request)
    await broker.entities.delete(request.caller, request.tenant, target(request, context))
    return no_content()
