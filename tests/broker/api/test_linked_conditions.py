"""A subscription's `q` that looks at linked entities (§4.9), judged by the state in the store."""

from __future__ import annotations

from typing import Any

import pytest

from broker.guard import Caller, OpenGuard
from broker.model.entity import Entity
from broker.query.linked import MOST
from broker.store.contract import Committed
from broker.subscriptions.matching import Matching
from tests.broker.api.data import ENTITIES, EX, V1
from tests.broker.subscriptions.changes import change, gauge, stored
from tests.support.asgi import Client

TRANSACTIONS = f"{EX}/transactions"
SUBSCRIPTIONS = f"{V1}/subscriptions"
S = "urn:ngsi-ld:Subscription:linked"


def device(number: int, battery: float) -> dict[str, Any]:
    return {"id": f"urn:d:{number}", "type": "Device", "battery": battery}


def vehicle(number: int, *devices: int) -> dict[str, Any]:
    targets = [f"urn:d:{each}" for each in devices]
    linked = {"type": "Relationship", "object": targets[0] if len(targets) == 1 else targets}
    return {"id": f"urn:v:{number}", "type": "Vehicle", "linked": linked}


async def subscribe(client: Client, **members: Any) -> None:
    body = {
        "id": S,
        "type": "Subscription",
        "entities": [{"type": "Vehicle"}],
        "notification": {"endpoint": {"uri": "http://localhost:9999/"}},
        **members,
    }
    answer = await client.post(SUBSCRIPTIONS, body)
    assert answer.status == 201, answer.body


async def told_of(client: Client) -> list[str]:
    """Return the ids of the entities of which the subscription was due a notification."""
    return [
        each.entity_id
        for each in await client.broker.store.changes(0)
        if await is_due(client, each.seq)
    ]


async def is_due(client: Client, seq: int) -> bool:
    answer = await client.get(f"{EX}/subscriptions/{S}/explain?seq={seq}")
    assert answer.status == 200, answer.body
    return all(
        step["held"] for step in answer.json()["conditions"] if step["condition"] != "delivery"
    )


async def queued(client: Client) -> int:
    """Return how many notifications the books have."""
    stored_one = await client.broker.store.outbox.get("", S)
    assert stored_one is not None
    return stored_one.books.queued


async def test_only_who_is_linked_with_what_satisfies_it_is_told_of(client: Client) -> None:
    for each in (device(1, 0.3), device(2, 0.9)):
        await client.post(ENTITIES, each)
    await subscribe(client, q="linked{battery}<0.5")
    await client.post(ENTITIES, vehicle(1, 2))
    assert await queued(client) == 0
    await client.post(ENTITIES, vehicle(2, 2, 1))
    await client.post(ENTITIES, vehicle(3, 7))
    assert await queued(client) == 1
    assert await told_of(client) == ["urn:v:2"]


async def test_the_state_at_the_change_counts_and_not_that_of_today(client: Client) -> None:
    await client.post(ENTITIES, device(1, 0.9))
    await subscribe(client, q="linked{battery}<0.5")
    await client.post(ENTITIES, vehicle(1, 1))
    patched = await client.request("PATCH", f"{ENTITIES}/urn:d:1/attrs", json={"battery": 0.1})
    assert patched.status == 204
    assert await queued(client) == 0
    await client.request(
        "PATCH", f"{ENTITIES}/urn:v:1/attrs", json={"linked": vehicle(1, 1)["linked"]}
    )
    assert await queued(client) == 1
    assert [await is_due(client, seq) for seq in (2, 4)] == [False, True]


async def test_a_transaction_is_judged_change_by_change(client: Client) -> None:
    await subscribe(client, q="linked{battery}<0.5")
    operations = [
        {"op": "create", "entity": vehicle(1, 1)},
        {"op": "create", "entity": device(1, 0.1)},
        {"op": "create", "entity": vehicle(2, 1)},
    ]
    answer = await client.post(TRANSACTIONS, {"operations": operations})
    assert answer.status == 200, answer.body
    assert await queued(client) == 1
    assert await told_of(client) == ["urn:v:2"]


