"""What one caller may do one thing to: the entities, and the attributes of each (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from broker.model.entity import Entity
from broker.query.ast import And, EntityQuery, HasType, IdIn, IdMatches, Linked, Node, Not, Or
from broker.query.predicate import Predicate, compile_predicate
from broker.query.rewrite import EVERYTHING, NOTHING, shade
from consent.policies.rule import Rule
from consent.transform.apply import Audience, transformed

Names: TypeAlias = frozenset[str] | None
"""IRIs of attributes, None for all."""


NOBODY: Final = Audience(b"", "", "")


@dataclass(frozen=True, slots=True)
class _Part:
    rows: Node
    holds: Predicate
    attributes: Names
    rule: Rule


@dataclass(frozen=True, slots=True)
class Reach:
    """The attributes of one entity that are in sight: those `shown`, None for all, not `hidden`."""

    shown: Names
    hidden: frozenset[str]

    @property
    def whole(self) -> bool:
        """Whether attributes are in sight that no rule names."""
        return self.shown is None

    def __contains__(self, iri: str) -> bool:
        return (self.shown is None or iri in self.shown) and iri not in self.hidden


class Sight:
    """Permissions and prohibitions of a caller for one action, put together.

    An entity is in sight where a permission is about it and no prohibition of the whole entity
    is; of its attributes those are, that such a permission names and no prohibition does.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        lens: str | None = None,
        audience: Audience = NOBODY,
    ) -> None:
        """`lens` names what these rules show: equal rules, equal lens."""
        self.lens = lens
        self._audience = audience
        self._changes = False
        self._plain: set[str] = set()
        """Types of which everything is in sight, whatever else is."""
        self._permits: list[_Part] = []
        self._bans: list[_Part] = []
        for rule in rules:
            named = None if rule.attributes is None else rule.attributes - rule.veiled
            part = _Part(rule.rows, compile_predicate(rule.rows), named, rule)
            (self._permits if rule.permits else self._bans).append(part)
            self._changes = self._changes or bool(rule.permits and rule.transform)
            if rule.permits and rule.plain:
                self._plain |= rule.types or set()
        if self._bans:
            self._plain = set()
        hidden = [ban.rows for ban in self._bans if ban.attributes is None]
        self.visible = _but_not(_any(part.rows for part in self._permits), hidden)

    def __bool__(self) -> bool:
        """Tell whether anything at all is permitted."""
        return bool(self._permits)

    def reaches(self, entity_id: str) -> bool:
        """Tell whether something may be permitted to an entity, going by its id alone."""
        bans = [ban.rows for ban in self._bans if ban.attributes is None]
        return any(_may_hold(part.rows, entity_id) for part in self._permits) and not any(
            isinstance(node, IdIn | IdMatches) and _may_hold(node, entity_id) for node in bans
        )

    def attributes(self, entity: Entity) -> Reach | None:
        """Return which attributes of an entity are in sight; None where it is hidden."""
        named: set[str] = set()
        veiled: frozenset[str] | None = None
        """Attributes that no permission shows of those that show all; None without such."""
        found = False
        for part in self._permits:
            if part.holds(entity):
                found = True
                if part.attributes is not None:
                    named |= part.attributes
                    continue
                veiled = part.rule.veiled if veiled is None else veiled & part.rule.veiled
                if not veiled:
                    break
        if not found:
            return None
        hidden = set[str]() if veiled is None else set(veiled - named)
        for ban in self._bans:
            if ban.holds(entity):
                if ban.attributes is None:
                    return None
                hidden |= ban.attributes
        return Reach(frozenset(named) if veiled is None else None, frozenset(hidden))

    def gives(self, iri: str, entity: Entity) -> bool:
        """Tell whether a permission about an entity is about its having a type.

        What is somebody's own by its id stays what it is.
        """
        return any(
            part.rule.kind != "own" if part.rule.types is None else iri in part.rule.types
            for part in self._permits
            if part.holds(entity)
        )

    def basis(self, entity: Entity) -> Rule | None:
        """Return the first permission that is about an entity, None where none is."""
        return next((part.rule for part in self._permits if part.holds(entity)), None)

    def view(self, entity: Entity) -> Entity | None:
        """Return the entity with what is in sight: the same object where all is."""
        reach = self.attributes(entity)
        if reach is None:
            return None
        if self._changes:
            entity = self._changed(entity)
        if reach.whole and not reach.hidden:
            return entity
        attrs = {iri: entity["attrs"][iri] for iri in entity["attrs"] if iri in reach}
        return entity if len(attrs) == len(entity["attrs"]) else {**entity, "attrs": attrs}

    def _changed(self, entity: Entity) -> Entity:
        """Return the entity with attributes transformed that no permission shows as they are."""
        holding = [part for part in self._permits if part.holds(entity)]
        changes = {
            how.attribute: how
            for part in holding
            for how in part.rule.transform
            if how.attribute in entity["attrs"]
            and all(_alters(other, how.attribute) for other in holding)
        }
        if not changes:
            return entity
        attrs = dict(entity["attrs"].items())
        for iri, how in changes.items():
            told = {
                dataset: transformed(instance, how, self._audience)
                for dataset, instance in attrs.pop(iri).items()
            }
            kept = {dataset: one for dataset, one in told.items() if one is not None}
            if kept:
                attrs[iri] = kept
        return {**entity, "attrs": attrs}

    def narrow(self, query: EntityQuery) -> EntityQuery:
        """Return the query with what is out of sight taken out of its reach."""
        if self._plain and self._shows_whole(query.where) and not _links(query.where):
            return query
        order = tuple(each for each in query.order if self._shows_always(each.path.names[:1]))
        where = And((shade(query.where, self._shown, self.visible), self.visible))
        return replace(query, where=where, order=order)

    def _shows_whole(self, where: Node) -> bool:
        """Tell whether all entities that a condition holds for are in sight, with everything."""
        match where:
            case HasType(iri):
                return iri in self._plain
            case And(nodes):
                return any(map(self._shows_whole, nodes))
            case Or(nodes):
                return bool(nodes) and all(map(self._shows_whole, nodes))
        return False

    def _shown(self, names: tuple[str, ...]) -> Node:
        name = names[0]
        permits = [
            part.rows for part in self._permits if _shows(part, name) and not _changes(part, name)
        ]
        bans = [part.rows for part in self._bans if _has(part.attributes, name)]
        if len(permits) == len(self._permits) and not bans:
            return EVERYTHING
        return _but_not(_any(permits), bans)

    def _shows_always(self, names: tuple[str, ...]) -> bool:
        return not names or self._shown(names) == EVERYTHING


