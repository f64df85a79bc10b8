"""`/entities/{id}/attrs…`: append, update, partial update, replace, delete."""

from typing import Any

import pytest

from tests.broker.api.data import DEFAULT_CONTEXT, ENTITIES, ERRORS, gauge, urn
from tests.support.asgi import ABSENT, Client

ONE = f"{ENTITIES}/{urn(1)}"
ATTRS = f"{ONE}/attrs"
NULL = "urn:ngsi-ld:null"


async def simple(client: Client) -> Any:
    """Return the entity's simplified form."""
    return (await client.get(f"{ONE}?format=simplified")).json()


async def test_append_adds_and_replaces(client: Client) -> None:
    await client.post(ENTITIES, gauge(level={"value": 1, "unitCode": "MTR"}))
    answer = await client.post(ATTRS, {"level": 2, "name": "人吉", "type": "Device"})
    assert (answer.status, answer.body) == (204, b"")
    shown = (await client.get(ONE)).json()
    assert shown["level"] == {"type": "Property", "value": 2}
    assert shown["name"]["value"] == "人吉"
    assert shown["type"] == ["Gauge", "Device"]


async def test_append_without_overwriting_reports_what_exists(client: Client) -> None:
    await client.post(ENTITIES, gauge(level=1))
    answer = await client.post(f"{ATTRS}?options=noOverwrite", {"level": 2, "name": "x"})
    assert answer.status == 207
    told = answer.json()
    assert told["updated"] == [DEFAULT_CONTEXT + "name"]
    assert [one["attributeName"] for one in told["notUpdated"]] == [DEFAULT_CONTEXT + "level"]
    assert all(one["reason"] for one in told["notUpdated"])
    assert await simple(client) == {**gauge(level=1), "name": "x"}


async def test_append_refuses_null(quick: Client) -> None:
    await quick.post(ENTITIES, gauge())
    answer = await quick.post(ATTRS, {"level": NULL})
    assert answer.problem["type"] == ERRORS + "BadRequestData"


async def test_update_replaces_appends_and_deletes(client: Client) -> None:
    await client.post(ENTITIES, gauge(level={"value": 1, "unitCode": "MTR"}, name="x"))
    answer = await client.patch(ATTRS, {"level": 2, "name": NULL, "fresh": True})
    assert answer.status == 204
    assert (await client.get(ONE)).json()["level"] == {"type": "Property", "value": 2}
    assert await simple(client) == {**gauge(level=2), "fresh": True}


async def test_update_reports_a_scope_the_entity_lacks(client: Client) -> None:
    await client.post(ENTITIES, gauge())
    answer = await client.patch(ATTRS, {"level": 2, "scope": "/a"})
    assert answer.status == 207
    assert [one["attributeName"] for one in answer.json()["notUpdated"]] == ["scope"]
    assert await simple(client) == gauge(level=2)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"1", b"null"])
async def test_an_empty_fragment_is_refused(quick: Client, body: bytes) -> None:
    await quick.post(ENTITIES, gauge())
    for method, path in (("POST", ATTRS), ("PATCH", ATTRS), ("PATCH", f"{ATTRS}/level")):
        headers = {"content-type": "application/json"}
        answer = await quick.request(method, path, headers, body=body)
        assert answer.problem["type"] == ERRORS + "BadRequestData"


async def test_partial_update_changes_members_and_keeps_the_rest(client: Client) -> None:
    await client.post(ENTITIES, gauge(level={"value": 1, "unitCode": "MTR"}))
    assert (await client.patch(f"{ATTRS}/level", {"value": 2})).status == 204
    level = (await client.get(ONE)).json()["level"]
    assert level == {"type": "Property", "value": 2, "unitCode": "MTR"}
    assert (await client.patch(f"{ATTRS}/level", {"unitCode": NULL})).status == 204
    assert (await client.get(ONE)).json()["level"] == {"type": "Property", "value": 2}


async def test_partial_update_finds_the_instance_by_dataset(client: Client) -> None:
    both = [{"value": 1}, {"value": 2, "datasetId": "urn:d:b"}]
    await client.post(ENTITIES, gauge(level=both))
    answer = await client.patch(f"{ATTRS}/level", {"value": 3, "datasetId": "urn:d:b"})
    assert answer.status == 204
    assert (await simple(client))["level"] == {"dataset": {"@none": 1, "urn:d:b": 3}}
    missing = await client.patch(f"{ATTRS}/level", {"value": 3, "datasetId": "urn:d:c"})
    assert missing.status == 404


