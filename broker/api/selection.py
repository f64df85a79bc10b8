"""Entity queries from URL parameters (§4.9, §4.10, §4.17, §5.7.2)."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

from broker.api import params
from broker.api.asked import Asked, place_of
from broker.api.paging import page_after, window
from broker.api.request import Request
from broker.api.view import View, view_of, viewed
from broker.entities.precondition import parse_if_match
from broker.entities.service import Target
from broker.errors import BadRequestData
from broker.jsonld.context import Context
from broker.query.ast import And, Compare, EntityQuery, Exists, Linked, Node, Not, Or, Order, Path
from broker.query.geo import parse_geo
from broker.query.ids import parse_id_pattern, parse_ids
from broker.query.order import no_distance, parse_order
from broker.query.predicate import compile_predicate
from broker.query.q import parse_q
from broker.query.scopes import parse_scope_query
from broker.query.types import parse_types

_BY_ID = (Order(Path((), "id")),)


def target(request: Request, context: Context) -> Target:
    """Return the entity named in the path (a checked id), with If-Match and type selection."""
    entity_id = request.path[0]
    tag = request.headers.get(b"if-match")
    if tag is None and not request.query:
        return Target(entity_id)
    versions = parse_if_match(tag.decode("latin-1"), "header:If-Match") if tag is not None else None
    types = request.query.get("type", "*")
    matches = None if types == "*" else compile_predicate(parse_types(types, context.expand))
    return Target(entity_id, tag is not None, versions, matches)


def where(
    query: dict[str, str],
    context: Context,
    attrs: frozenset[str] | None,
    linked: int | None = None,
) -> list[Node]:
    """Return the conditions of a query's parameters, to be joined by AND.

    `linked` is how many relationships in a row `q` may follow, as in `parse_q`.
    """
    nodes: list[Node] = []
    if "type" in query and query["type"] != "*":
        nodes.append(parse_types(query["type"], context.expand))
    if "id" in query:
        nodes.append(parse_ids(query["id"]))
    if "idPattern" in query:
        nodes.append(parse_id_pattern(query["idPattern"]))
    if isinstance(query, Asked) and query.selectors is not None:
        nodes.append(_selected(query.selectors, context))
    if attrs is not None:
        nodes.append(Or(tuple(Exists(Path((iri,))) for iri in sorted(attrs))))
    if "csf" in query:
        parse_q(query["csf"], context.expand, place=place_of(query, "csf"))
    if "scopeQ" in query:
        nodes.append(parse_scope_query(query["scopeQ"], place=place_of(query, "scopeQ")))
    if "georel" in query or "geometry" in query or "coordinates" in query:
        nodes.append(
            parse_geo(
                query.get("georel"),
                query.get("geometry"),
                query.get("coordinates"),
                query.get("geoproperty"),
                context.expand,
                place=place_of(query, "georel").removesuffix("georel"),
            )
        )
    if "q" in query:
        nodes.append(q(query, context, linked))
    return nodes


def q(query: dict[str, str], context: Context, linked: int | None) -> Node:
    """Return the condition `q`, which may follow so many links in a row."""
    values = params.names(query, "expandValues") or ()
    params.names(query, "jsonKeys")
    place = place_of(query, "q")
    return parse_q(query["q"], context.expand, expand_values=values, linked=linked, place=place)


def _selected(selectors: list[dict[str, Any]], context: Context) -> Node:
    """Return the condition of entity selectors, of which one must hold (§5.2.33)."""
    nodes = [
        _selector(selector, context, f"body:/entities/{position}")
        for position, selector in enumerate(selectors)
    ]
    return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))


def _selector(selector: dict[str, Any], context: Context, place: str) -> Node:
    """Return the condition of one selector; an id beats a pattern."""
    nodes: list[Node] = []
    if selector["type"] != "*":
        nodes.append(parse_types(selector["type"], context.expand, place=f"{place}/type"))
    if "id" in selector:
        ids = selector["id"]
        joined = ids if isinstance(ids, str) else ",".join(ids)
        nodes.append(parse_ids(joined, place=f"{place}/id"))
    elif "idPattern" in selector:
        nodes.append(parse_id_pattern(selector["idPattern"], place=f"{place}/idPattern"))
    return nodes[0] if len(nodes) == 1 else And(tuple(nodes))


def _has(member: str) -> Node:
    return Exists(Path((), member) if member == "scope" else Path((member,)))


def _names_attribute(node: Node) -> bool:
    match node:
        case And(nodes) | Or(nodes):
            return any(map(_names_attribute, nodes))
        case Not(inner):
            return _names_attribute(inner)
        case Compare(path) | Exists(path):
            return bool(path.names)
        case Linked():
            return True
    return False


def narrow(
    query: dict[str, str],
    context: Context,
    attrs: frozenset[str] | None,
    linked: int | None = None,
) -> Node:
    """Return the condition of a query's parameters, of which `q` may follow `linked` links.

    Raises BadRequestData for one that would select everything.
    """
    local = params.boolean(query, "local")
    if query.get("type") == "*" and "local" in query and not local:
        raise BadRequestData(
            "type=* selects local entities, which local=false forbids.",
            place="query:local",
            remedy="Leave local out, or name a type.",
        )
    nodes = where(query, context, attrs, linked)
    bounded = local or any(name in query for name in ("type", "attrs", "georel"))
    bounded = bounded or (isinstance(query, Asked) and query.selectors is not None)
    if not bounded and not any(map(_names_attribute, nodes)):
        raise BadRequestData(
            "The query selects by none of type, attrs, georel, and an attribute in q.",
            place="query:",
            remedy="Add type=…, or local=true to select everything this broker has.",
        )
    return nodes[0] if len(nodes) == 1 else And(tuple(nodes))


def page_query(
    request: Request, asked: Asked, context: Context, max_limit: int
) -> tuple[View, EntityQuery]:
    """Return how entities are shown, and the query for one more than the page has.

    Queries are alike but for `q`, ids and places: what the other parameters say is remembered
    where there is no more. Raises as `view_of` and `entity_query` do.
    """
    varied = "type" not in asked or "id" in asked or "coordinates" in asked
    if varied or asked.selectors is not None or b"prefer" in request.headers:
        view = view_of(request, asked, context)
        found = entity_query(asked, context, view, max_limit)
        return view, replace(found, limit=found.limit + 1)
    pairs = tuple([pair for pair in asked.items() if pair[0] != "q"])
    view, found = _beside_q(pairs, context, request.media, max_limit)
    if "q" not in asked:
        return view, found
    node = q(asked, context, 0 if view.join is None else view.join.level)
    where, limit, offset = found.where, found.limit, found.offset
    joined = And((*where.nodes, node)) if isinstance(where, And) else And((where, node))
    return view, EntityQuery(joined, limit, offset, found.count, found.after, found.order)


@lru_cache(maxsize=128)
def _beside_q(
    pairs: tuple[tuple[str, str], ...], context: Context, media: bytes, max_limit: int
) -> tuple[View, EntityQuery]:
    """Return the view of parameters without `q`, and their query for one more than the page."""
    asked = Asked(dict(pairs))
    view = viewed(asked, context, media)
    found = entity_query(asked, context, view, max_limit)
    return view, replace(found, limit=found.limit + 1)


def entity_query(query: Asked, context: Context, view: View, max_limit: int) -> EntityQuery:
    """Return the query; raises BadRequestData for one that would select everything.

    Entities of which nothing that is picked would be shown are not selected.
    """
    params.check_elsewhere(query)
    level = 0 if view.join is None else view.join.level
    node = narrow(query, context, view.form.attrs, level)
    picked = view.form.projection.pick
    if picked is not None and picked.isdisjoint(("id", "type")):
        node = And((node, Or(tuple(_has(member) for member in sorted(picked)))))
    limit, offset, count = window(query, max_limit, "entities")
    order = _order(query, context)
    after = page_after(query, ordered=bool(order) and order != _BY_ID)
    if after is not None:
        order = ()
    return EntityQuery(node, limit, offset, count, after, order)


def _order(query: Asked, context: Context) -> tuple[Order, ...]:
    if "orderBy" not in query:
        if "orderFrom" in query:
            raise no_distance(query.place("orderFrom"))
        return ()
    return parse_order(
        query["orderBy"],
        context.expand,
        collation=query.get("collation"),
        coordinates=query.get("orderFrom"),
        geometry=query.get("orderGeometry"),
        place_of=query.place,
    )