def _may_hold(node: Node, entity_id: str) -> bool:
    match node:
        case IdIn() | IdMatches():
            return compile_predicate(node)({"id": entity_id})
        case And(nodes):
            return all(_may_hold(each, entity_id) for each in nodes)
    return True


def _links(node: Node) -> bool:
    """Tell whether a condition looks at other entities."""
    match node:
        case And(nodes) | Or(nodes):
            return any(map(_links, nodes))
        case Not(inner):
            return _links(inner)
    return isinstance(node, Linked)


def _changes(part: _Part, name: str) -> bool:
    return any(how.attribute == name for how in part.rule.transform)


def _alters(part: _Part, name: str) -> bool:
    """Tell whether a permission does not show an attribute as it is."""
    return _changes(part, name) or not _shows(part, name)


def _shows(part: _Part, name: str) -> bool:
    return _has(part.attributes, name) and name not in part.rule.veiled


def _has(names: Names, name: str) -> bool:
    return names is None or name in names


def _any(rows: Iterable[Node]) -> Node:
    nodes = tuple(rows)
    if EVERYTHING in nodes:
        return EVERYTHING
    return nodes[0] if len(nodes) == 1 else Or(nodes)


def _but_not(node: Node, hidden: list[Node]) -> Node:
    if node == NOTHING or not hidden:
        return node
    return And((node, *(Not(each) for each in hidden)))


NO_SIGHT: Final = Sight(())
"""Of who may do nothing."""
