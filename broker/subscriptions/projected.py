"""`pick` and `omit` of a notification: each element a term of the projection language (§4.21).

Stored, a term has full names: `iri`, or `iri{iri,…}` where it says what linked entities show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from broker.errors import BadRequestData
from broker.model.names import Names, check_attribute_name
from broker.model.place import At, bad, locate
from broker.model.reduce import ALL, PROJECTED, Projection
from broker.query.projection import Terms, parse_terms, projection
from broker.subscriptions import members as check

_STORED: Final = "body:/notification"


def parse_projection(value: Any, at: At, context: Names) -> list[str]:
    """Return the elements of `pick` or `omit` with full names. Raises BadRequestData."""
    found: dict[str, str] = {}
    for index, element in enumerate(check.a_list(value, at, "names")):
        name, text = _element(element, (at, index), context)
        if found.get(name, text) != text:
            raise bad((at, index), "This member is named twice.", "Put both into one pair of {}.")
        found[name] = text
    return list(found.values())


def _element(element: Any, at: At, context: Names) -> tuple[str, str]:
    if type(element) is str and element in PROJECTED:
        return element, element
    if type(element) is not str or not element.endswith("}"):
        name = context.expand(check_attribute_name(element, at))
        return name, name
    terms = parse_terms(element, context.expand, place=locate(at))
    if len(terms) > 1:
        raise bad(at, "This names several members.", "Give each as an element of its own.")
    text = _written(terms, str)
    if _terms(text) != terms:
        raise bad(at, "A name with , | { or } in it links nothing.", "Use another name.")
    return next(iter(terms)), text


def compacted(element: str, context: Names) -> str:
    """Return an element with short names."""
    return _written(_terms(element), context.compact)


def load_projection(pick: Iterable[str] | None, omit: Iterable[str]) -> Projection:
    """Return what stored elements say together. Raises BadRequestData where they contradict."""
    if pick is None and not omit:
        return ALL
    return projection(None if pick is None else _all(pick), _all(omit), place=_STORED)


def check_projection(pick: list[str] | None, omit: list[str], at: At, level: int) -> None:
    """Refuse a contradiction, and what lies further than `level` relationships away."""
    try:
        depth = load_projection(pick, omit).depth()
    except BadRequestData as error:
        raise bad((at, "omit"), error.detail, error.remedy) from None
    if depth > level:
        raise bad(
            (at, "omit" if pick is None else "pick"),
            f"The projection reaches an entity {depth} relationships away; "
            f"{level or 'none'} are joined.",
            'Add "join": "inline" or "flat", with a joinLevel that reaches so far.',
        )


def _all(elements: Iterable[str]) -> Terms:
    return {name: inner for element in elements for name, inner in _terms(element).items()}


def _terms(element: str) -> Terms:
    if not element.endswith("}"):
        return {element: {}}
    return parse_terms(element, lambda name: name, place=_STORED)


def _written(terms: Terms, name_of: Callable[[str], str]) -> str:
    return ",".join(
        (name if name in PROJECTED else name_of(name))
        + (f"{{{_written(inner, name_of)}}}" if inner else "")
        for name, inner in terms.items()
    )
