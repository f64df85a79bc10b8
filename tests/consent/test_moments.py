"""A policy ends while a request is under way: what was seen before is shown to nobody after."""

import pytest

from broker.guard import ANYONE, Action, Caller
from broker.model.entity import Entity
from broker.store.memory import MemoryStore
from consent.guard import PolicyGuard
from consent.policies.rule import Rule
from tests.support.asgi import Client, Ticking, running
from tests.support.policies import Known as Clients

ENTITIES = "/ngsi-ld/v1/entities"
GAUGE = "https://uri.etsi.org/ngsi-ld/default-context/Gauge"
LEVEL = "https://uri.etsi.org/ngsi-ld/default-context/level"
BEFORE, END = "2026-04-01T01:00:00.000000Z", "2026-04-01T02:00:00.000000Z"

OPEN = frozenset({GAUGE})
RULES = [
    Rule("writes", actions=frozenset(Action) - {Action.READ}),
    Rule("level", types=OPEN, attributes=frozenset({LEVEL})),
    Rule("everything", types=OPEN, until=END),
]


class Clock:
    """Stands before the end, then at it, once it was looked at so many times."""

    def __init__(self) -> None:
        self.left = 1_000_000

    def __call__(self) -> str:
        self.left -= 1
        return BEFORE if self.left >= 0 else END


class Slow(PolicyGuard):
    """A guard in whose town the policy ends as soon as an entity was seen."""

    def view(self, caller: Caller, tenant: str, entity: Entity) -> Entity | None:
        seen = super().view(caller, tenant, entity)
        assert isinstance(self.clock, Clock)
        self.clock.left = 0
        return seen


async def created(client: Client) -> None:
    """Make a gauge with a name that is in sight until the end only."""
    await client.post(ENTITIES, {"id": "urn:x:1", "type": "Gauge", "level": 1, "name": "Kuma"})


@pytest.mark.parametrize("path", ["/urn:x:1", "?type=Gauge"])
async def test_what_was_seen_before_the_end_is_not_kept_for_who_asks_after_it(path: str) -> None:
    guard = Slow(Clients(), RULES, Clock())
    async with running(MemoryStore(clock=Ticking()), guard=guard) as client:
        await created(client)
        assert b"Kuma" in (await client.get(ENTITIES + path)).body
        after = await client.get(f"{ENTITIES}/urn:x:1")
        assert (after.status, b"Kuma" in after.body) == (200, False)


@pytest.mark.parametrize("looks", range(4))
async def test_an_end_between_two_looks_at_the_clock_is_not_passed_over(looks: int) -> None:
    clock = Clock()
    guard = PolicyGuard(Clients(), RULES, clock)
    async with running(MemoryStore(clock=Ticking()), guard=guard) as client:
        await created(client)
        assert b"Kuma" in (await client.get(f"{ENTITIES}/urn:x:1")).body
        clock.left = looks
        guard.lens(ANYONE, "elsewhere")
        clock.left = 0
        assert b"Kuma" not in (await client.get(f"{ENTITIES}/urn:x:1")).body
