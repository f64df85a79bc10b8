"""`/entityOperations/*`: each element on its own (§5.6.7–§5.6.10, §5.6.20)."""

import asyncio
from typing import Any

import pytest

from broker.settings import Settings
from broker.store.memory import MemoryStore
from tests.broker.api.data import (
    CORE,
    DEFAULT_CONTEXT,
    ENTITIES,
    ERRORS,
    LD,
    OPERATIONS,
    gauge,
    urn,
)
from tests.support.asgi import Answer, Client, running

NULL = "urn:ngsi-ld:null"


async def simple(client: Client, number: int = 1) -> Any:
    """Return an entity's simplified form."""
    return (await client.get(f"{ENTITIES}/{urn(number)}?format=simplified")).json()


def failures(answer: Answer) -> dict[str, tuple[int, str]]:
    """Return id → (status, place) of the errors, having checked their form."""
    assert answer.status == 207, answer.body
    told = answer.json()
    assert set(told) == {"success", "errors"}
    for one in told["errors"]:
        assert one["error"]["remedy"]
    return {
        one["entityId"]: (one["error"]["status"], one["error"]["place"]) for one in told["errors"]
    }


async def test_create_answers_with_the_ids(client: Client) -> None:
    answer = await client.post(f"{OPERATIONS}/create", [gauge(1), gauge(2)])
    assert (answer.status, answer.json()) == (201, [urn(1), urn(2)])


async def test_create_isolates_its_elements(client: Client) -> None:
    await client.post(ENTITIES, gauge(2))
    body = [gauge(1), gauge(2, level=9), {"id": "bad"}, "text", gauge(3, a=None), gauge(4)]
    answer = await client.post(f"{OPERATIONS}/create", body)
    assert failures(answer) == {
        urn(2): (409, "body:/1/id"),
        "bad": (400, "body:/2/id"),
        "text": (400, "body:/3"),
        urn(3): (400, "body:/4/a"),
    }
    assert answer.json()["success"] == [urn(1), urn(4)]
    assert (await simple(client, 2))["level"] == 1.5
    assert (await client.get(f"{ENTITIES}/{urn(3)}")).status == 404


async def test_the_second_creation_of_one_id_fails(client: Client) -> None:
    answer = await client.post(f"{OPERATIONS}/create", [gauge(1, 1), gauge(1, 2)])
    assert failures(answer) == {urn(1): (409, "body:/1/id")}
    assert answer.json()["success"] == [urn(1)]
    assert (await simple(client))["level"] == 1


async def test_upsert_creates_or_replaces(client: Client) -> None:
    await client.post(ENTITIES, gauge(1, name="old"))
    body = [{"id": urn(1), "type": "Bridge", "level": 7}, gauge(2)]
    answer = await client.post(f"{OPERATIONS}/upsert", body)
    assert (answer.status, answer.json()) == (201, [urn(2)])
    assert await simple(client) == body[0]
    again = await client.post(f"{OPERATIONS}/upsert?options=replace", body)
    assert (again.status, again.body) == (204, b"")


async def test_upsert_of_one_id_twice_creates_then_replaces(client: Client) -> None:
    answer = await client.post(f"{OPERATIONS}/upsert", [gauge(1, 1), gauge(1, 2)])
    assert (answer.status, answer.json()) == (201, [urn(1)])
    assert (await simple(client))["level"] == 2


async def test_upsert_with_update_updates_what_exists(client: Client) -> None:
    await client.post(ENTITIES, gauge(1, name="kept", gone=1))
    body = [gauge(1, level=7, gone=NULL), gauge(2)]
    answer = await client.post(f"{OPERATIONS}/upsert?options=update", body)
    assert (answer.status, answer.json()) == (201, [urn(2)])
    assert await simple(client) == gauge(1, 7, name="kept")


async def test_upsert_with_update_needs_no_type_for_what_exists(client: Client) -> None:
    await client.post(ENTITIES, gauge(1))
    body = [{"id": urn(1), "level": 7}, {"id": urn(2), "level": 7}]
    answer = await client.post(f"{OPERATIONS}/upsert?options=update", body)
    assert failures(answer) == {urn(2): (400, "body:/1")}
    assert answer.json()["success"] == [urn(1)]


async def test_upsert_cannot_create_with_null(client: Client) -> None:
    answer = await client.post(f"{OPERATIONS}/upsert?options=update", [gauge(1, level=NULL)])
    assert failures(answer) == {urn(1): (400, "body:/0/level")}


async def test_upsert_tells_all_that_succeeded_where_some_failed(client: Client) -> None:
    await client.post(ENTITIES, gauge(1))
    answer = await client.post(f"{OPERATIONS}/upsert", [gauge(1), gauge(2), {"id": urn(3)}])
    assert set(failures(answer)) == {urn(3)}
    assert answer.json()["success"] == [urn(1), urn(2)]


async def test_update_appends_and_overwrites(client: Client) -> None:
    await client.post(ENTITIES, gauge(1, level={"value": 1, "unitCode": "MTR"}))
    body = [{"id": urn(1), "type": "Device", "level": 2, "fresh": True, "scope": "/a"}]
    answer = await client.post(f"{OPERATIONS}/update", body)
    assert (answer.status, answer.body) == (204, b"")
    assert await simple(client) == {
        "id": urn(1), "type": ["Gauge", "Device"], "scope": "/a", "level": 2, "fresh": True,
    }  # fmt: skip


