"""Purge: delete all entities that a query selects, or attributes of them (§5.6.21).

Entities are gone through by id, slice by slice; each is a unit of work of its own in which it
must still satisfy the query, so that writers are not held up and a late change counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from broker.entities.service import Entities, Target
from broker.errors import MachiError, NonexistentTenant, ResourceNotFound
from broker.guard import Action, Caller
from broker.model.entity import Entity
from broker.query.ast import EntityQuery, Node
from broker.query.predicate import compile_predicate

SLICE = 100


@dataclass(frozen=True, slots=True)
class Members:
    """Which members go: those of `names` (IRIs, `scope`), or, with `keep`, other attributes."""

    names: frozenset[str]
    keep: bool

    def taken_from(self, entity: Entity, now: str) -> Entity:
        """Return the entity without them; the same object where it has none."""
        attrs = {
            iri: one for iri, one in entity["attrs"].items() if (iri in self.names) == self.keep
        }
        unscoped = not self.keep and "scope" in self.names and "scope" in entity
        if len(attrs) == len(entity["attrs"]) and not unscoped:
            return entity
        result = {**entity, "modifiedAt": now, "attrs": attrs}
        if unscoped:
            del result["scope"]
        return result


@dataclass(slots=True)
class Purged:
    """The ids of entities that were purged, and those that could not be, each with the reason."""

    done: list[str] = field(default_factory=list)
    failed: list[tuple[str, MachiError]] = field(default_factory=list)


async def purge(
    entities: Entities, caller: Caller, tenant: str, where: Node, members: Members | None
) -> Purged:
    """Purge what satisfies `where`: whole entities, or with `members` those of their members."""
    action = Action.DELETE if members is None else Action.UPDATE
    entities.guard.allow(caller, tenant, action, None)
    holds = compile_predicate(where)

    def edit(entity: Entity, now: str) -> tuple[Entity, None]:
        assert members is not None
        return members.taken_from(entity, now), None

    def one(entity_id: str) -> Awaitable[Any]:
        target = Target(entity_id, matches=holds)
        if members is None:
            return entities.delete(caller, tenant, target)
        return entities.change(caller, tenant, target, edit)

    purged = Purged()
    query = EntityQuery(where, SLICE)
    while True:
        page = await entities.query(caller, tenant, query)
        await _slice([record.id for record in page.records], one, purged)
        if len(page.records) < SLICE:
            return purged
        query = replace(query, after=page.records[-1].id)


async def _slice(ids: list[str], one: Callable[[str], Awaitable[Any]], purged: Purged) -> None:
    results = await asyncio.gather(*map(one, ids), return_exceptions=True)
    for entity_id, result in zip(ids, results, strict=True):
        if isinstance(result, ResourceNotFound):
            continue
        if isinstance(result, MachiError) and not isinstance(result, NonexistentTenant):
            purged.failed.append((entity_id, result))
        elif isinstance(result, BaseException):
            raise result
        else:
            purged.done.append(entity_id)