async def test_partial_update_keeps_the_kind(quick: Client) -> None:
    await quick.post(ENTITIES, gauge())
    answer = await quick.patch(f"{ATTRS}/level", {"type": "Relationship", "object": "urn:x:1"})
    assert answer.problem["type"] == ERRORS + "BadRequestData"


async def test_replace_attribute_may_change_the_kind(client: Client) -> None:
    await client.post(ENTITIES, gauge())
    assert (await client.put(f"{ATTRS}/level", {"object": "urn:x:1"})).status == 204
    level = (await client.get(ONE)).json()["level"]
    assert level == {"type": "Relationship", "object": "urn:x:1"}


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
async def test_an_absent_attribute_or_entity_is_not_found(client: Client, method: str) -> None:
    sent = ABSENT if method == "DELETE" else {"value": 1}
    assert (await client.request(method, f"{ATTRS}/level", json=sent)).status == 404
    await client.post(ENTITIES, gauge())
    answer = await client.request(method, f"{ATTRS}/absent", json=sent)
    assert answer.status == 404
    assert answer.problem["type"] == ERRORS + "ResourceNotFound"


async def test_delete_attribute_takes_the_default_instance_only(client: Client) -> None:
    both = [{"value": 1}, {"value": 2, "datasetId": "urn:d:b"}]
    await client.post(ENTITIES, gauge(level=both))
    assert (await client.delete(f"{ATTRS}/level")).status == 204
    assert (await client.get(ONE)).json()["level"]["datasetId"] == "urn:d:b"
    assert (await client.delete(f"{ATTRS}/level")).status == 404
    assert (await client.delete(f"{ATTRS}/level?datasetId=urn:d:b")).status == 204
    assert await simple(client) == {"id": urn(1), "type": "Gauge"}


async def test_delete_all_takes_every_instance_whatever_the_case_of_true(client: Client) -> None:
    both = [{"value": 1}, {"value": 2, "datasetId": "urn:d:b"}]
    await client.post(ENTITIES, gauge(level=both))
    assert (await client.delete(f"{ATTRS}/level?deleteAll=True")).status == 204
    assert await simple(client) == {"id": urn(1), "type": "Gauge"}


async def test_the_scope_can_be_deleted_like_an_attribute(client: Client) -> None:
    await client.post(ENTITIES, gauge(scope=["/a", "/b"]))
    assert (await client.delete(f"{ATTRS}/scope")).status == 204
    assert await simple(client) == gauge()
    assert (await client.delete(f"{ATTRS}/scope")).status == 404


@pytest.mark.parametrize("name", ["id", "type", "scope", "observedAt", "9x", "a-b", "a%20b"])
async def test_what_is_no_attribute_name_is_refused_before_the_body(
    quick: Client, name: str
) -> None:
    await quick.post(ENTITIES, gauge(scope="/a"))
    for method in ("PATCH", "PUT"):
        headers = {"content-type": "application/json"}
        answer = await quick.request(method, f"{ATTRS}/{name}", headers, body=b"no json")
        assert answer.status == 400
        assert answer.problem["place"] == "path:attrId"


@pytest.mark.parametrize("query", ["deleteAll=yes", "datasetId=no-uri"])
async def test_delete_attribute_checks_its_parameters(quick: Client, query: str) -> None:
    await quick.post(ENTITIES, gauge())
    answer = await quick.delete(f"{ATTRS}/level?{query}")
    assert answer.status == 400
    assert answer.problem["place"] == "query:" + query.partition("=")[0]


async def test_an_empty_id_before_attrs_is_bad_data(quick: Client) -> None:
    answer = await quick.post(f"{ENTITIES}//attrs", {"level": 1})
    assert answer.problem["type"] == ERRORS + "BadRequestData"


async def test_an_empty_attribute_means_the_collection(client: Client) -> None:
    await client.post(ENTITIES, gauge())
    refused = await client.delete(f"{ATTRS}/")
    assert refused.status == 405
    assert refused.header("allow") == "OPTIONS, PATCH, POST"
    assert (await client.patch(f"{ATTRS}/", {"level": 7})).status == 204
    assert await simple(client) == gauge(level=7)
