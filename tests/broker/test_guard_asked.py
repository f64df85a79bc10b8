"""Each route asks the guard, for each thing it does: one that refuses this is obeyed.

The tripwire test says what is hidden; this one says that a refusal reaches the caller, and not only
the hiding that comes after it.
"""

import pytest

from broker.api.routes import TABLE
from broker.errors import Forbidden
from broker.guard import Action, Caller, OpenGuard
from broker.model.entity import Entity
from broker.store.memory import MemoryStore
from tests.broker.tripwire.asked import ASKED, UNASKED
from tests.broker.tripwire.hidden import EX, VISIBLE, Probe, get
from tests.broker.tripwire.probes import PROBES
from tests.support.asgi import Ticking, running

READ, CREATE, UPDATE, DELETE = Action.READ, Action.CREATE, Action.UPDATE, Action.DELETE
SUBSCRIBE, ADMINISTER = Action.SUBSCRIBE, Action.ADMINISTER
ENTITIES = "/ngsi-ld/v1/entities"

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
