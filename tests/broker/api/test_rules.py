"""`/ngsi-ld/ex/v1/typeRules`, and that writes obey the rules, whoever writes."""

from typing import Any

import pytest

from tests.broker.api.data import (
    ENTITIES,
    ERRORS,
    EX,
    INLINE,
    LD,
    OPERATIONS,
    TRANSACTIONS,
    gauge,
    urn,
)
from tests.support.asgi import Answer, Client

RULES = f"{EX}/typeRules"
ONE = f"{ENTITIES}/{urn(1)}"


def posting(number: int, amount: float, currency: str = "KIJI") -> dict[str, Any]:
    """Return one posting of a ledger."""
    return {"id": urn(number, "Posting"), "type": "Posting", "amount": amount, "currency": currency}


async def transact(client: Client, *entities: dict[str, Any]) -> Answer:
    """Create entities in one transaction."""
    operations = [{"op": "create", "entity": entity} for entity in entities]
    return await client.post(TRANSACTIONS, {"operations": operations})


def refused_by(answer: Answer, rule: str) -> bool:
    """Tell whether a rule refused, having checked the problem's form."""
    problem = answer.problem
    assert (answer.status, problem["type"]) == (409, ERRORS + "Conflict")
    return bool(problem["rule"] == rule)


async def test_rules_are_listed_as_they_were_set(client: Client) -> None:
    rules = {
        "appendOnly": True,
        "writer": ["a", "b"],
        "balanced": {"attribute": "amount", "by": "currency"},
        "bounded": [{"attribute": "level", "min": 0}, {"attribute": "size", "min": 1, "max": 2.5}],
        "unlisted": True,
    }
    assert (await client.get(RULES)).json() == []
    assert (await client.put(f"{RULES}/Posting", rules)).status == 204
    assert (await client.get(RULES)).json() == [{"type": "Posting", **rules}]
    assert (await client.put(f"{RULES}/Posting", {"appendOnly": True})).status == 204
    assert (await client.get(RULES)).json() == [{"type": "Posting", "appendOnly": True}]
    assert (await client.delete(f"{RULES}/Posting")).status == 204
    assert (await client.get(RULES)).json() == []
    assert (await client.delete(f"{RULES}/Posting")).status == 404


async def test_rules_are_by_iri(quick: Client) -> None:
    body = {"@context": INLINE, "bounded": [{"attribute": "level", "min": 0}]}
    assert (await quick.request("PUT", f"{RULES}/Gauge", LD, json=body)).status == 204
    (told,) = (await quick.get(RULES)).json()
    assert told["type"] == INLINE["Gauge"]
    assert told["bounded"][0]["attribute"] == INLINE["level"]


async def test_append_only_entities_are_created_and_never_changed(client: Client) -> None:
    await client.put(f"{RULES}/Gauge", {"appendOnly": True})
    assert (await client.post(ENTITIES, gauge())).status == 201
    for answer in (
        await client.patch(f"{ONE}/attrs", {"level": 2}),
        await client.patch(ONE, {"level": 2}),
        await client.put(ONE, {"id": urn(1), "type": "Other"}),
        await client.delete(ONE),
    ):
        assert refused_by(answer, "appendOnly")
    batch = await client.post(f"{OPERATIONS}/upsert", [gauge(level=9), gauge(2)])
    assert batch.json()["success"] == [urn(2)]
    assert batch.json()["errors"][0]["error"]["rule"] == "appendOnly"
    assert (await client.get(f"{ONE}?format=simplified")).json() == gauge()


async def test_only_named_clients_write(client: Client) -> None:
    await client.put(f"{RULES}/Gauge", {"writer": ["ledger"]})
    assert refused_by(await client.post(ENTITIES, gauge()), "writer")
    ledger = {"machi-client": "ledger"}
    assert (await client.post(ENTITIES, gauge(), ledger)).status == 201
    assert refused_by(await client.delete(ONE, {"machi-client": "other"}), "writer")
    assert (await client.delete(ONE, ledger)).status == 204


async def test_postings_must_balance_for_each_currency_in_one_transaction(client: Client) -> None:
    rules = {"appendOnly": True, "balanced": {"attribute": "amount", "by": "currency"}}
    await client.put(f"{RULES}/Posting", rules)
    assert refused_by(await client.post(ENTITIES, posting(1, 100)), "balanced")
    assert refused_by(await transact(client, posting(1, 100), posting(2, -99)), "balanced")
    crossed = await transact(client, posting(1, 100), posting(2, -100, "YEN"))
    assert refused_by(crossed, "balanced")
    assert (await client.get(f"{ENTITIES}?type=Posting")).json() == []
    tenths = [posting(1, 0.1), posting(2, 0.2), posting(3, -0.3)]
    assert (await transact(client, *tenths)).status == 200
    batch = await client.post(f"{OPERATIONS}/create", [posting(8, 5), posting(9, -5)])
    assert batch.json()["success"] == []


async def test_numbers_stay_within_their_bounds(client: Client) -> None:
    await client.put(f"{RULES}/Gauge", {"bounded": [{"attribute": "level", "min": 0, "max": 10}]})
    assert refused_by(await client.post(ENTITIES, gauge(level=-1)), "bounded")
    await client.post(ENTITIES, gauge(level=5))
    assert refused_by(await client.patch(f"{ONE}/attrs/level", {"value": 11}), "bounded")
    add = {"op": "add", "id": urn(1), "attribute": "level", "value": 6}
    answer = await client.post(TRANSACTIONS, {"operations": [add]})
    assert refused_by(answer, "bounded")
    assert answer.problem["operation"] == 0
    assert (await client.get(f"{ONE}?format=simplified")).json() == gauge(level=5)


async def test_rules_hold_for_their_tenant_only(client: Client) -> None:
    await client.put(f"{RULES}/Gauge", {"writer": []})
    assert refused_by(await client.post(ENTITIES, gauge()), "writer")
    assert (await client.post(ENTITIES, gauge(), {"ngsild-tenant": "drill"})).status == 201


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([], "body:/"),
        ({"nonsense": 1}, "body:/nonsense"),
        ({"appendOnly": "yes"}, "body:/appendOnly"),
        ({"writer": "me"}, "body:/writer"),
        ({"writer": [1]}, "body:/writer"),
        ({"balanced": "amount"}, "body:/balanced"),
        ({"balanced": {"by": "x"}}, "body:/balanced"),
        ({"balanced": {"attribute": 1}}, "body:/balanced/attribute"),
        ({"balanced": {"attribute": "a-b"}}, "body:/balanced/attribute"),
        ({"bounded": {}}, "body:/bounded"),
        ({"bounded": [1]}, "body:/bounded/0"),
        ({"bounded": [{"min": 1}]}, "body:/bounded/0/attribute"),
        ({"bounded": [{"attribute": "a", "min": True}]}, "body:/bounded/0/min"),
        ({"bounded": [{"attribute": "a", "minimum": 1}]}, "body:/bounded/0"),
    ],
)
async def test_malformed_rules_are_refused(quick: Client, body: Any, place: str) -> None:
    answer = await quick.put(f"{RULES}/Gauge", body)
    assert answer.status == 400
    assert answer.problem["place"] == place


async def test_rules_need_a_type_name(quick: Client) -> None:
    answer = await quick.put(f"{RULES}/a-b", {"appendOnly": True})
    assert answer.problem["place"] == "path:type"