async def test_explain_names_the_linked_entities(client: Client) -> None:
    await client.post(ENTITIES, device(1, 0.1))
    await client.post(ENTITIES, device(2, 0.9))
    await subscribe(client, q="linked{battery}<0.5")
    for one in (
        vehicle(1, 2, 1),
        vehicle(2, 2),
        vehicle(3, 7),
        {"id": "urn:v:4", "type": "Vehicle", "speed": 1},
    ):
        await client.post(ENTITIES, one)
    told = {}
    for number in (1, 2, 3, 4):
        answer = await client.get(f"{EX}/subscriptions/{S}/explain?entity=urn:v:{number}")
        (step,) = [each for each in answer.json()["conditions"] if each["condition"] == "q"]
        told[number] = (step["code"], step["text"])
    assert told[1][0] == "linkedHolds"
    assert "urn:d:1" in told[1][1]
    assert "urn:d:2" not in told[1][1]
    assert told[2][0] == "linkedFails"
    assert "urn:d:2" in told[2][1]
    assert told[3][0] == "linkedMissing"
    assert "urn:d:7" in told[3][1]
    assert told[4][0] == "attributeMissing"


async def test_it_may_be_followed_four_relationships_deep(client: Client) -> None:
    await subscribe(client, q="a{b{c{d{e}}}}==1")
    answer = await client.post(
        SUBSCRIPTIONS,
        {
            "type": "Subscription",
            "entities": [{"type": "Vehicle"}],
            "q": "a{b{c{d{e{f}}}}}==1",
            "notification": {"endpoint": {"uri": "http://localhost:9999/"}},
        },
    )
    assert (answer.status, answer.problem["place"]) == (400, "body:/q")


async def test_a_check_in_a_transaction_sees_what_the_transaction_wrote(client: Client) -> None:
    await client.post(ENTITIES, vehicle(1, 1))
    check = {"op": "check", "id": "urn:v:1", "q": "linked{battery}<0.5"}
    refused = await client.post(TRANSACTIONS, {"operations": [check]})
    assert refused.status == 412
    create = {"op": "create", "entity": device(1, 0.1)}
    passed = await client.post(TRANSACTIONS, {"operations": [create, check]})
    assert passed.status == 200, passed.body


def linked_gauge(*targets: str) -> Entity:
    entity = gauge("urn:a", level=1)
    entity["attrs"][next(iter(entity["attrs"])).replace("level", "linked")] = {
        f"urn:set:{number}": {"type": "Relationship", "object": target}
        for number, target in enumerate(targets)
    }
    return entity


class Veil(OpenGuard):
    """Hides the entity `urn:hidden` from everybody."""

    transparent = False

    def view(self, caller: Caller, tenant: str, entity: Entity) -> Entity | None:
        return None if entity["id"] == "urn:hidden" else entity

    def deliver(self, caller: Caller, tenant: str, committed: Committed) -> Committed | None:
        return committed


@pytest.mark.parametrize(("target", "due"), [("urn:hidden", 0), ("urn:seen", 1)])
def test_a_hidden_entity_satisfies_nothing(target: str, due: int) -> None:
    matching = Matching(Veil())
    matching.keep(stored(q="linked{level}==5"))
    far = {name: gauge(name, level=5) for name in ("urn:hidden", "urn:seen")}
    matched = matching.match([change(None, linked_gauge(target))], lambda _, name: far.get(name))
    assert len(matched.due) == due


def test_a_condition_that_looks_at_too_many_is_not_fulfilled_and_harms_no_other() -> None:
    matching = Matching()
    matching.keep(stored(1, q="linked{level}==5"))
    matching.keep(stored(2, q="level==1"))
    many = linked_gauge(*(f"urn:{number}" for number in range(MOST + 1)))
    matched = matching.match([change(None, many)], lambda _, name: gauge(name, level=4))
    assert [due.sid for due in matched.due] == [2]
