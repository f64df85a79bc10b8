"""The dispatch table: one list of routes that the fast lane dispatches by, and that makes the
OpenAPI document, the API page and the tripwire test.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from broker.api.response import Response

if TYPE_CHECKING:
    from broker.api.broker import Broker
    from broker.api.request import Request

Handler: TypeAlias = "Callable[[Broker, Request], Awaitable[Response]]"


@dataclass(frozen=True, slots=True)
class Param:
    """A query parameter: its JSON Schema, what it does, and an example."""

    name: str
    text: str
    schema: dict[str, Any] = field(default_factory=lambda: {"type": "string"})
    example: Any = None


@dataclass(frozen=True, slots=True)
class Body:
    """What a request body is: a component schema's name, and an example."""

    schema: str
    example: Any
    types: tuple[str, ...] = ("application/json", "application/ld+json")


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: how it is reached, what it takes, what it answers.

    `answers` maps success statuses to (text, component schema or None); `errors` lists the
    statuses of its problem documents beyond those every operation can have. `geojson` tells
    that GeoJSON can be produced, `tenant_parameter` that the tenant may come as a parameter
    (for browsers, which cannot set headers on an EventSource), `page` that it is a page for people,
    who are known by a session's cookie. `known` are the names of its
    parameters, `negotiated` tells that it answers in a type chosen by Accept.
    """

    method: str
    template: str
    handler: Handler
    name: str
    summary: str
    text: str = ""
    tag: str = "Entities"
    query: tuple[Param, ...] = ()
    body: Body | None = None
    answers: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    if_match: bool = False
    idempotent_key: bool = False
    geojson: bool = False
    tenant_parameter: bool = False
    page: bool = False
    known: frozenset[str] = field(init=False, default=frozenset())
    negotiated: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        ngsi_ld = self.template.startswith("/ngsi-ld/")
        object.__setattr__(self, "known", frozenset(param.name for param in self.query))
        object.__setattr__(self, "negotiated", ngsi_ld and not self.tenant_parameter)


_COLLECTION: Final = len(b"/ngsi-ld/v1/")
"""Where the name of what most paths are about begins."""


class _Node:
    __slots__ = ("ids", "literal", "routes", "wild")

    def __init__(self) -> None:
        self.literal: dict[bytes, _Node] = {}
        self.wild: _Node | None = None
        self.ids = False
        self.routes: dict[str, Route] = {}


Routes: TypeAlias = dict[str, Route]
"""By method."""

Found: TypeAlias = tuple[Routes, list[bytes], Routes]
"""What is at a path: its routes, the raw values of its wildcards, and with a trailing slash the
routes for which the id at the end is empty.
"""

_NO_ROUTES: Final[Routes] = {}


class Table:
    """Routes in a tree of path segments: dispatch costs one dict look-up a segment."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self.routes = tuple(routes)
        self._root = _Node()
        for route in self.routes:
            node = self._root
            for segment in route.template.strip("/").split("/"):
                if segment.startswith("{"):
                    node.ids = segment in ("{id}", "{contextId}")
                    node.wild = node = node.wild or _Node()
                else:
                    node = node.literal.setdefault(segment.encode(), _Node())
            node.routes[route.method] = route
        self._parents = dict(_parents(self._root, b"/"))

    def find(self, raw_path: bytes) -> Found | None:
        """Return what lies at a raw (still percent-encoded) path, or None.

        `/x` and `/x/` are alike.
        """
        place = raw_path.find(b"/", _COLLECTION) + 1
        parent = self._parents.get(raw_path[:place])
        if parent is not None and parent.wild is not None:
            value, slash, rest = raw_path[place:].partition(b"/")
            node = parent.wild if not slash else parent.wild.literal.get(rest)
            if value and value not in parent.literal and node is not None and node.routes:
                return node.routes, [value], _NO_ROUTES
        return self._walk(raw_path)

    def _walk(self, raw_path: bytes) -> Found | None:
        """Find any path, segment by segment."""
        segments = raw_path.split(b"/")
        trailing = len(segments) > 2 and segments[-1] == b""
        if trailing:
            segments.pop()
        node = self._root
        values: list[bytes] = []
        for segment in segments[1:]:
            following = node.literal.get(segment)
            if following is None:
                following = node.wild
                if following is None:
                    return None
                values.append(segment)
            node = following
        if not node.routes:
            return None
        wild = node.wild.routes if trailing and node.wild and node.ids else _NO_ROUTES
        return node.routes, values, wild


def _parents(node: _Node, path: bytes) -> Iterator[tuple[bytes, _Node]]:
    """Yield what has children with any name, by its path without wildcards, below a node."""
    if node.wild is not None:
        yield path, node
    for segment, child in node.literal.items():
        yield from _parents(child, path + segment + b"/")
