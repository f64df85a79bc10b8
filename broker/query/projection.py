"""The projection language of `pick` and `omit`: text → tree (§4.21).

terms = term *(("," / "|") term)
term  = name ["{" terms "}"]        what is in braces is said of the entities a relationship links
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from broker.errors import MachiError, TooComplexQuery
from broker.model.names import check_attribute_name
from broker.model.reduce import PROJECTED, Projection
from broker.query.faults import check_unicode, refuse

MAX_LENGTH: Final = 8192
MAX_DEPTH: Final = 20

Terms: TypeAlias = "dict[str, Terms]"
"""Member name or attribute IRI → what is said of linked entities, empty where nothing is."""

_NAME = re.compile(r"[^\s,|{}]+")
_REMEDY = "For example pick=id,name,locatedAt{id,name}."


def parse_terms(text: str, expand: Callable[[str], str], *, place: str) -> Terms:
    """Parse `pick` or `omit`; `expand` turns attribute names into IRIs. Raises BadRequestData."""
    if len(text) > MAX_LENGTH:
        raise TooComplexQuery(
            f"The projection has {len(text)} characters; {MAX_LENGTH} are allowed.",
            place=place,
            remedy="Name fewer members, or leave the parameter out.",
        )
    check_unicode(text, place)
    terms, at = _terms(text, 0, expand, place, 1)
    if at < len(text):
        refuse(
            f'"," or the end was expected, not {text[at]!r}.', place=place, at=at, remedy=_REMEDY
        )
    return terms


def _terms(
    text: str, at: int, expand: Callable[[str], str], place: str, depth: int
) -> tuple[Terms, int]:
    if depth > MAX_DEPTH:
        raise TooComplexQuery(
            f"Braces are nested more than {MAX_DEPTH} levels deep.", place=place, remedy=_REMEDY
        )
    found: Terms = {}
    while True:
        start = at
        name, at = _name(text, at, expand, place)
        if name in found:
            refuse("this member is named twice.", place=place, at=start, remedy="Name it once.")
        found[name] = {}
        if text.startswith("{", at):
            if name in PROJECTED:
                refuse("this member links nothing.", place=place, at=start, remedy=_REMEDY)
            opened = at
            found[name], at = _terms(text, at + 1, expand, place, depth + 1)
            if not text.startswith("}", at):
                refuse("a brace is never closed.", place=place, at=opened, remedy=_REMEDY)
            at += 1
        if not text.startswith((",", "|"), at):
            return found, at
        at += 1


def _name(text: str, at: int, expand: Callable[[str], str], place: str) -> tuple[str, int]:
    match = _NAME.match(text, at)
    if match is None:
        refuse("the name of a member was expected.", place=place, at=at, remedy=_REMEDY)
    name = match.group()
    if name in PROJECTED:
        return name, match.end()
    try:
        return expand(check_attribute_name(name, place)), match.end()
    except MachiError as error:
        refuse(error.detail, place=place, at=at, remedy=error.remedy)


def projection(pick: Terms | None, omit: Terms | None, *, place: str) -> Projection:
    """Return what both say together; raises BadRequestData where they contradict each other."""
    picked = None if pick is None else frozenset(pick)
    omitted = frozenset(name for name, inner in (omit or {}).items() if not inner)
    if picked is not None and not picked.isdisjoint(omitted):
        refuse(
            "a member is both picked and left out.",
            place=place,
            remedy="Name each member in pick or in omit, not in both.",
        )
    linked = {name: inner for name, inner in (pick or {}).items() if inner}
    unlinked = {name: inner for name, inner in (omit or {}).items() if inner}
    return Projection(
        picked,
        omitted,
        tuple(
            (name, projection(linked.get(name), unlinked.get(name), place=place))
            for name in sorted(linked.keys() | unlinked.keys())
        ),
    )
