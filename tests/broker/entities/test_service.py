"""The guard is asked on every read and write, before and inside it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from broker.entities.purge import Members, purge
from broker.entities.service import Entities, Target
from broker.errors import Forbidden, PreconditionFailed, ResourceNotFound
from broker.guard import Action, Caller, OpenGuard
from broker.model.entity import Entity
from broker.query.ast import And, EntityQuery, IdIn
from broker.store.memory import MemoryStore
from tests.support.asgi import Ticking

CALLER = Caller(client="app", user="someone")
ID = "urn:x:1"


class Watchful(OpenGuard):
    """Notes what it is asked; refuses what it is told to."""

    transparent = False

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.refused: frozenset[str] = frozenset()
        self.hidden = False

    def allow(self, caller: Caller, tenant: str, action: Action, entity_id: str | None) -> None:
        self.asked.append(("allow", caller, tenant, action, entity_id))
        self._refuse("allow")

    def may_write(
        self, caller: Caller, tenant: str, before: Entity | None, after: Entity | None
    ) -> None:
        self.asked.append(("write", caller, tenant, before and before["id"], after and after["id"]))
        self._refuse("write")

    def narrow(self, caller: Caller, tenant: str, query: EntityQuery) -> EntityQuery:
        self.asked.append(("narrow", caller, tenant))
        return replace(query, where=And((query.where, IdIn(("urn:x:2",)))))

    def view(self, caller: Caller, tenant: str, entity: Entity) -> Entity | None:
        self.asked.append(("view", caller, tenant, entity["id"]))
        return None if self.hidden else entity

    def _refuse(self, what: str) -> None:
        if what in self.refused:
            raise Forbidden("No.", place="caller", remedy="None.")


def fragment(entity_id: str = ID) -> Entity:
    """Return a parsed entity."""
    return {"id": entity_id, "type": ["urn:t"], "attrs": {}}


def touch(entity: Entity, now: str) -> tuple[Entity, str]:
    """Return the entity changed, and a result."""
    return {**entity, "scope": ["/a"], "modifiedAt": now}, "told"


@pytest.fixture
async def entities() -> AsyncIterator[Entities]:
    """Give a service on an empty engine, with a watchful guard."""
    store = MemoryStore(clock=Ticking())
    await store.open()
    yield Entities(store, Watchful(), Ticking())
    await store.close()


def watching(entities: Entities) -> Watchful:
    """Return the guard."""
    assert isinstance(entities.guard, Watchful)
    return entities.guard


OPERATIONS: dict[str, tuple[Callable[[Entities], Awaitable[Any]], list[Any]]] = {
    "retrieve": (
        lambda entities: entities.retrieve(CALLER, "", Target(ID)),
        [("allow", CALLER, "", Action.READ, ID), ("view", CALLER, "", ID)],
    ),
    "query": (
        lambda entities: entities.query(CALLER, "", EntityQuery()),
        [("allow", CALLER, "", Action.READ, None), ("narrow", CALLER, "")],
    ),
    "create": (
        lambda entities: entities.create(CALLER, "", fragment("urn:x:9")),
        [("allow", CALLER, "", Action.CREATE, "urn:x:9"), ("write", CALLER, "", None, "urn:x:9")],
    ),
    "change": (
        lambda entities: entities.change(CALLER, "", Target(ID), touch),
        [
            ("allow", CALLER, "", Action.UPDATE, ID),
            ("view", CALLER, "", ID),
            ("write", CALLER, "", ID, ID),
        ],
    ),
    "delete": (
        lambda entities: entities.delete(CALLER, "", Target(ID)),
        [
            ("allow", CALLER, "", Action.DELETE, ID),
            ("view", CALLER, "", ID),
            ("write", CALLER, "", ID, None),
        ],
    ),
}
WRITES = ["create", "change", "delete"]


@pytest.mark.parametrize("name", OPERATIONS)
async def test_the_guard_is_asked(entities: Entities, name: str) -> None:
    run, asked = OPERATIONS[name]
    await entities.create(CALLER, "", fragment())
    watching(entities).asked.clear()
    await run(entities)
    assert watching(entities).asked == asked


@pytest.mark.parametrize("name", OPERATIONS)
async def test_a_refusal_comes_before_anything_is_looked_up(entities: Entities, name: str) -> None:
    run, asked = OPERATIONS[name]
    watching(entities).refused = frozenset({"allow"})
    with pytest.raises(Forbidden):
        await run(entities)
    assert watching(entities).asked == asked[:1]


@pytest.mark.parametrize("name", WRITES)
async def test_a_refused_change_writes_nothing(entities: Entities, name: str) -> None:
    await entities.create(CALLER, "", fragment())
    seq = entities.store.span()[1]
    watching(entities).refused = frozenset({"write"})
    with pytest.raises(Forbidden):
        await OPERATIONS[name][0](entities)
    assert entities.store.span()[1] == seq


@pytest.mark.parametrize("name", ["retrieve", "change", "delete"])
async def test_hidden_is_answered_like_absent(entities: Entities, name: str) -> None:
    with pytest.raises(ResourceNotFound) as absent:
        await OPERATIONS[name][0](entities)
    await entities.create(CALLER, "", fragment())
    watching(entities).hidden = True
    with pytest.raises(ResourceNotFound) as hidden:
        await OPERATIONS[name][0](entities)
    assert hidden.value.problem() == absent.value.problem()
    with pytest.raises(ResourceNotFound):
        await entities.delete(CALLER, "", Target(ID, guarded=True, versions=frozenset({7})))


async def test_a_query_is_narrowed_before_it_is_counted(entities: Entities) -> None:
    for number in range(1, 4):
        await entities.create(CALLER, "", fragment(f"urn:x:{number}"))
    page = await entities.query(CALLER, "", EntityQuery(count=True))
    assert ([record.id for record in page.records], page.total) == (["urn:x:2"], 1)


async def test_an_edit_that_returns_its_input_writes_nothing(entities: Entities) -> None:
    await entities.create(CALLER, "", fragment())
    record, told = await entities.change(CALLER, "", Target(ID), lambda entity, now: (entity, 5))
    assert (record.version, told, entities.store.span()[1]) == (1, 5, 1)


async def test_versions_are_compared_with_what_is_stored(entities: Entities) -> None:
    await entities.create(CALLER, "", fragment())
    stale = Target(ID, guarded=True, versions=frozenset({2, 3}))
    with pytest.raises(PreconditionFailed):
        await entities.change(CALLER, "", stale, touch)
    record, told = await entities.change(
        CALLER, "", Target(ID, guarded=True, versions=frozenset({1, 3})), touch
    )
    assert (record.version, told) == (2, "told")


async def test_a_type_selection_is_judged_on_what_is_stored(entities: Entities) -> None:
    await entities.create(CALLER, "", fragment())
    with pytest.raises(ResourceNotFound):
        await entities.delete(CALLER, "", Target(ID, matches=lambda entity: False))
    await entities.delete(CALLER, "", Target(ID, matches=lambda entity: True))


@pytest.mark.parametrize("members", [None, Members(frozenset({"urn:a"}), keep=False)])
async def test_a_refusal_of_a_purge_comes_before_anything_is_looked_up(
    entities: Entities, members: Members | None
) -> None:
    watching(entities).refused = frozenset({"allow"})
    with pytest.raises(Forbidden):
        await purge(entities, CALLER, "", IdIn((ID,)), members)
    action = Action.DELETE if members is None else Action.UPDATE
    assert watching(entities).asked == [("allow", CALLER, "", action, None)]