async def test_update_deletes_by_null(client: Client) -> None:
    await client.post(ENTITIES, gauge(1, name="x"))
    answer = await client.post(f"{OPERATIONS}/update", [{"id": urn(1), "name": NULL}])
    assert answer.status == 204
    assert await simple(client) == gauge(1)


async def test_update_without_overwriting_appends_and_reports(client: Client) -> None:
    for number in (1, 2):
        await client.post(ENTITIES, gauge(number))
    body = [{"id": urn(1), "level": 9, "fresh": 1}, {"id": urn(2), "fresh": 1}]
    answer = await client.post(f"{OPERATIONS}/update?options=noOverwrite", body)
    assert failures(answer) == {urn(1): (409, "body:/0")}
    assert DEFAULT_CONTEXT + "level" in answer.json()["errors"][0]["error"]["detail"]
    assert answer.json()["success"] == [urn(2)]
    assert await simple(client) == gauge(1, fresh=1)
    only_new = await client.post(f"{OPERATIONS}/update?options=noOverwrite", [{**body[1], "b": 1}])
    assert only_new.status == 207
    newest = [{"id": urn(2), "newest": 1}]
    assert (await client.post(f"{OPERATIONS}/update?options=noOverwrite", newest)).status == 204


async def test_merge_merges_each(client: Client) -> None:
    await client.post(ENTITIES, gauge(1, level={"value": {"a": 1, "b": 2}}))
    body = [{"id": urn(1), "level": {"value": {"a": NULL, "c": 3}}}, {"id": urn(2), "level": 1}]
    answer = await client.post(f"{OPERATIONS}/merge", body)
    assert failures(answer) == {urn(2): (404, "body:/1")}
    assert (await simple(client))["level"] == {"b": 2, "c": 3}
    assert (await client.post(f"{OPERATIONS}/merge", body[:1])).status == 204


async def test_delete_deletes_each_once(client: Client) -> None:
    await client.post(f"{OPERATIONS}/create", [gauge(1), gauge(2)])
    answer = await client.post(f"{OPERATIONS}/delete", [urn(1), urn(1), "no uri", 5, urn(2)])
    assert answer.status == 207
    assert answer.json()["success"] == [urn(1), urn(2)]
    told = [(one["entityId"], one["error"]["status"]) for one in answer.json()["errors"]]
    assert told == [(urn(1), 404), ("no uri", 400), ("", 400)]
    await client.post(ENTITIES, gauge(3))
    assert (await client.post(f"{OPERATIONS}/delete", [urn(3)])).status == 204


@pytest.mark.parametrize("operation", ["create", "upsert", "update", "merge", "delete"])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[]", "BadRequestData"),
        (b"{}", "BadRequestData"),
        (b"null", "BadRequestData"),
        (b"[null]", "BadRequestData"),
        (b'[{"id": "urn:x:1", "type": "T"}, null]', "BadRequestData"),
        (b"[", "InvalidRequest"),
        (b"", "InvalidRequest"),
    ],
)
async def test_a_broken_array_fails_the_whole_batch(
    quick: Client, operation: str, body: bytes, kind: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = await quick.request("POST", f"{OPERATIONS}/{operation}", headers, body=body)
    assert answer.status == 400
    assert answer.problem["type"] == ERRORS + kind


@pytest.mark.parametrize("operation", ["create", "upsert", "update", "merge"])
async def test_elements_without_usable_id_are_listed_and_nothing_else_fails(
    quick: Client, operation: str
) -> None:
    body = [{"type": "Gauge", "level": 1}, {"id": 5, "type": "Gauge", "level": 1}, 7]
    answer = await quick.post(f"{OPERATIONS}/{operation}", body)
    assert answer.status == 207
    assert [one["entityId"] for one in answer.json()["errors"]] == ["", "", ""]
    assert answer.json()["success"] == []


async def test_contexts_that_never_come_cost_a_batch_the_time_of_one() -> None:
    asked = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    body = [{**gauge(number), "@context": f"{base}/{number}"} for number in range(40)]
    body.append({**gauge(40), "@context": CORE})
    async with server, running(MemoryStore(), Settings(context_timeout=0.5)) as client:
        answer = await client.post(f"{OPERATIONS}/create", body, LD)
        # Waited for one after the other, all 40 would have been asked for.
        assert asked <= 20
        assert set(failures(answer).values()) == {
            (504, f"body:/{number}/@context") for number in range(40)
        }
        assert answer.json()["success"] == [urn(40)]


@pytest.mark.parametrize(
    ("operation", "option"),
    [("create", "update"), ("upsert", "noOverwrite"), ("update", "replace"), ("merge", "x")],
)
async def test_an_option_of_another_operation_is_refused(
    quick: Client, operation: str, option: str
) -> None:
    answer = await quick.post(f"{OPERATIONS}/{operation}?options={option}", [gauge()])
    assert answer.problem["type"] == ERRORS + "InvalidRequest"
    assert answer.problem["place"] == "query:options"


async def test_a_batch_larger_than_the_broker_takes_is_refused_whole() -> None:
    async with running(MemoryStore(), Settings(max_batch=2)) as client:
        body = [gauge(number) for number in range(3)]
        answer = await client.post(f"{OPERATIONS}/create", body)
        assert answer.status == 400
        assert (await client.post(f"{OPERATIONS}/create", body[:2])).status == 201
