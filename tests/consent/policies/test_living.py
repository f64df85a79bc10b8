"""Policies kept as entities: checked as they are written, in force with the answer."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from broker.jsonld.core import CORE_CONTEXT
from broker.store.contract import Tx
from broker.store.memory import MemoryStore
from consent.guard import PolicyGuard
from consent.identity.model import Client as Known
from consent.policies.document import PolicyError
from consent.policies.living import LivingPolicies
from tests.support.asgi import Answer, Client, Ticking, running
from tests.support.policies import Known as Clients

ENTITIES = "/ngsi-ld/v1/entities"
VOCABULARY = "https://uri.etsi.org/ngsi-ld/default-context/"
expand = CORE_CONTEXT.expand
ID = "urn:ngsi-ld:DataUsePolicy:gauges"


def policy(**members: Any) -> dict[str, Any]:
    """Return a policy that opens gauges to everybody, in key-values form."""
    return {
        "id": ID,
        "type": "DataUsePolicy",
        "status": "active",
        "policyKind": "publicOpen",
        "odrl": {"permission": [{"action": ["read"]}]},
        "target": {"types": ["Gauge"]},
        **members,
    }


SEED = [
    policy(
        id="urn:ngsi-ld:DataUsePolicy:all",
        policyKind="internal",
        assignee=["role:administrator"],
        target={},
        odrl={"permission": [{"action": ["read", "create", "update", "delete", "administer"]}]},
    ),
    policy(id="urn:ngsi-ld:DataUsePolicy:parks", target={"types": ["Park"]}),
]


class Town:
    """A broker whose administrator keeps policies."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def ask(self, method: str, path: str, body: Any = None, key: str = "admin") -> Answer:
        """Send a request with the administrator's key, or with none."""
        headers = {"authorization": f"Bearer {key}"} if key else {}
        if body is None:
            return await self.client.request(method, path, headers)
        return await self.client.request(method, path, headers, json=body)

    async def sees(self, kind: str) -> bool:
        """Tell whether anybody sees the entity of a type."""
        answer = await self.ask("GET", f"{ENTITIES}?type={kind}", key="")
        return answer.status == 200 and len(answer.json()) == 1


def guard() -> PolicyGuard:
    """Return a guard that follows the policies of a store."""
    made = PolicyGuard(Clients(Known("admin", frozenset({"administrator"}))), (), Ticking())
    made.policies = LivingPolicies(SEED, expand, made.decide_by)
    return made


@pytest.fixture
async def town() -> AsyncIterator[Town]:
    """Give a town with a gauge and a park."""
    one = guard()
    async with running(MemoryStore(clock=Ticking()), guard=one) as client:
        await one.begin(client.broker.store)
        made = Town(client)
        for kind in ("Gauge", "Park"):
            body = {"id": f"urn:x:{kind}", "type": kind}
            assert (await made.ask("POST", ENTITIES, body)).status == 201
        yield made


async def test_policy_is_in_force_with_the_answer_and_out_of_it_likewise(town: Town):
    assert not await town.sees("Gauge")
    assert (await town.ask("POST", ENTITIES, policy())).status == 201
    assert await town.sees("Gauge")
    assert (await town.ask("DELETE", f"{ENTITIES}/{ID}")).status == 204
    assert not await town.sees("Gauge")


async def test_change_of_a_policy_counts_at_once(town: Town):
    await town.ask("POST", ENTITIES, policy())
    path = f"{ENTITIES}/{ID}/attrs/status"
    assert (await town.ask("PATCH", path, {"value": "retired"})).status == 204
    assert not await town.sees("Gauge")


