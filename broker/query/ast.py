"""The one AST every query language parses to and every compiler reads.

All names in it are expanded IRIs. A node is true or false of one entity, whatever its
dataset instances: a condition on an attribute holds if any instance satisfies it (§4.9).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias


class Op(StrEnum):
    """Comparison operators of the `q` grammar."""

    EQ = "=="
    NE = "!="
    GT = ">"
    GE = ">="
    LT = "<"
    LE = "<="
    MATCH = "~="
    NOT_MATCH = "!~="


@dataclass(frozen=True, slots=True)
class Path:
    """What a term looks at: `attribute.sub.member[key.key]`.

    `names` is the attribute IRI followed by sub-attribute IRIs; `member` a non-reified member
    at the end of it (`observedAt`, `unitCode`, `createdAt`, …) or None. With empty `names`,
    `member` is an entity member (`id`, `type`, `scope`, `createdAt`, `modifiedAt`).
    `keys` are raw JSON keys entered in the value (or the language of a LanguageProperty).
    """

    names: tuple[str, ...]
    member: str | None = None
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """A date, time or dateTime operand: `text` as written, compared as an instant."""

    text: str


Scalar: TypeAlias = int | float | bool | str | Moment


@dataclass(frozen=True, slots=True)
class Range:
    """`low..high`, both ends included."""

    low: Scalar
    high: Scalar


@dataclass(frozen=True, slots=True)
class Compare:
    """`path op operands`. Only EQ and NE take more than one operand or a Range."""

    path: Path
    op: Op
    operands: tuple[Scalar | Range, ...]


@dataclass(frozen=True, slots=True)
class Exists:
    """The target of `path` exists, whatever its value."""

    path: Path


@dataclass(frozen=True, slots=True)
class And:
    """All of `nodes` hold; true when there are none."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of `nodes` holds; false when there are none."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """`node` does not hold."""

    node: Node


@dataclass(frozen=True, slots=True)
class HasType:
    """The entity has this type, perhaps among others."""

    iri: str


@dataclass(frozen=True, slots=True)
class IdIn:
    """The entity's id is one of `ids`."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class IdMatches:
    """The id contains a match of this regular expression (RE2 syntax)."""

    pattern: str


@dataclass(frozen=True, slots=True)
class ScopeMatches:
    """Some scope of the entity contains a match of this regular expression (RE2 syntax)."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Linked:
    """Some entity that the entity's relationship leads to satisfies `node` (§4.9)."""

    relationship: str
    node: Node


@dataclass(frozen=True, slots=True)
class Geo:
    """`georel` of the entity's GeoProperty to a reference geometry (§4.10).

    `distance` is in metres and only used by `near`; `maximum` tells maxDistance from
    minDistance. `geometry` is GeoJSON.
    """

    attribute: str
    relation: str
    geometry: Any
    distance: float | None = None
    maximum: bool = True

    def __hash__(self) -> int:
        return hash((self.attribute, self.relation, repr(self.geometry), self.distance))


Node: TypeAlias = (
    Compare | Exists | And | Or | Not | HasType | IdIn | IdMatches | ScopeMatches | Linked | Geo
)


@dataclass(frozen=True, slots=True)
class Order:
    """Order by what `path` leads to (§4.23); `collation` is a tag for texts, empty for root.

    With a `reference` geometry, by the distance from it.
    """

    path: Path
    descending: bool = False
    collation: str = ""
    reference: Any = None

    def __hash__(self) -> int:
        return hash((self.path, self.descending, self.collation, repr(self.reference)))


@dataclass(frozen=True, slots=True)
class EntityQuery:
    """A query on current entities. Ordered by `order`, then by id; `after` gives keyset pages.

    `where` decides membership; `limit` and `offset` page; `count` asks for the total. `after`
    is an id and goes without `order`.
    """

    where: Node = And(())
    limit: int = 20
    offset: int = 0
    count: bool = False
    after: str | None = None
    order: tuple[Order, ...] = ()
