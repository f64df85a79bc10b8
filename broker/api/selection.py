"""Entity queries from URL parameters (§4.9, §4.10, §4.17, §5.7.2)."""

from __future__ import annotations

from broker.api import params
from broker.api.paging import window
from broker.api.request import Request
from broker.entities.precondition import parse_if_match
from broker.entities.service import Target
from broker.errors import BadRequestData
from broker.jsonld.context import Context
from broker.model.names import check_entity_id
from broker.query.ast import And, Compare, EntityQuery, Exists, Node, Not, Or, Path
from broker.query.geo import parse_geo
from broker.query.ids import parse_id_pattern, parse_ids
from broker.query.predicate import compile_predicate
from broker.query.q import parse_q
from broker.query.scopes import parse_scope_query
from broker.query.types import parse_types


def target(request: Request, context: Context) -> Target:
    """Return the entity named in the path, with If-Match and type selection."""
    entity_id = request.path[0]
    check_entity_id(entity_id, "path:id")
    tag = request.headers.get(b"if-match")
    versions = parse_if_match(tag.decode("latin-1"), "header:If-Match") if tag is not None else None
    types = request.query.get("type", "*")
    matches = None if types == "*" else compile_predicate(parse_types(types, context.expand))
    return Target(entity_id, tag is not None, versions, matches)


def where(query: dict[str, str], context: Context, attrs: frozenset[str] | None) -> list[Node]:
    """Return the conditions of a query's parameters, to be joined by AND."""
    nodes: list[Node] = []
    if "type" in query and query["type"] != "*":
        nodes.append(parse_types(query["type"], context.expand))
    if "id" in query:
        nodes.append(parse_ids(query["id"]))
    if "idPattern" in query:
        nodes.append(parse_id_pattern(query["idPattern"]))
    if attrs is not None:
        nodes.append(Or(tuple(Exists(Path((iri,))) for iri in sorted(attrs))))
    if "q" in query:
        nodes.append(parse_q(query["q"], context.expand))
    if "scopeQ" in query:
        nodes.append(parse_scope_query(query["scopeQ"]))
    if any(name in query for name in ("georel", "geometry", "coordinates")):
        nodes.append(
            parse_geo(
                query.get("georel"),
                query.get("geometry"),
                query.get("coordinates"),
                query.get("geoproperty"),
                context.expand,
            )
        )
    return nodes


def _names_attribute(node: Node) -> bool:
    match node:
        case And(nodes) | Or(nodes):
            return any(map(_names_attribute, nodes))
        case Not(inner):
            return _names_attribute(inner)
        case Compare(path) | Exists(path):
            return bool(path.names)
    return False


def narrow(query: dict[str, str], context: Context, attrs: frozenset[str] | None) -> Node:
    """Return the condition of a query's parameters.

    Raises BadRequestData for one that would select everything.
    """
    local = params.boolean(query, "local")
    if query.get("type") == "*" and "local" in query and not local:
        raise BadRequestData(
            "type=* selects local entities, which local=false forbids.",
            place="query:local",
            remedy="Leave local out, or name a type.",
        )
    nodes = where(query, context, attrs)
    bounded = local or any(name in query for name in ("type", "attrs", "georel"))
    if not bounded and not any(map(_names_attribute, nodes)):
        raise BadRequestData(
            "The query selects by none of type, attrs, georel, and an attribute in q.",
            place="query:",
            remedy="Add type=…, or local=true to select everything this broker has.",
        )
    return nodes[0] if len(nodes) == 1 else And(tuple(nodes))


def entity_query(
    query: dict[str, str], context: Context, attrs: frozenset[str] | None, max_limit: int
) -> EntityQuery:
    """Return the query; raises BadRequestData for one that would select everything."""
    node = narrow(query, context, attrs)
    limit, offset, count = window(query, max_limit, "entities")
    return EntityQuery(node, limit, offset, count)
