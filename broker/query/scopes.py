"""The scope query: text → AST (§4.19).

    any   = all *(("|" / ",") all)
    all   = scope *(";" scope) / "(" scope *(";" scope) ")"
    scope = "/#" / ["/"] level *("/" level) ["/#"]      level = name / "+" (exactly one level)

`/a/#` is `/a` and all below it, `/#` any scope at all. Of scopes joined by ";" each has to be met
by some scope of the entity; beyond the published grammar, the parentheses around them may be
missing. So may a leading slash, here and in entities. A space stands for the "+" it was in a URL.
"""

from __future__ import annotations

import re
from typing import Final

from broker.errors import TooComplexQuery
from broker.query.ast import And, Node, Or, ScopeMatches
from broker.query.faults import check_unicode, refuse

MAX_LENGTH: Final = 8192
MAX_SCOPES: Final = 100

_SCOPE = re.compile(r"/#|/?(?:\+|[^\W\d_]\w*)(?:/(?:\+|[^\W\d_]\w*))*(?:/#)?")
_REMEDY = "For example /Hitoyoshi/#, /+/North,/Hitoyoshi or (/a;/b)|/c; in a URL # is written %23."


def parse_scope_query(text: str, *, place: str = "query:scopeQ") -> Node:
    """Parse a scope query. Raises BadRequestData, TooComplexQuery."""
    if len(text) > MAX_LENGTH or 1 + sum(map(text.count, "|,;")) > MAX_SCOPES:
        raise TooComplexQuery(
            f"The scope query names more than {MAX_SCOPES} scopes, or has more than "
            f"{MAX_LENGTH} characters.",
            place=place,
            remedy="Split the query into several.",
        )
    check_unicode(text, place)
    text = text.replace(" ", "+")
    nodes: list[Node] = []
    at = -1
    while not nodes or at < len(text):
        node, at = _alternative(text, at + 1, place)
        nodes.append(node)
        if at < len(text) and text[at] not in "|,":
            refuse('"|", "," or the end was expected.', place=place, at=at, remedy=_REMEDY)
    return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))


def _alternative(text: str, at: int, place: str) -> tuple[Node, int]:
    opened = at if text.startswith("(", at) else None
    nodes: list[Node] = []
    while not nodes or text.startswith(";", at):
        node, at = _scope(text, at + (opened is not None or bool(nodes)), place)
        nodes.append(node)
    if opened is not None and not text.startswith(")", at):
        refuse(
            "a parenthesis is opened here and not closed after its scopes.",
            place=place,
            at=opened,
            remedy="Parentheses hold scopes joined by ; and nothing else: (/a;/b)|/c.",
        )
    return (nodes[0] if len(nodes) == 1 else And(tuple(nodes))), at + (opened is not None)


def _scope(text: str, at: int, place: str) -> tuple[Node, int]:
    match = _SCOPE.match(text, at)
    if match is None:
        refuse("a scope was expected.", place=place, at=at, remedy=_REMEDY)
    return ScopeMatches(_pattern(match.group())), match.end()


def _pattern(scope: str) -> str:
    """Return the regular expression (RE2) of the scopes that are meant."""
    levels = scope.strip("/").split("/")
    below = levels[-1] == "#"
    if below:
        levels.pop()
    parts = ["[^/]+" if level == "+" else re.escape(level) for level in levels]
    if not parts:
        return "."
    return "^/?" + "/".join(parts) + ("(/|$)" if below else "$")
