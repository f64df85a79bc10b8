"""`/entities/{id}/attrs` and `/attrs/{attr}`: append, update, partial update, replace, delete."""

from __future__ import annotations

from broker.api import params
from broker.api.body import json_and_context, link_context, plain_json
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import Response, json_response, no_content
from broker.api.selection import target
from broker.entities.semantics import (
    UpdateResult,
    append,
    delete_attribute,
    delete_scope,
    partial_update,
    replace_attribute,
    update_attributes,
)
from broker.errors import ResourceNotFound
from broker.model.entity import DEFAULT, Entity
from broker.model.names import check_attribute_name, check_dataset, check_entity_id
from broker.model.parse import parse_attribute, parse_fragment


def _updated(result: UpdateResult) -> Response:
    if not result.not_updated:
        return Response(204)
    refused = [{"attributeName": name, "reason": why} for name, why in result.not_updated]
    return json_response({"updated": list(result.updated), "notUpdated": refused}, 207)


async def append_attributes(broker: Broker, request: Request) -> Response:
    """Append attributes; existing instances are replaced unless `noOverwrite` (§5.6.3)."""
    check_entity_id(request.path[0], "path:id")
    keep = "noOverwrite" in params.options(request.query, frozenset({"noOverwrite"}))
    value, context = await json_and_context(broker, request)
    fragment = parse_fragment(value, context, nulls=False)

    def edit(entity: Entity, now: str) -> tuple[Entity, UpdateResult]:
        return append(entity, fragment, now, no_overwrite=keep)

    entities, subject = broker.entities, target(request, context)
    if keep:
        _, result = await entities.change(request.caller, request.tenant, subject, edit)
    else:
        _, result = await entities.write(request.caller, request.tenant, subject, fragment, edit)
    return _updated(result)


async def update(broker: Broker, request: Request) -> Response:
    """Update attributes: replace, append, or delete by NGSI-LD Null (§5.6.2)."""
    check_entity_id(request.path[0], "path:id")
    value, context = plain_json(broker, request) or await json_and_context(broker, request)
    fragment = parse_fragment(value, context, nulls=True)

    def edit(entity: Entity, now: str) -> tuple[Entity, UpdateResult]:
        return update_attributes(entity, fragment, now)

    _, result = await broker.entities.write(
        request.caller, request.tenant, target(request, context), fragment, edit
    )
    return _updated(result)


def _attribute_name(request: Request) -> str:
    """Return the attribute named in the path, before anything is read of the body."""
    check_entity_id(request.path[0], "path:id")
    return check_attribute_name(request.path[1], "path:attrId")


async def partial(broker: Broker, request: Request) -> Response:
    """Merge members into one attribute instance (§5.6.4)."""
    name = _attribute_name(request)
    value, context = await json_and_context(broker, request)
    iri = context.expand(name)
    instances = parse_attribute(iri, value, context, nulls=True, partial=True)

    def edit(entity: Entity, now: str) -> tuple[Entity, None]:
        return partial_update(entity, iri, instances, now), None

    await broker.entities.change(request.caller, request.tenant, target(request, context), edit)
    return no_content()


async def replace(broker: Broker, request: Request) -> Response:
    """Replace one attribute, instance by instance (§5.6.19)."""
    name = _attribute_name(request)
    value, context = await json_and_context(broker, request)
    iri = context.expand(name)
    instances = parse_attribute(iri, value, context, nulls=False, partial=False)

    def edit(entity: Entity, now: str) -> tuple[Entity, None]:
        return replace_attribute(entity, iri, instances, now), None

    await broker.entities.change(request.caller, request.tenant, target(request, context), edit)
    return no_content()


async def delete(broker: Broker, request: Request) -> Response:
    """Delete one attribute instance, all of them, or the scope (§5.6.5).

    Of an entity that has nothing but history, it is kept there that it was deleted.
    """
    check_entity_id(request.path[0], "path:id")
    scope = request.path[1] == "scope"
    name = "scope" if scope else check_attribute_name(request.path[1], "path:attrId")
    context = await link_context(broker, request)
    iri = context.expand(name)
    delete_all = params.boolean(request.query, "deleteAll")
    dataset = check_dataset(request.query.get("datasetId", DEFAULT), "query:datasetId")

    def edit(entity: Entity, now: str) -> tuple[Entity, None]:
        if scope:
            return delete_scope(entity, now), None
        return (
            delete_attribute(entity, iri, dataset=dataset, delete_all=delete_all, now=now),
            None,
        )

    caller, tenant, wanted = request.caller, request.tenant, target(request, context)
    try:
        await broker.entities.change(caller, tenant, wanted, edit)
    except ResourceNotFound:
        every = None if delete_all else dataset
        if not await broker.amendments.end_attribute(caller, tenant, wanted, iri, every):
            raise
    return no_content()