OTHER = "urn:ngsi-ld:DataUsePolicy:other"
PROHIBITION = {"odrl": {"prohibition": [{"action": ["read"]}]}}
SQUARE = {
    "type": "Polygon",
    "coordinates": [[[130, 32], [131, 32], [131, 33], [130, 33], [130, 32]]],
}
HERE = {"type": "Point", "coordinates": [130.5, 32.5]}
AWAY = {"type": "Point", "coordinates": [131.5, 32.5]}
GAUGE = f"{ENTITIES}/urn:x:Gauge"
CLOSINGS: dict[str, tuple[dict[str, Any], tuple[str, str, Any]]] = {
    "its policy is removed": ({}, ("DELETE", f"{ENTITIES}/{ID}", None)),
    "its policy is retired": (
        {},
        ("PATCH", f"{ENTITIES}/{ID}/attrs/status", {"value": "retired"}),
    ),
    "its policy is of others": (
        {},
        ("POST", f"{ENTITIES}/{ID}/attrs", {"assignee": ["role:staff"]}),
    ),
    "its policy is for a purpose": (
        {},
        ("POST", f"{ENTITIES}/{ID}/attrs", {"purposes": ["urn:ngsi-ld:DataPurpose:study"]}),
    ),
    "its policy is about a scope": (
        {},
        ("PATCH", f"{ENTITIES}/{ID}/attrs/target", {"value": {"types": ["Gauge"], "scope": "/x"}}),
    ),
    "a policy prohibits the type": ({}, ("POST", ENTITIES, policy(id=OTHER, **PROHIBITION))),
    "the type becomes personal": (
        {},
        (
            "POST",
            ENTITIES,
            policy(
                id=OTHER,
                policyKind="consentBound",
                assignee=["role:app"],
                purposes=["urn:ngsi-ld:DataPurpose:study"],
            ),
        ),
    ),
    "it leaves the scope": (
        {"target": {"types": ["Gauge"], "scope": "/kuma"}},
        ("PATCH", GAUGE, {"scope": "/midori"}),
    ),
    "it leaves the area": (
        {"target": {"types": ["Gauge"], "area": SQUARE}},
        ("PATCH", f"{GAUGE}/attrs/location", {"value": AWAY}),
    ),
    "it leaves the condition": (
        {"target": {"types": ["Gauge"], "q": "level<3"}},
        ("PATCH", f"{GAUGE}/attrs/level", {"value": 3}),
    ),
}
"""By what happens: the policy that opened an entity, and the request after which it does not."""


@pytest.mark.parametrize("what", CLOSINGS)
async def test_what_everybody_was_shown_is_hidden_at_once_when(town: Town, what: str):
    opened, closing = CLOSINGS[what]
    body = {"level": 2, "scope": "/kuma", "location": HERE}
    await town.ask("POST", f"{GAUGE}/attrs", body)
    await town.ask("POST", ENTITIES, policy(**opened))
    for _ in range(3):
        assert (await town.ask("GET", GAUGE, key="")).status == 200
    assert (await town.ask(*closing)).status in (201, 204)
    assert (await town.ask("GET", GAUGE, key="")).status in (401, 404)


async def test_entity_of_a_second_type_that_is_prohibited_is_hidden_at_once(town: Town):
    await town.ask("POST", ENTITIES, policy())
    await town.ask("POST", ENTITIES, policy(id=OTHER, target={"types": ["Weir"]}, **PROHIBITION))
    for _ in range(3):
        assert (await town.ask("GET", GAUGE, key="")).status == 200
    assert (await town.ask("PATCH", GAUGE, {"type": ["Gauge", "Weir"]})).status == 204
    assert (await town.ask("GET", GAUGE, key="")).status in (401, 404)


async def test_attribute_that_a_policy_takes_out_is_hidden_at_once(town: Town):
    await town.ask("POST", f"{GAUGE}/attrs", {"level": 2, "name": "Kuma"})
    await town.ask("POST", ENTITIES, policy())
    for _ in range(3):
        assert "name" in (await town.ask("GET", GAUGE, key="")).json()
    hiding = policy(id=OTHER, target={"types": ["Gauge"], "attributes": ["name"]}, **PROHIBITION)
    await town.ask("POST", ENTITIES, hiding)
    assert "name" not in (await town.ask("GET", GAUGE, key="")).json()
    await town.ask("DELETE", f"{ENTITIES}/{OTHER}")
    assert "name" in (await town.ask("GET", GAUGE, key="")).json()


