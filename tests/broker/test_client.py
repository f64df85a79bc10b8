"""The NGSI-LD client: what it repeats, what it raises, how it resumes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from aiohttp import web

from broker.client import (
    AlreadyExists,
    BadRequest,
    Client,
    ClientError,
    Event,
    NotFound,
    PreconditionFailed,
    Retry,
    Unavailable,
    Unreachable,
    observed_at,
    parse_events,
    timestamp,
    value,
)
from broker.model.entity import PRIMARY
from tests.support import free_port
from tests.support.live import live_broker
from tests.support.patience import PATIENCE

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
STATION = "urn:ngsi-ld:RiverLevelStation:t:a"


async def no_pause(seconds: float) -> None:
    """Stand in for sleeping."""


@contextlib.asynccontextmanager
async def fake(answer: Answer) -> AsyncIterator[str]:
    """Serve every request by `answer`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def failing_first(times: int, status: int, calls: list[str]) -> Answer:
    """Answer `times` requests with an error, then with an empty list."""

    async def answer(request: web.Request) -> web.StreamResponse:
        calls.append(request.method)
        if len(calls) <= times:
            return web.json_response({"title": "x", "detail": "y"}, status=status)
        return web.json_response([])

    return answer


async def test_query_is_repeated_while_the_broker_is_unavailable():
    calls: list[str] = []
    async with fake(failing_first(2, 503, calls)) as url, Client(url, sleep=no_pause) as client:
        assert await client.query(type="A") == []
    assert len(calls) == 3


async def test_repeating_ends_after_the_tries_allowed():
    calls: list[str] = []
    retry = Retry(attempts=3)
    async with (
        fake(failing_first(9, 503, calls)) as url,
        Client(url, sleep=no_pause, retry=retry) as client,
    ):
        with pytest.raises(Unavailable):
            await client.query(type="A")
    assert len(calls) == 3


async def test_who_asks_too_often_asks_again_later_whatever_was_asked():
    calls: list[str] = []
    async with fake(failing_first(2, 429, calls)) as url, Client(url, sleep=no_pause) as client:
        await client.create({"id": "urn:a:b", "type": "A"})
    assert len(calls) == 3


async def test_create_is_not_repeated_once_it_was_sent():
    calls: list[str] = []
    async with fake(failing_first(1, 503, calls)) as url, Client(url, sleep=no_pause) as client:
        with pytest.raises(Unavailable):
            await client.create({"id": "urn:a:b", "type": "A"})
    assert calls == ["POST"]


@pytest.mark.parametrize(("key", "sent"), [(None, 1), ("once", 2)])
async def test_transaction_is_repeated_only_with_an_idempotency_key(key: str | None, sent: int):
    calls: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        calls.append(request.headers.get("Idempotency-Key", ""))
        if len(calls) == 1:
            return web.json_response({}, status=503)
        return web.json_response({"results": []})

    async with fake(answer) as url, Client(url, sleep=no_pause) as client:
        with contextlib.suppress(Unavailable):
            await client.transactions([], idempotency_key=key)
    assert calls == [key or ""] * sent


async def test_nobody_listening_is_unreachable():
    url = f"http://127.0.0.1:{free_port()}"
    async with Client(url, sleep=no_pause, retry=Retry(attempts=2)) as client:
        with pytest.raises(Unreachable, match="gives no answer"):
            await client.query(type="A")


async def test_a_client_that_is_not_open_says_so():
    with pytest.raises(ClientError, match="async with"):
        await Client("http://127.0.0.1:1").query(type="A")


