"""Writes of the temporal API (§5.6.11 to §5.6.16)."""

from typing import Any

import pytest

from tests.broker.api.data import ENTITIES, V1, refusal
from tests.support.asgi import Client

HISTORY = f"{V1}/temporal/entities"
ONE = f"{HISTORY}/urn:ngsi-ld:Gauge:1"
NOON, LATER = "2020-07-03T12:00:00Z", "2020-07-03T13:00:00Z"


def level(value: Any, at: str = NOON, **members: Any) -> dict[str, Any]:
    """Return an instance of a level."""
    return {"type": "Property", "value": value, "observedAt": at, **members}


def past(*levels: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return an EntityTemporal."""
    return {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", "level": list(levels), **members}


async def told(client: Client, name: str = "level", query: str = "") -> list[Any]:
    """Return the instances of an attribute without their ids."""
    answer = await client.get(f"{ONE}{query}")
    assert answer.status == 200, answer
    instances = answer.json().get(name, [])
    return [{k: v for k, v in one.items() if k != "instanceId"} for one in instances]


async def instance_of(client: Client, name: str = "level") -> str:
    """Return the instanceId of the first instance."""
    return str((await client.get(ONE)).json()[name][0]["instanceId"])


async def test_a_history_begins_with_201_and_its_place(client: Client) -> None:
    answer = await client.post(HISTORY, past(level(1), level(2, LATER)))
    assert (answer.status, answer.header("location"), answer.body) == (201, ONE, b"")
    assert await told(client) == [level(1), level(2, LATER)]


async def test_what_is_added_to_a_history_joins_it_by_its_time(client: Client) -> None:
    await client.post(HISTORY, past(level(2, LATER)))
    assert (await client.post(HISTORY, past(level(1)))).status == 204
    assert await told(client) == [level(1), level(2, LATER)]


async def test_an_instance_of_a_time_that_is_kept_takes_its_place(client: Client) -> None:
    await client.post(HISTORY, past(level(1)))
    before = await instance_of(client)
    await client.post(HISTORY, past(level(9)))
    assert await told(client) == [level(9)]
    assert await instance_of(client) == before


async def test_types_are_added(quick: Client) -> None:
    await quick.post(HISTORY, past(level(1)))
    await quick.post(HISTORY, {**past(level(2)), "type": ["Gauge", "Station"]})
    assert (await quick.get(ONE)).json()["type"] == ["Gauge", "Station"]


async def test_a_history_makes_no_entity(quick: Client) -> None:
    await quick.post(HISTORY, past(level(1)))
    assert (await quick.get(f"{ENTITIES}/urn:ngsi-ld:Gauge:1")).status == 404


async def test_a_null_is_kept_as_a_deletion(quick: Client) -> None:
    null = level("urn:ngsi-ld:null")
    await quick.post(HISTORY, past(null))
    (one,) = await told(quick)
    assert {**null, "deletedAt": one["deletedAt"]} == one


async def test_a_scope_may_have_a_history(quick: Client) -> None:
    scopes = [
        {"type": "Property", "value": "/A", "observedAt": NOON},
        {"type": "Property", "value": ["/B", "/C"], "observedAt": LATER},
    ]
    await quick.post(HISTORY, past(level(1), scope=scopes))
    assert await told(quick, "scope") == scopes


async def test_a_history_may_come_with_its_temporal_values(quick: Client) -> None:
    groups = [
        {"type": "Property", "values": [[1, NOON], [2, LATER]]},
        {"type": "Property", "datasetId": "urn:d:1", "values": [[3, NOON]]},
    ]
    names = {"type": "LanguageProperty", "languageMaps": [[{"languageMap": {"ja": "人吉"}}, NOON]]}
    await quick.post(HISTORY, {**past(), "level": groups, "name": names})
    shown = (await quick.get(f"{ONE}?format=temporalValues")).json()
    assert shown == {**past(), "level": groups, "name": names}


LIKE_INSTANCES: list[tuple[str, str, Any]] = [
    ("Property", "values", {"value": False}),
    ("Property", "values", {"value": None}),
    ("JsonProperty", "jsons", {"json": {"json": {}}}),
    ("LanguageProperty", "languageMaps", {"languageMap": {}}),
]


@pytest.mark.parametrize(("kind", "member", "value"), LIKE_INSTANCES)
async def test_a_temporal_value_that_looks_like_an_instance_stays_as_it_is(
    quick: Client, kind: str, member: str, value: Any
) -> None:
    given = {"type": kind, member: [[value, NOON]]}
    await quick.post(HISTORY, {**past(), "level": given})
    assert (await quick.get(f"{ONE}?format=temporalValues")).json()["level"] == given


REFUSED: list[tuple[Any, str]] = [
    ({}, "body:"),
    ({"id": "no-uri", "type": "Gauge"}, "body:/id"),
    ({"id": "urn:a:b"}, "body:"),
    (past(level(1, "2020-07-03T12:00:00+09:00")), "body:/level/0/observedAt"),
    (past({"type": "Property"}), "body:/level/0"),
    (past(level(1), expiresAt="urn:ngsi-ld:null"), "body:/expiresAt"),
    (past(level(1, instanceId="no uri")), "body:/level/0/instanceId"),
    (past(scope={"type": "Relationship", "object": "urn:a:b"}), "body:/scope"),
    (past(scope={"value": "/A", "unitCode": "X"}), "body:/scope/unitCode"),
    (past(scope=[{"value": "a//b"}]), "body:/scope/0/value"),
    (past(observedAt=1), "body:/observedAt"),
    (past(name={"type": "Property", "values": [[1]]}), "body:/name/values"),
    (past(name={"type": "Property", "values": 5}), "body:/name/values"),
    (past(name={"type": "Property", "values": [[1, "now"]]}), "body:/name/observedAt"),
    (past(name={"type": "Property", "values": [], "unitCode": "X"}), "body:/name/unitCode"),
    (past(location=level(1)), "body:/location"),
]


@pytest.mark.parametrize(("body", "place"), REFUSED)
async def test_what_is_no_history_is_refused_with_its_place(
    quick: Client, body: Any, place: str
) -> None:
    assert refusal(await quick.post(HISTORY, body)) == (400, "BadRequestData", place)
    assert (await quick.get(ONE)).status == 404


async def test_instances_are_appended_to_an_entity_with_history_only(client: Client) -> None:
    fragment = {"level": [level(2, LATER)]}
    assert (await client.post(f"{ONE}/attrs", fragment)).status == 404
    await client.post(HISTORY, past(level(1)))
    assert (await client.post(f"{ONE}/attrs", fragment)).status == 204
    assert await told(client) == [level(1), level(2, LATER)]


async def test_an_empty_fragment_is_refused(quick: Client) -> None:
    await quick.post(HISTORY, past(level(1)))
    assert refusal(await quick.post(f"{ONE}/attrs", {})) == (400, "BadRequestData", "body:")


@pytest.mark.parametrize("body", [level(9, LATER), {"level": [level(9, LATER)]}])
async def test_a_modified_instance_keeps_its_id_and_creation(client: Client, body: Any) -> None:
    await client.post(HISTORY, past(level(1)))
    (before,) = (await client.get(f"{ONE}?options=sysAttrs")).json()["level"]
    path = f"{ONE}/attrs/level/{before['instanceId']}"
    assert (await client.patch(path, body)).status == 204
    (after,) = (await client.get(f"{ONE}?options=sysAttrs")).json()["level"]
    assert after["modifiedAt"] > before["modifiedAt"]
    assert after == {**before, **level(9, LATER), "modifiedAt": after["modifiedAt"]}


@pytest.mark.parametrize("body", [{"level": [level(1), level(2, LATER)]}, {"level": []}])
async def test_exactly_one_instance_takes_the_place_of_one(quick: Client, body: Any) -> None:
    await quick.post(HISTORY, past(level(1)))
    path = f"{ONE}/attrs/level/{await instance_of(quick)}"
    assert refusal(await quick.patch(path, body)) == (400, "BadRequestData", "body:/level")


async def test_a_deleted_instance_has_never_been(client: Client) -> None:
    await client.post(HISTORY, past(level(1), level(2, LATER)))
    path = f"{ONE}/attrs/level/{await instance_of(client)}"
    assert (await client.delete(path)).status == 204
    assert await told(client) == [level(2, LATER)]
    assert (await client.delete(path)).status == 404


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("no-uri/attrs/level/urn:a:b", (400, "BadRequestData", "path:entityId")),
        ("urn:ngsi-ld:Gauge:1/attrs/le(vel/urn:a:b", (400, "BadRequestData", "path:attrId")),
        ("urn:ngsi-ld:Gauge:1/attrs/level/no-uri", (400, "BadRequestData", "path:instanceId")),
        ("urn:ngsi-ld:Gauge:1/attrs/none/urn:a:b", (404, "ResourceNotFound", "path:attrId")),
        ("urn:ngsi-ld:Gauge:1/attrs/level/urn:a:b", (404, "ResourceNotFound", "path:instanceId")),
        ("urn:ngsi-ld:Gauge:2/attrs/level/urn:a:b", (404, "ResourceNotFound", "path:id")),
    ],
)
async def test_an_instance_that_is_not_there_is_told_from_a_wrong_name(
    quick: Client, method: str, path: str, expected: tuple[int, str, str]
) -> None:
    await quick.post(HISTORY, past(level(1)))
    answer = await quick.request(method, f"{HISTORY}/{path}", json=level(2))
    assert refusal(answer) == expected


async def test_an_attribute_is_deleted_by_dataset(client: Client) -> None:
    other = level(2, datasetId="urn:d:1")
    await client.post(HISTORY, past(level(1), other))
    assert (await client.delete(f"{ONE}/attrs/level")).status == 204
    assert await told(client) == [other]
    assert (await client.delete(f"{ONE}/attrs/level")).status == 404
    assert (await client.delete(f"{ONE}/attrs/level?datasetId=urn:d:1")).status == 204
    assert await told(client) == []


async def test_an_attribute_is_deleted_whole(client: Client) -> None:
    await client.post(HISTORY, past(level(1), level(2, datasetId="urn:d:1")))
    assert (await client.delete(f"{ONE}/attrs/level?deleteAll=true")).status == 204
    assert await told(client) == []


async def test_the_history_of_a_scope_can_be_deleted(quick: Client) -> None:
    await quick.post(HISTORY, past(level(1), scope="/A"))
    assert (await quick.delete(f"{ONE}/attrs/scope")).status == 204
    assert "scope" not in (await quick.get(ONE)).json()


async def test_a_deleted_history_is_gone(client: Client) -> None:
    await client.post(HISTORY, past(level(1)))
    assert (await client.delete(ONE)).status == 204
    assert (await client.get(ONE)).status == 404
    assert (await client.delete(ONE)).status == 404


async def test_a_history_is_of_its_tenant(client: Client) -> None:
    drill = {"ngsild-tenant": "drill"}
    assert (await client.post(HISTORY, past(level(1)), drill)).status == 201
    assert (await client.get(ONE)).status == 404
    assert (await client.get(ONE, drill)).status == 200


RULES = f"{V1.replace('v1', 'ex/v1')}/typeRules/Gauge"


async def test_rules_of_a_type_hold_for_its_history(quick: Client) -> None:
    await quick.request("PUT", RULES, json={"writer": ["importer"]})
    answer = await quick.post(HISTORY, past(level(1)))
    assert (answer.status, answer.problem["rule"]) == (409, "writer")
    await quick.request("PUT", RULES, json={"appendOnly": True})
    assert (await quick.post(HISTORY, past(level(1)))).status == 201
    for answer in (
        await quick.post(HISTORY, past(level(2))),
        await quick.delete(f"{ONE}/attrs/level/{await instance_of(quick)}"),
        await quick.delete(ONE),
    ):
        assert (answer.status, answer.problem["rule"]) == (409, "appendOnly")


@pytest.mark.parametrize("name", ["level", "scope"])
async def test_what_is_known_only_from_history_can_be_said_to_be_deleted(
    client: Client, name: str
) -> None:
    await client.post(HISTORY, past(level(1), scope="/A"))
    attribute = f"{ENTITIES}/urn:ngsi-ld:Gauge:1/attrs/{name}"
    assert (await client.delete(attribute)).status == 204
    ((one),) = (await client.get(f"{ONE}?timeproperty=deletedAt")).json()[name]
    assert one["value"] == ("urn:ngsi-ld:null" if name == "level" else [])
    assert (await client.delete(attribute)).status == 404


async def test_what_is_neither_in_an_entity_nor_in_history_is_not_found(quick: Client) -> None:
    await quick.post(HISTORY, past(level(1)))
    attribute = f"{ENTITIES}/urn:ngsi-ld:Gauge:1/attrs"
    assert (await quick.delete(f"{attribute}/none")).status == 404
    assert (await quick.delete(f"{attribute}/level?datasetId=urn:d:1")).status == 404
    assert (await quick.delete(f"{attribute}/level?type=Other")).status == 404
    await quick.post(ENTITIES, {"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge"})
    assert (await quick.delete(f"{attribute}/level")).status == 404
