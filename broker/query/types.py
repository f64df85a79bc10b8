"""Entity type selection: text → AST (§4.17).

types = any *(("|" / ",") any)
any   = type / "(" type *(";" type) ")"      "(A;B)" has both types
             / "(" type *(("|" / ",") type) ")"
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from broker.errors import MachiError, TooComplexQuery
from broker.model.names import check_name
from broker.query.ast import And, HasType, Node, Or
from broker.query.faults import check_unicode, refuse

MAX_LENGTH: Final = 8192
MAX_TYPES: Final = 100

_TYPE = re.compile(r'[^\s,;|()"<>\\^`{}]+')
_REMEDY = "For example type=Shelter,Bridge or type=(River;Waterway)|Lake."


def parse_types(text: str, expand: Callable[[str], str], *, place: str = "query:type") -> Node:
    """Parse a type selection; `expand` turns type names into IRIs. Raises BadRequestData."""
    if len(text) > MAX_LENGTH or 1 + sum(map(text.count, "|,;")) > MAX_TYPES:
        raise TooComplexQuery(
            f"The type selection names more than {MAX_TYPES} types, or has more than "
            f"{MAX_LENGTH} characters.",
            place=place,
            remedy="Split the query into several.",
        )
    check_unicode(text, place)
    if _TYPE.fullmatch(text):
        return _type(text, 0, expand, place)[0]
    nodes: list[Node] = []
    at = -1
    while not nodes or at < len(text):
        node, at = _alternative(text, at + 1, expand, place)
        nodes.append(node)
        if at < len(text) and text[at] not in "|,":
            if text[at] == ";":
                refuse(
                    '";" belongs inside parentheses.',
                    place=place,
                    at=at,
                    remedy="Write (A;B) for entities that have both types.",
                )
            refuse('"|", "," or the end was expected.', place=place, at=at, remedy=_REMEDY)
    return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))


def _alternative(text: str, at: int, expand: Callable[[str], str], place: str) -> tuple[Node, int]:
    at = _skip(text, at)
    if not text.startswith("(", at):
        return _type(text, at, expand, place)
    opened = at
    node, at = _type(text, _skip(text, at + 1), expand, place)
    nodes = [node]
    joined = ";" if text.startswith(";", at) else "|,"
    while at < len(text) and text[at] in joined:
        node, at = _type(text, _skip(text, at + 1), expand, place)
        nodes.append(node)
    if not text.startswith(")", at):
        refuse(
            "a parenthesis is opened here and not closed after its types.",
            place=place,
            at=opened,
            remedy="Parentheses hold types, all joined by ; or all by |: (A;B)|C, (A|B).",
        )
    at = _skip(text, at + 1)
    if len(nodes) == 1:
        return nodes[0], at
    return (And(tuple(nodes)) if joined == ";" else Or(tuple(nodes))), at


def _type(text: str, at: int, expand: Callable[[str], str], place: str) -> tuple[Node, int]:
    match = _TYPE.match(text, at)
    if match is None:
        refuse("a type was expected.", place=place, at=at, remedy=_REMEDY)
    try:
        iri = expand(check_name(match.group(), place))
    except MachiError as error:
        refuse(error.detail, place=place, at=at, remedy=error.remedy)
    return HasType(iri), _skip(text, match.end())


def _skip(text: str, at: int) -> int:
    while text.startswith(" ", at):
        at += 1
    return at
