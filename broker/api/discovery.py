"""`/types` and `/attributes`: what there is to ask for (§5.7.5 to §5.7.10, §6.25 to §6.28).

Types with the rule `unlisted` are left out: they are programs' own.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import orjson

from broker.api import params
from broker.api.body import link_context
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import Response
from broker.api.view import plain_view
from broker.entities.census import census
from broker.errors import ResourceNotFound
from broker.jsonld.context import Context
from broker.model.census import Census
from broker.model.names import check_name


async def list_types(broker: Broker, request: Request) -> Response:
    """Return the types of all entities, with their attributes if details are asked for."""
    context, found = await _found(broker, request)
    types = found.types()
    if not params.boolean(request.query, "details"):
        names = sorted(map(context.compact, types))
        return _one(request, context, _listed("EntityTypeList", "typeList", names), len(types))
    return _many(
        request,
        context,
        [
            {
                "id": iri,
                "type": "EntityType",
                "typeName": context.compact(iri),
                "attributeNames": sorted(map(context.compact, found.kinds_of_type(iri))),
            }
            for iri in types
        ],
    )


async def retrieve_type(broker: Broker, request: Request) -> Response:
    """Return what is known of one type."""
    context, found = await _found(broker, request)
    iri = context.expand(check_name(request.path[0], "path:type"))
    count = found.entity_count(iri)
    if not count:
        raise _unknown("type", iri)
    return _one(
        request,
        context,
        {
            "id": iri,
            "type": "EntityTypeInfo",
            "typeName": context.compact(iri),
            "entityCount": count,
            "attributeDetails": [
                {
                    "id": attribute,
                    "type": "Attribute",
                    "attributeName": context.compact(attribute),
                    "attributeTypes": kinds,
                }
                for attribute, kinds in found.kinds_of_type(iri).items()
            ],
        },
    )


async def list_attributes(broker: Broker, request: Request) -> Response:
    """Return the attributes of all entities, with the types if details are asked for."""
    context, found = await _found(broker, request)
    attributes = found.attributes()
    if not params.boolean(request.query, "details"):
        names = sorted(map(context.compact, attributes))
        listed = _listed("AttributeList", "attributeList", names)
        return _one(request, context, listed, len(attributes))
    return _many(
        request,
        context,
        [
            {
                "id": iri,
                "type": "Attribute",
                "attributeName": context.compact(iri),
                "typeNames": sorted(map(context.compact, found.types_with(iri))),
            }
            for iri in attributes
        ],
    )


async def retrieve_attribute(broker: Broker, request: Request) -> Response:
    """Return what is known of one attribute."""
    context, found = await _found(broker, request)
    iri = context.expand(check_name(request.path[0], "path:attrId"))
    count = found.instance_count(iri)
    if not count:
        raise _unknown("attribute", iri)
    return _one(
        request,
        context,
        {
            "id": iri,
            "type": "Attribute",
            "attributeName": context.compact(iri),
            "attributeCount": count,
            "attributeTypes": found.kinds(iri),
            "typeNames": sorted(map(context.compact, found.types_with(iri))),
        },
    )


async def _found(broker: Broker, request: Request) -> tuple[Context, Census]:
    context = await link_context(broker, request)
    for name in ("details", "local", "count"):
        params.boolean(request.query, name)
    found = await census(broker.entities, request.caller, request.tenant)
    rules = await broker.store.rules(request.tenant)
    hidden = {iri for iri, rule in rules.items() if rule.unlisted}
    return context, found.without(hidden) if hidden else found


def _listed(kind: str, member: str, names: list[str]) -> dict[str, Any]:
    """Return a list of names; its id stays the same as long as the names do."""
    digest = blake2b(orjson.dumps(names), digest_size=8).hexdigest()
    return {"id": f"urn:ngsi-ld:{kind}:{digest}", "type": kind, member: names}


def _one(
    request: Request, context: Context, value: dict[str, Any], total: int | None = None
) -> Response:
    view = plain_view(context, request.media)
    return _counted(request, Response(200, view.text(value), view.headers()), total)


def _many(request: Request, context: Context, values: list[dict[str, Any]]) -> Response:
    view = plain_view(context, request.media)
    body = b"[" + b",".join(map(view.text, values)) + b"]"
    return _counted(request, Response(200, body, view.headers()), len(values))


def _counted(request: Request, response: Response, total: int | None) -> Response:
    if total is not None and params.boolean(request.query, "count"):
        response.headers.append((b"ngsild-results-count", str(total).encode()))
    return response


def _unknown(what: str, iri: str) -> ResourceNotFound:
    return ResourceNotFound(
        f"No entity has the {what} {iri}.",
        place="path:" + ("type" if what == "type" else "attrId"),
        remedy="Check the name and the @context it is expanded with; GET the list of all.",
    )
