"""Each route asks the guard, for each thing it does: one that refuses this is obeyed.

The tripwire test says what is hidden; this one says that a refusal reaches the caller, and not only
the hiding that comes after it.
"""

import pytest

from broker.api.routes import TABLE
from broker.entities.service import Target
from broker.errors import Forbidden
from broker.guard import Action, Caller, OpenGuard
from broker.model.entity import Entity
from broker.store.memory import MemoryStore
from tests.broker.tripwire.hidden import EX, VISIBLE, Probe, get
from tests.broker.tripwire.probes import PROBES
from tests.support.asgi import Ticking, running

READ, CREATE, UPDATE, DELETE = Action.READ, Action.CREATE, Action.UPDATE, Action.DELETE
SUBSCRIBE, ADMINISTER = Action.SUBSCRIBE, Action.ADMINISTER
ENTITIES = "/ngsi-ld/v1/entities"

ASKED: dict[str, tuple[Action, ...]] = {
    "query_entities": (READ,),
    "create_entity": (CREATE,),
    "purge_entities": (DELETE, READ, UPDATE),
    "retrieve_entity": (READ,),
    "replace_entity": (UPDATE,),
    "merge_entity": (UPDATE,),
    "delete_entity": (DELETE,),
    "append_attributes": (UPDATE,),
    "update_attributes": (UPDATE,),
    "partial_attribute_update": (UPDATE,),
    "replace_attribute": (UPDATE,),
    "delete_attribute": (UPDATE,),
    "batch_create": (CREATE,),
    "batch_upsert": (CREATE, UPDATE),
    "batch_update": (UPDATE,),
    "batch_merge": (UPDATE,),
    "query_by_post": (READ,),
    "batch_delete": (DELETE,),
    "list_types": (READ,),
    "retrieve_type": (READ,),
    "list_attributes": (READ,),
    "retrieve_attribute": (READ,),
    "query_history": (READ,),
    "upsert_history": (CREATE, UPDATE),
    "retrieve_history": (READ,),
    "delete_history": (DELETE,),
    "append_history": (UPDATE,),
    "delete_attribute_history": (UPDATE,),
    "modify_instance": (UPDATE,),
    "delete_instance": (UPDATE,),
    "query_history_by_post": (READ,),
    "create_subscription": (SUBSCRIBE,),
    "query_subscriptions": (SUBSCRIBE,),
    "retrieve_subscription": (SUBSCRIBE,),
    "update_subscription": (SUBSCRIBE,),
    "delete_subscription": (SUBSCRIBE,),
    "explain_subscription": (READ, SUBSCRIBE),
    "add_context": (CREATE,),
    "list_contexts": (READ,),
    "serve_context": (READ,),
    "delete_context": (ADMINISTER,),
    "create_registration": (ADMINISTER,),
    "query_registrations": (ADMINISTER, READ),
    "retrieve_registration": (READ,),
    "update_registration": (ADMINISTER,),
    "delete_registration": (ADMINISTER,),
    "create_registration_subscription": (SUBSCRIBE,),
    "query_registration_subscriptions": (SUBSCRIBE,),
    "retrieve_registration_subscription": (SUBSCRIBE,),
    "update_registration_subscription": (SUBSCRIBE,),
    "delete_registration_subscription": (SUBSCRIBE,),
    "run_transaction": (CREATE, DELETE, READ, UPDATE),
    "stream": (READ,),
    "explain_query": (ADMINISTER, READ),
    "issue_ticket": (READ,),
    "list_type_rules": (ADMINISTER,),
    "put_type_rules": (ADMINISTER,),
    "delete_type_rules": (ADMINISTER,),
    "query_dead_letters": (SUBSCRIBE,),
    "retrieve_dead_letter": (SUBSCRIBE,),
    "replay_dead_letter": (SUBSCRIBE,),
    "discard_dead_letter": (SUBSCRIBE,),
    "replay_dead_letters": (SUBSCRIBE,),
    "discard_dead_letters": (SUBSCRIBE,),
    "books": (ADMINISTER, SUBSCRIBE),
    "operator": (ADMINISTER,),
}
"""What a route asks for before it looks anything up."""

UNASKED = frozenset(
    {
        *("health", "ready", "metrics", "openapi", "docs", "explain_term", "source_identity"),
        *("sign_in", "sign_out", "current_session", "operator_sign_in", "operator_sign_out"),
        *("list_keys", "make_key", "rotate_key", "revoke_key", "list_counts", "retrieve_counts"),
        *("note_disclosures", "websocket", "disclosures", "operator_replay", "operator_discard"),
    }
)
"""Routes that show nothing of a tenant, or ask later: for a stream, a person, a form's token."""

MORE: dict[str, list[Probe]] = {
    "stream": [get(f"{EX}/stream", type="Gauge")],
    "issue_ticket": [Probe("POST", f"{EX}/tickets")],
}


DETAILS = frozenset({("query_registrations", ADMINISTER), ("explain_query", ADMINISTER)})
"""Where a refusal leaves something out of the answer, and is no refusal of the whole."""

WRITES = sorted(
    name
    for name, actions in ASKED.items()
    if {CREATE, UPDATE, DELETE}.intersection(actions) and name != "add_context"
)


class Refusing(OpenGuard):
    """Refuses one action, or where that is None every write as it is made."""

    def __init__(self) -> None:
        self.action: Action | None = READ
        self.on = False

    def allow(self, caller: Caller, tenant: str, action: Action, entity_id: str | None) -> None:
        if self.on and action is self.action:
            raise refused()

    def may_write(
        self, caller: Caller, tenant: str, before: Entity | None, after: Entity | None
    ) -> None:
        if self.on and self.action is None:
            raise refused()


def refused() -> Forbidden:
    """Return the refusal that is looked for."""
    return Forbidden("The guard says no.", place="caller", remedy="Ask somebody else.")


async def is_refused(route: str, action: Action | None) -> bool:
    """Drive a route past a guard that refuses something; tell whether that reaches the caller."""
    guard = Refusing()
    async with running(MemoryStore(clock=Ticking()), guard=guard) as client:
        for entity in VISIBLE:
            await client.post(ENTITIES, entity)
        await client.broker.delivery.close()
        for probe in MORE.get(route, PROBES[route]):
            found = TABLE.find(probe.path.partition("?")[0].encode())
            assert found is not None
            mine = found.routes.get(probe.method)
            guard.action, guard.on = action, mine is not None and mine.name == route
            if guard.on and b"The guard says no." in (await probe.send(client)).body:
                return True
            if not guard.on:
                await probe.send(client)
    return False


@pytest.mark.parametrize(
    ("route", "action"),
    [
        (name, action)
        for name, actions in ASKED.items()
        for action in actions
        if (name, action) not in DETAILS
    ],
)
async def test_refusal_of_what_a_route_does_reaches_the_caller(route: str, action: Action):
    assert await is_refused(route, action)


@pytest.mark.parametrize("route", WRITES)
async def test_refusal_of_a_write_as_it_is_made_reaches_the_caller(route: str):
    assert await is_refused(route, None)


def test_every_route_asks_or_says_why_not():
    assert {route.name for route in TABLE.routes} == {*ASKED, *UNASKED}


async def test_end_of_an_attribute_known_only_from_history_is_refused_before_it_is_looked_up():
    guard = Refusing()
    guard.action, guard.on = UPDATE, True
    async with running(MemoryStore(clock=Ticking()), guard=guard) as client:
        target = Target("urn:ngsi-ld:Gauge:nowhere")
        with pytest.raises(Forbidden):
            await client.broker.amendments.end_attribute(Caller(), "", target, "urn:a", None)