async def test_query_reads_every_page(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("broker.client.client.PAGE", 2)
    everything = [{"id": f"urn:a:{n}", "type": "A"} for n in range(5)]

    async def answer(request: web.Request) -> web.StreamResponse:
        behind = [one for one in everything if one["id"] > request.query["pageAfter"]]
        return web.json_response(behind[: int(request.query["limit"])])

    async with fake(answer) as url, Client(url) as client:
        assert await client.query(type="A") == everything
        assert await client.query(type="A", limit=3) == everything[:3]


async def test_query_skips_nothing_where_something_is_deleted_between_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("broker.client.client.PAGE", 2)
    ids = [f"urn:a:{n}" for n in range(5)]
    async with live_broker(tmp_path) as url, Client(url) as client, Client(url) as other:
        await client.upsert([{"id": one, "type": "A"} for one in ids])
        met = []
        async for page in client.pages("A", size=2):
            met += [entity["id"] for entity in page]
            if len(met) == 2:
                await other.delete(ids[0])
        assert met == ids
        assert [one["id"] for one in await client.query(type="A")] == ids[1:]


async def test_tenant_name_and_context_go_with_every_request():
    seen: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(dict(request.headers))
        return web.json_response([])

    context = "https://town.example/context.jsonld"
    async with (
        fake(answer) as url,
        Client(url, tenant="drill", name="alerts", context=context) as client,
    ):
        await client.query(type="A")
    assert seen[0]["NGSILD-Tenant"] == "drill"
    assert seen[0]["Machi-Client"] == "alerts"
    assert seen[0]["Link"].startswith(f"<{context}>")


async def test_stream_resumes_behind_the_last_event():
    resumed: list[str | None] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        resumed.append(request.headers.get("Last-Event-ID"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        seq = 7 * len(resumed)
        await response.write(b'id: 5\nevent: open\ndata: {"seq": 5}\n\n')
        await response.write(b'id: %d\nevent: update\ndata: {"id": "urn:a:b"}\n\n' % seq)
        return response

    kinds: list[tuple[str, int]] = []
    async with fake(answer) as url, Client(url, sleep=no_pause) as client:
        async for event in client.stream(type="A"):
            kinds.append((event.kind, event.seq))
            if len(kinds) == 5:
                break
    assert kinds == [("open", 5), ("update", 7), ("lost", 7), ("open", 5), ("update", 14)]
    assert resumed == [None, "7"]


async def test_a_stream_that_has_to_begin_raises_where_nobody_listens_and_later_comes_back():
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        stop = b'{"reason": "The broker stops.", "resume": true}'
        await response.write(b"event: open\ndata: {}\n\nevent: end\ndata: " + stop + b"\n\n")
        return response

    async with Client(f"http://127.0.0.1:{free_port()}", sleep=no_pause) as client:
        with pytest.raises(Unreachable):
            async for _ in client.stream(must_begin=True):
                pass
    told = []
    async with fake(answer) as url, Client(url, sleep=no_pause) as client:
        async for event in client.stream(must_begin=True):
            told.append((event.kind, event.reason))
            if len(told) == 3:
                break
    assert told == [("open", ""), ("lost", "The broker stops."), ("open", "")]


async def test_stream_that_is_refused_raises():
    async def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response({"title": "no"}, status=404)

    async with fake(answer) as url, Client(url) as client:
        with pytest.raises(NotFound):
            async for _ in client.stream(type="A"):
                pass


async def _lines(text: bytes) -> AsyncIterator[bytes]:
    for line in text.splitlines(keepends=True):
        yield line


async def test_events_are_parsed_past_comments_and_over_several_data_lines():
    text = b': hello\r\n\r\nid: 3\r\nevent: update\r\ndata: {"id":\r\ndata: "urn:a:b"}\r\n\r\n'
    assert [event async for event in parse_events(_lines(text))] == [
        (3, Event("update", 3, id="urn:a:b"))
    ]


async def test_a_place_moves_on_without_an_event():
    text = b"event: enter\ndata: {}\n\n: still here\nid: 7\n\nevent: synced\ndata: {}\n\n"
    assert [found async for found in parse_events(_lines(text))] == [
        (None, Event("enter", 0)), (7, None), (7, Event("synced", 7)),
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_events_are_read_wherever_the_wire_cuts_them(size: int):
    text = b'id: 1\r\nevent: open\r\ndata: {"seq": 1}\r\n\r\nid: 2\n\n: still\n\nevent: end\n\n'

    async def chunks() -> AsyncIterator[bytes]:
        for place in range(0, len(text), size):
            yield text[place : place + size]

    assert [(place, event and event.kind) async for place, event in parse_events(chunks())] == [
        (1, "open"),
        (2, None),
        (2, "end"),
    ]


async def test_entity_of_nearly_a_megabyte_ends_no_stream(tmp_path):
    async with live_broker(tmp_path) as url, Client(url) as client:
        body = {"type": "Property", "value": "x" * 900_000}
        await client.create({"id": "urn:a:b", "type": "A", "body": body})
        async with asyncio.timeout(PATIENCE):
            async for event in client.stream(type="A", after=0):
                if event.kind == "enter":
                    break
        assert event.entity is not None
        assert event.entity["body"] == body


async def test_a_stream_resumes_from_where_its_heartbeats_had_come():
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("Last-Event-ID"))
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"id: 3\nevent: open\ndata: {}\n\n: still here\nid: 9\n\n")
        return response

    async with fake(answer) as url, Client(url, sleep=no_pause) as client:
        async for event in client.stream():
            if event.kind == "lost":
                break
        async for event in client.stream(after=4):
            if event.kind == "lost" and len(seen) > 2:
                break
    assert seen == [None, "4", "9"]


def test_value_reads_every_kind_of_attribute():
    entity = {
        "id": "urn:a:b",
        "p": {"type": "Property", "value": 0},
        "r": {"type": "Relationship", "object": "urn:c:d"},
        "l": {"type": "LanguageProperty", "languageMap": {"ja": "川"}},
        "j": {"type": "JsonProperty", "json": {"a": 1}},
        "several": [{"type": "Property", "value": 1}, {"type": "Property", "value": 2}],
    }
    found = [value(entity, name, "none") for name in ("p", "r", "l", "j", "several", "absent")]
    assert found == [0, "urn:c:d", {"ja": "川"}, {"a": 1}, 1, "none"]


@pytest.mark.parametrize(("kind", "member"), PRIMARY.items())
def test_value_knows_where_each_kind_has_it(kind: str, member: str):
    entity = {"id": "urn:a:b", "type": "T", "a": {"type": kind, member: ["x"]}}
    assert value(entity, "a") == ["x"]


def test_timestamp_is_written_in_utc():
    moment = datetime(2020, 7, 4, 5, 50, tzinfo=timezone(timedelta(hours=9)))
    assert timestamp(moment) == "2020-07-03T20:50:00Z"


async def test_entities_live_and_change_in_a_real_broker(tmp_path):
    level = {"type": "Property", "value": 1.2, "observedAt": "2020-07-03T20:50:00Z"}
    async with live_broker(tmp_path) as url, Client(url) as client:
        await client.create({"id": STATION, "type": "RiverLevelStation", "waterLevel": level})
        with pytest.raises(AlreadyExists):
            await client.create({"id": STATION, "type": "RiverLevelStation"})
        entity, version = await client.retrieve_with_version(STATION)
        assert observed_at(entity, "waterLevel") == "2020-07-03T20:50:00Z"
        await client.merge(STATION, {"stage": {"type": "Property", "value": 2}}, if_match=version)
        with pytest.raises(PreconditionFailed):
            await client.merge(
                STATION, {"stage": {"type": "Property", "value": 4}}, if_match=version
            )
        await client.append(STATION, {"quality": {"type": "Property", "value": "good"}})
        assert value(await client.retrieve(STATION), "stage") == 2
        await client.upsert([{"id": STATION, "type": "RiverLevelStation"}])
        assert value(await client.retrieve(STATION), "quality") is None
        await client.delete(STATION)
        with pytest.raises(NotFound):
            await client.retrieve(STATION)
        with pytest.raises(BadRequest):
            await client.create({"id": "no uri", "type": "A"})


async def test_transaction_names_the_operation_that_failed(tmp_path):
    async with live_broker(tmp_path) as url, Client(url) as client:
        first = {"op": "create", "entity": {"id": "urn:a:b", "type": "A"}}
        done = await client.transactions([first], idempotency_key="k")
        assert await client.transactions([first], idempotency_key="k") == done
        second = {"op": "create", "entity": {"id": "urn:a:c", "type": "A"}}
        attrs = {"x": {"type": "Property", "value": 1}}
        third = {"op": "merge", "id": "urn:a:b", "attrs": attrs, "ifMatch": "v9"}
        with pytest.raises(PreconditionFailed) as caught:
            await client.transactions([second, third])
        assert caught.value.problem["operation"] == 1
        with pytest.raises(NotFound):
            await client.retrieve("urn:a:c")


@pytest.mark.parametrize("size", [1, 2, 3, 4])
async def test_pages_hold_every_entity_of_a_type_once(tmp_path, size):
    async with live_broker(tmp_path) as url, Client(url) as client:
        await client.upsert([{"id": f"urn:a:{number}", "type": "A"} for number in range(3)])
        await client.create({"id": "urn:b:0", "type": "B"})
        pages = [page async for page in client.pages("A", size=size)]
    assert [entity["id"] for page in pages for entity in page] == ["urn:a:0", "urn:a:1", "urn:a:2"]
    assert max(map(len, pages)) <= size


async def test_types_are_told_with_attributes_and_counts(tmp_path):
    async with live_broker(tmp_path) as url, Client(url) as client:
        await client.create({"id": "urn:a:b", "type": "A", "x": {"type": "Property", "value": 1}})
        (only,) = await client.types()
        assert (only["typeName"], only["attributeNames"]) == ("A", ["x"])
        assert (await client.type_info("A"))["entityCount"] == 1
        with pytest.raises(NotFound):
            await client.type_info("B")


async def test_stream_of_a_real_broker_tells_changes_in_order(tmp_path):
    async with live_broker(tmp_path) as url, Client(url) as client:
        await client.create({"id": "urn:a:0", "type": "A"})
        kinds = []
        async for event in client.stream(type="A"):
            kinds.append((event.kind, event.id))
            if event.kind == "open":
                await client.create({"id": "urn:a:b", "type": "A"})
            elif event.kind == "enter":
                await client.append(event.id, {"x": {"type": "Property", "value": 1}})
            elif event.kind == "update":
                assert event.changed == ("x",)
                await client.delete(event.id)
            else:
                break
        assert kinds == [
            ("open", ""),
            ("enter", "urn:a:b"),
            ("update", "urn:a:b"),
            ("delete", "urn:a:b"),
        ]
