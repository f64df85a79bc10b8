"""`/ngsi-ld/ex/v1/explain/…`: what a query says and how it is answered, what a name means.

An extension of ours. Nothing is changed, and a query is answered as it always is.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, Final

from broker.api.asked import Asked
from broker.api.body import link_context
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import Response, json_response
from broker.api.selection import entity_query
from broker.api.view import view_of
from broker.errors import BadRequestData, Forbidden
from broker.guard import Action
from broker.jsonld.context import Context
from broker.jsonld.core import CORE_URL
from broker.jsonld.origin import Origin
from broker.model.names import check_attribute_name
from broker.query.kept import dump_node
from broker.query.words import conditions, words
from broker.store.explanation import Explanation, in_words

_WORDS: Final = {
    "core": "The core context defines it, and no other context can overrule that.",
    "defined": "An entry of the context defines it.",
    "prefix": "What stands before the colon is a prefix, which an entry defines.",
    "absolute": "It is an IRI already.",
    "default": "No context that was given knows it, so it falls into the default vocabulary. "
    "A client with a context that does know it means something else by the same name.",
}


async def term(broker: Broker, request: Request) -> Response:
    """Return the IRI of a name, and where that comes from."""
    name = request.query.get("term")
    if name is None:
        raise BadRequestData(
            "No name was given.",
            place="query:term",
            remedy="Add term=waterLevel, with the context in a Link header or context=URL.",
        )
    check_attribute_name(name, "query:term")
    given = request.query.get("context")
    place = "header:Link" if given is None else "query:context"
    context = await (
        link_context(broker, request)
        if given is None
        else broker.contexts.resolve(given, place=place, tenant=request.tenant)
    )
    found, line = await broker.contexts.trace(
        name, context.source, place=place, tenant=request.tenant
    )
    iri = context.expand(name)
    told: dict[str, Any] = {
        "term": name,
        "iri": iri,
        "shownAs": context.compact(iri),
        "how": found.how,
        "text": _WORDS[found.how],
        "source": _source(found, line),
    }
    if found.similar:
        told["similar"] = list(found.similar)
    return json_response(told)


def _source(found: Origin, line: int | None) -> dict[str, Any] | None:
    if found.how in ("absolute", "default"):
        return None
    layer = found.layer
    if layer is None:
        return {"context": CORE_URL, "entry": found.entry, "definition": found.definition}
    told = {
        "context": layer.url,
        "pointer": f"/@context{found.pointer}",
        "entry": found.entry,
        "definition": found.definition,
    }
    return told if line is None else {**told, "line": line}


async def query(broker: Broker, request: Request) -> Response:
    """Return what a query's conditions say, and the way its answer was found.

    The way tells of entities a guard may hide, so only administrators are told it.
    """
    context = await link_context(broker, request)
    asked = Asked(request.query)
    view = view_of(request, asked, context)
    wanted = entity_query(asked, context, view, broker.settings.max_limit)
    caller, tenant = request.caller, request.tenant
    broker.guard.allow(caller, tenant, Action.READ, None)
    told: dict[str, Any] = {
        "conditions": [
            {"words": words(each, context.compact), "parsed": dump_node(each)}
            for each in conditions(wanted.where)
        ],
        "page": {"limit": wanted.limit, "offset": wanted.offset, "count": wanted.count},
        "plan": None,
    }
    try:
        broker.guard.allow(caller, tenant, Action.ADMINISTER, None)
    except Forbidden as error:
        return json_response({**told, "withheld": error.detail})
    narrowed = broker.guard.narrow(caller, tenant, wanted)
    begun = perf_counter()
    explained = await broker.store.explain(tenant, narrowed)
    seconds = perf_counter() - begun
    told["plan"] = {
        "text": in_words(explained, context.compact),
        "way": explained.way,
        "entities": explained.entities,
        "lookedAt": explained.looked,
        "found": explained.found,
        "total": explained.total,
        "index": _index(explained, context),
        "milliseconds": round(seconds * 1000, 3),
        "inThread": explained.offloaded,
    }
    return json_response(told)


def _index(explained: Explanation, context: Context) -> dict[str, Any] | None:
    best = explained.best
    if best is None:
        return None
    return {
        "attribute": context.compact(best.attribute),
        "kind": best.index,
        "rows": best.rows,
        "counted": "all" if best.rows < best.most else f"up to {best.most}",
        "exact": best.exact,
    }
