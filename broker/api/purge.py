"""`DELETE /entities`: purge what a query selects (§5.6.21, §6.4.3.3)."""

from __future__ import annotations

from broker.api import params
from broker.api.body import link_context
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import Response, json_response, no_content
from broker.api.selection import narrow
from broker.entities.purge import Members, purge
from broker.errors import BadRequestData
from broker.jsonld.context import Context
from broker.model.names import check_attribute_name


async def purge_entities(broker: Broker, request: Request) -> Response:
    """Delete the entities selected, or only some of their attributes."""
    context = await link_context(broker, request)
    attrs = params.names(request.query, "attrs")
    wanted = None if attrs is None else frozenset(map(context.expand, attrs))
    where = narrow(request.query, context, wanted)
    members = _members(request.query, context)
    purged = await purge(broker.entities, request.caller, request.tenant, where, members)
    if not purged.failed:
        return no_content()
    errors = [
        {"entityId": entity_id, "error": error.problem()} for entity_id, error in purged.failed
    ]
    return json_response({"success": purged.done, "errors": errors}, 207)


def _members(query: dict[str, str], context: Context) -> Members | None:
    if "drop" in query and "keep" in query:
        raise BadRequestData(
            "`drop` and `keep` exclude each other.",
            place="query:keep",
            remedy="Name the attributes to delete in drop, or those to leave in keep.",
        )
    for parameter in ("drop", "keep"):
        if parameter in query:
            names = params.parts(query, parameter)
            expanded = [
                name
                if name == "scope"
                else context.expand(check_attribute_name(name, f"query:{parameter}"))
                for name in names
            ]
            return Members(frozenset(expanded), parameter == "keep")
    return None