async def test_what_everybody_sees_is_rendered_once(town: Town):
    await town.ask("POST", ENTITIES, policy())
    first = await town.ask("GET", GAUGE, key="")
    rendered = town.client.broker.rendered
    kept = rendered.figures()["rendered_bytes"]
    assert kept > 0
    assert (await town.ask("GET", GAUGE, key="")).body == first.body
    assert rendered.figures()["rendered_bytes"] == kept


async def test_entity_takes_the_place_of_the_seed_and_the_seed_its_place_again(town: Town):
    assert await town.sees("Park")
    seeded = SEED[1]["id"]
    await town.ask("POST", ENTITIES, policy(id=seeded, status="retired"))
    assert not await town.sees("Park")
    await town.ask("DELETE", f"{ENTITIES}/{seeded}")
    assert await town.sees("Park")


@pytest.mark.parametrize(
    ("spoilt", "place"),
    [
        ({"odrl": {"permission": [{"action": ["fly"]}]}}, "/odrl/permission/0/action/0"),
        ({"target": {"colours": ["red"]}}, "/target/colours"),
        ({"target": {"q": "a=="}}, "/target/q"),
        ({"policyKind": "internal"}, "/assignee"),
        ({"status": "perhaps"}, "/status"),
        ({"colour": "red"}, f"/{VOCABULARY}colour"),
    ],
)
async def test_policy_that_cannot_be_read_is_refused_with_the_place(
    town: Town, spoilt: dict[str, Any], place: str
):
    answer = await town.ask("POST", ENTITIES, policy(**spoilt))
    assert (answer.status, answer.problem["place"]) == (400, f"entity:{place}")
    assert not await town.sees("Gauge")


async def test_change_that_spoils_a_policy_is_refused_and_it_stays_in_force(town: Town):
    await town.ask("POST", ENTITIES, policy())
    path = f"{ENTITIES}/{ID}/attrs/target"
    answer = await town.ask("PATCH", path, {"value": {"types": []}})
    assert (answer.status, answer.problem["place"]) == (400, "entity:/target/types")
    assert await town.sees("Gauge")


async def test_part_of_a_policy_does_not_expire(town: Town):
    await town.ask("POST", ENTITIES, policy())
    path = f"{ENTITIES}/{ID}/attrs/target"
    answer = await town.ask("PATCH", path, {"expiresAt": "2099-01-01T00:00:00Z"})
    assert (answer.status, answer.problem["place"]) == (400, "entity:/target")


async def test_policy_of_another_tenant_opens_nothing(town: Town):
    headers = {"authorization": "Bearer admin", "ngsild-tenant": "drill"}
    answer = await town.client.request("POST", ENTITIES, headers, json=policy())
    assert answer.status == 201
    assert not await town.sees("Gauge")


async def test_administrators_can_always_mend_policies(town: Town):
    seeded = SEED[0]["id"]
    await town.ask("POST", ENTITIES, policy(id=seeded, status="retired"))
    assert (await town.ask("GET", f"{ENTITIES}?type=Gauge")).json() == []
    assert (await town.ask("DELETE", f"{ENTITIES}/{seeded}")).status == 204
    assert len((await town.ask("GET", f"{ENTITIES}?type=Gauge")).json()) == 1


async def test_policies_are_there_again_after_a_start():
    store = MemoryStore(clock=Ticking())
    first = guard()
    async with running(store, guard=first) as client:
        await first.begin(store)
        town = Town(client)
        await town.ask("POST", ENTITIES, {"id": "urn:x:Gauge", "type": "Gauge"})
        await town.ask("POST", ENTITIES, policy())
        second = guard()
        await second.begin(store)
        anybody = second.identify({})
        entity = (await store.get("", "urn:x:Gauge")).entity  # type: ignore[union-attr]
        assert second.view(anybody, "", entity) == entity


async def test_faulty_policy_in_the_store_keeps_the_broker_from_starting():
    store = MemoryStore(clock=Ticking())
    async with running(store):
        attrs = {expand("status"): {"@none": {"type": "Property", "value": "perhaps"}}}

        async def work(tx: Tx) -> None:
            await tx.put({"id": ID, "type": [expand("DataUsePolicy")], "attrs": attrs}, None)

        await store.write("", work, create_tenant=True)
        with pytest.raises(PolicyError, match=ID):
            await guard().begin(store)
