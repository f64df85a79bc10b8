"""What a reader wants to be shown of an entity, from URL parameters (§4.5.5, §4.15, §4.21)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from broker.errors import BadRequestData
from broker.jsonld.context import Context
from broker.model.entity import DEFAULT
from broker.model.names import check_attribute_name, is_uri
from broker.subscriptions.delivery.shape import Shape

MEMBERS: Final = frozenset(("id", "type", "scope"))


def projection(query: Mapping[str, str], context: Context) -> Shape:
    """Return the projection of attrs, pick, omit, datasetId and lang; raises BadRequestData."""
    attrs = _names(query, "attrs", context, frozenset())
    pick = _names(query, "pick", context, MEMBERS)
    omit = _names(query, "omit", context, MEMBERS)
    for name, given in (("pick", pick), ("omit", omit)):
        if given is not None and attrs is not None:
            raise BadRequestData(
                f"attrs and {name} are both given.",
                place=f"query:{name}",
                remedy="Use pick and omit; attrs is their old name.",
            )
    both = (pick or frozenset()) & (omit or frozenset())
    if both:
        raise BadRequestData(
            f"{context.compact(min(both))} is both picked and omitted.",
            place="query:omit",
            remedy="Name each member once.",
        )
    return Shape(
        attributes=attrs,
        pick=pick,
        omit=omit or frozenset(),
        datasets=_datasets(query.get("datasetId")),
        lang=query.get("lang"),
    )


def _names(
    query: Mapping[str, str], name: str, context: Context, members: frozenset[str]
) -> frozenset[str] | None:
    text = query.get(name)
    if text is None:
        return None
    found = set()
    for part in text.replace("|", ",").split(","):
        term = part.strip()
        if term in members:
            found.add(term)
        else:
            check_attribute_name(term, f"query:{name}")
            found.add(context.expand(term))
    return frozenset(found)


def _datasets(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    found = frozenset(part.strip() for part in text.split(","))
    for dataset in found:
        if dataset != DEFAULT and not is_uri(dataset):
            raise BadRequestData(
                "A datasetId is a URI, or `@none` for the default instance.",
                place="query:datasetId",
                remedy="Send datasetId=urn:ngsi-ld:Dataset:1,@none, for instance.",
            )
    return found
