"""Linked entities: what relationships lead to, fetched level by level, and shown (§4.5.23)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

from broker.entities.service import Entities
from broker.errors import TooManyResults
from broker.guard import Caller
from broker.model.entity import TARGETS, Entity, Instance
from broker.model.names import Names
from broker.model.reduce import Projection, reduced
from broker.model.render import Form, render

MOST: Final = 5_000
"""Linked entities of one answer; within others, each counts as often as it is shown."""


class Links:
    """The entities that some entities are linked with, as far as the caller may see them.

    Where they are more than MOST, TooManyResults is raised, or `some` of them are shown.
    """

    def __init__(
        self, roots: Iterable[Entity], contained: frozenset[str], *, some: bool = False
    ) -> None:
        self.found: dict[str, tuple[Entity, Projection]] = {}
        """By id, in the order met: the entity, and what is shown of it where it was met."""
        self._roots = {entity["id"]: entity for entity in roots}
        self._contained = contained
        self._some = some
        self._room = MOST

    async def follow(
        self, entities: Entities, caller: Caller, tenant: str, form: Form, level: int
    ) -> None:
        """Fetch what the relationships that are shown lead to, `level` of them in a row."""
        edge = [(_shown(root, form), form.projection) for root in self._roots.values()]
        for _ in range(level):
            wanted: dict[str, Projection] = {}
            for entity, projection in edge:
                for iri, target in _targets(entity):
                    if target not in self.found and target not in self._contained:
                        wanted.setdefault(target, projection.beyond(iri))
            if len(self.found) + len(wanted) > MOST:
                if self._some:
                    return
                raise _too_many()
            edge = []
            for linked in await entities.visible_many(caller, tenant, wanted):
                projection = wanted[linked["id"]]
                self.found[linked["id"]] = linked, projection
                edge.append((_shown(linked, _beyond(form, projection)), projection))
            if not edge:
                return

    def beside(self) -> Iterator[tuple[Entity, Projection]]:
        """Yield the linked entities that are none of those they are linked with."""
        for entity_id, each in self.found.items():
            if entity_id not in self._roots:
                yield each

    def inlined(self, entity: Entity, context: Names, form: Form, level: int) -> Entity:
        """Return an entity whose relationships hold, as shown, the entities they lead to.

        Raises TooManyResults: each way from one to another is shown, and they may be very many.
        """
        return self._within(entity, context, form, level, frozenset((entity["id"],)))

    def _within(
        self, entity: Entity, context: Names, form: Form, level: int, above: frozenset[str]
    ) -> Entity:
        attrs = {}
        for iri, instances in entity["attrs"].items():
            below = _beyond(form, form.projection.beyond(iri))
            attrs[iri] = {
                dataset: self._joined(each, context, below, level, above)
                for dataset, each in instances.items()
            }
        return {**entity, "attrs": attrs}

    def _joined(
        self, instance: Instance, context: Names, form: Form, level: int, above: frozenset[str]
    ) -> Instance:
        member = TARGETS.get(instance["type"])
        if member is None:
            return instance
        target = instance[member]
        shown: dict[str, dict[str, Any]] = {}
        for uri in _uris(target):
            if uri not in above and uri not in self._contained and uri in self.found:
                if not self._has_room():
                    break
                shown[uri] = self._shown(uri, context, form, level, above)
        if not shown:
            return instance
        if form.kind == "simplified":
            put = [shown.get(uri, uri) for uri in _uris(target)]
            return {**instance, member: put[0] if isinstance(target, str) else put}
        if instance["type"] == "ListRelationship":
            return {**instance, "entityList": list(shown.values())}
        joined = list(shown.values())
        return {**instance, "entity": joined[0] if isinstance(target, str) else joined}

    def _has_room(self) -> bool:
        """Tell whether one more linked entity is shown, and count it."""
        if self._room:
            self._room -= 1
            return True
        if self._some:
            return False
        raise _too_many()

    def _shown(
        self, uri: str, context: Names, form: Form, level: int, above: frozenset[str]
    ) -> dict[str, Any]:
        entity, _ = self.found[uri]
        if level > 1:
            entity = self._within(entity, context, form, level - 1, above | {uri})
        return render(entity, context, form)


def _too_many() -> TooManyResults:
    return TooManyResults(
        f"The answer would show more than {MOST} linked entities.",
        place="query:join",
        remedy="Lower limit or joinLevel, or name the relationships in pick.",
    )


def _beyond(form: Form, projection: Projection) -> Form:
    """Return the form of linked entities: `attrs` was said of those that link them."""
    return replace(form, attrs=None, projection=projection)


def _shown(entity: Entity, form: Form) -> Entity:
    return reduced(entity, form.attrs, form.projection, form.datasets, ())


def _targets(entity: Entity) -> Iterator[tuple[str, str]]:
    for iri, instances in entity["attrs"].items():
        for instance in instances.values():
            member = TARGETS.get(instance["type"])
            if member is not None:
                for uri in _uris(instance[member]):
                    yield iri, uri


def _uris(target: Any) -> list[str]:
    return [target] if isinstance(target, str) else target
