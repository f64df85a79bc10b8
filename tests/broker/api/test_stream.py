"""`/ngsi-ld/ex/v1/stream`: changes as Server-Sent Events (an extension of ours)."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from broker.settings import Settings
from broker.store.memory import MemoryStore
from broker.store.sqlite import SqliteStore
from broker.subscriptions.live import Feed
from broker.subscriptions.live.events import FORGOTTEN
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
from tests.support.asgi import HOST, Client, Event, Stream, Ticking, running
from tests.support.patience import PATIENCE

STREAM = f"{EX}/stream"
ONE = f"{ENTITIES}/{urn(1)}"


def following(**parameters: str) -> str:
    """Return the path of a stream with these parameters."""
    pairs = "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
    return f"{STREAM}?{pairs}"


async def told(stream: Stream, count: int) -> list[tuple[str, str]]:
    """Return (event, id of the entity) of the next events."""
    events = [await stream.event() for _ in range(count)]
    return [(event.name, event.data["id"]) for event in events]


async def level(client: Client, number: int, value: Any) -> None:
    """Write a gauge's level."""
    answer = await client.patch(f"{ENTITIES}/{urn(number)}/attrs/level", {"value": value})
    assert answer.status == 204


async def test_a_stream_opens_with_the_place_to_resume_from(client: Client) -> None:
    await client.post(ENTITIES, gauge())
    async with client.stream(STREAM) as stream:
        assert stream.head.status == 200
        assert stream.head.header("content-type") == "text/event-stream; charset=utf-8"
        assert stream.head.header("cache-control") == "no-store"
        assert stream.head.header("content-length") is None
        assert await stream.event() == Event("open", 1, {"seq": 1})


async def test_a_change_is_told_whole(client: Client) -> None:
    async with client.stream(following(format="simplified")) as stream:
        await stream.event()
        await client.post(ENTITIES, gauge(name="x"))
        await client.patch(f"{ONE}/attrs", {"level": 2})
        entered, updated = await stream.event(), await stream.event()
    assert (entered.name, entered.id) == ("enter", 1)
    assert entered.data["entity"] == gauge(name="x")
    at = updated.data.pop("at")
    assert at.endswith("Z")
    assert updated == Event(
        "update",
        2,
        {
            "seq": 2,
            "version": 2,
            "id": urn(1),
            "type": "Gauge",
            "changed": ["level"],
            "entity": gauge(level=2, name="x"),
        },
    )


async def test_a_deletion_is_told_without_entity(client: Client) -> None:
    await client.post(ENTITIES, gauge())
    async with client.stream(STREAM) as stream:
        await stream.event()
        await client.delete(ONE)
        event = await stream.event()
    assert (event.name, event.data["entity"], event.data["version"]) == ("delete", None, 2)


async def test_a_condition_makes_entities_enter_and_leave(client: Client) -> None:
    await client.post(ENTITIES, gauge(1, 1))
    async with client.stream(following(type="Gauge", q="level>=3")) as stream:
        await stream.event()
        await level(client, 1, 2)
        await level(client, 1, 3)
        await level(client, 1, 4)
        await level(client, 1, 0)
        await client.delete(ONE)
        await client.post(ENTITIES, gauge(2, 9))
        await client.delete(f"{ENTITIES}/{urn(2)}")
        assert await told(stream, 5) == [
            ("enter", urn(1)), ("update", urn(1)), ("leave", urn(1)),
            ("enter", urn(2)), ("delete", urn(2)),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "seen"),
    [
        ({"type": "Gauge"}, [1, 2]),
        ({"type": "Bridge,Gauge"}, [1, 2, 3]),
        ({"id": f"{urn(2)},{urn(3)},{urn(9)}"}, [2, 3]),
        ({"idPattern": ":[139]$"}, [1, 3]),
        ({"q": "level>2"}, [2]),
        ({"type": "Gauge", "id": f"{urn(3)},{urn(9)}"}, []),
        ({"attrs": "level"}, [1, 2]),
        ({"georel": "near;maxDistance==10", "geometry": "Point", "coordinates": "[1,2]"}, [2]),
    ],
)
async def test_a_stream_is_selected_by_type_id_and_condition(
    quick: Client, parameters: dict[str, str], seen: list[int]
) -> None:
    async with quick.stream(following(**parameters)) as stream:
        await stream.event()
        await quick.post(ENTITIES, gauge(1, 1))
        here = {"type": "Point", "coordinates": [1, 2]}
        await quick.post(ENTITIES, {**gauge(2, 5), "location": here})
        await quick.post(ENTITIES, {"id": urn(3), "type": "Bridge"})
        both = ["Gauge", "Bridge"]
        await quick.post(ENTITIES, {**gauge(9, 9), "type": both, "location": here})
        events = await told(stream, len(seen) + 1)
    assert events == [("enter", urn(number)) for number in [*seen, 9]]


async def test_a_transaction_is_told_in_its_order(client: Client) -> None:
    async with client.stream(STREAM) as stream:
        await stream.event()
        operations: list[Any] = [{"op": "create", "entity": gauge(n)} for n in (3, 1, 2)]
        await client.post(
            TRANSACTIONS, {"operations": [*operations, {"op": "delete", "id": urn(1)}]}
        )
        assert await told(stream, 4) == [
            ("enter", urn(3)), ("enter", urn(1)), ("enter", urn(2)), ("delete", urn(1)),
        ]  # fmt: skip


async def test_tenants_have_streams_of_their_own(client: Client) -> None:
    drill = {"ngsild-tenant": "drill"}
    await client.post(ENTITIES, gauge(), drill)
    async with (
        client.stream(STREAM) as plain,
        client.stream(STREAM, drill) as by_header,
        client.stream(following(tenant="drill")) as by_parameter,
    ):
        for stream in (plain, by_header, by_parameter):
            await stream.event()
        await client.post(ENTITIES, gauge(2), drill)
        await client.post(ENTITIES, gauge(3))
        assert await told(plain, 1) == [("enter", urn(3))]
        assert await told(by_header, 1) == [("enter", urn(2))]
        assert await told(by_parameter, 1) == [("enter", urn(2))]


async def test_a_client_that_comes_back_misses_nothing(client: Client) -> None:
    await client.post(ENTITIES, gauge(1, 1))
    await level(client, 1, 2)
    await level(client, 1, 3)
    await client.delete(ONE)
    resumed = {"last-event-id": "1"}
    async with client.stream(following(format="simplified"), resumed) as stream:
        assert (await stream.event()).name == "open"
        events = [await stream.event() for _ in range(3)]
    assert [event.id for event in events] == [2, 3, 4]
    assert [(event.data["entity"] or {}).get("level") for event in events] == [2, 3, None]
    async with client.stream(following(lastEventId="3")) as stream:
        await stream.event()
        assert await told(stream, 1) == [("delete", urn(1))]


async def test_a_resume_beyond_the_recent_changes_reads_the_feed(client: Client) -> None:
    await client.post(ENTITIES, gauge(1, 0))
    for start in range(0, 2000, 1000):
        body = [gauge(1, start + number) for number in range(1000)]
        assert (await client.post(f"{OPERATIONS}/upsert", body)).status == 204
    head = client.broker.feed.head
    assert head == 2001
    async with client.stream(following(format="simplified", lastEventId="1")) as stream:
        await stream.event()
        events = [await stream.event() for _ in range(2000)]
    assert [event.id for event in events] == list(range(2, 2002))
    assert [event.data["entity"]["level"] for event in events] == [*range(2000)]


async def test_a_resume_is_judged_by_the_state_at_each_change(client: Client) -> None:
    await client.post(ENTITIES, gauge(1, 5))
    client.broker.feed.stop()
    for value in (1, 5, 6, 1):
        await level(client, 1, value)
    await client.delete(ONE)
    await client.post(ENTITIES, gauge(1, 7))
    fresh = Feed(client.broker.store, recent=1)
    object.__setattr__(client.broker, "feed", fresh)
    async with client.stream(following(q="level>=3", lastEventId="1")) as stream:
        await stream.event()
        assert await stream.names(5) == ["leave", "enter", "update", "leave", "enter"]


async def test_a_resume_survives_a_restart(tmp_path: Path) -> None:
    async with running(SqliteStore(tmp_path, clock=Ticking())) as client:
        await client.post(ENTITIES, gauge(1, 1))
        await level(client, 1, 2)
        await client.post(ENTITIES, gauge(2, 9))
    async with running(SqliteStore(tmp_path, clock=Ticking())) as client:
        await level(client, 1, 3)
        async with client.stream(following(format="simplified", lastEventId="1")) as stream:
            await stream.event()
            events = [await stream.event() for _ in range(3)]
    assert [event.id for event in events] == [2, 3, 4]
    assert [event.data["entity"]["level"] for event in events] == [2, 9, 3]


@pytest.mark.parametrize("last", ["2", "99"])
async def test_what_the_feed_no_longer_keeps_is_told_as_a_reset(client: Client, last: str) -> None:
    for value in range(4):
        await client.post(f"{OPERATIONS}/upsert", [gauge(1, value)])
    await client.broker.store.prune("2030-01-01T00:00:00.000000Z")
    object.__setattr__(client.broker, "feed", Feed(client.broker.store))
    async with client.stream(following(lastEventId=last)) as stream:
        assert (await stream.event()).name == "open"
        assert await stream.event() == Event("reset", 4, {"seq": 4, "reason": FORGOTTEN})
        await client.post(ENTITIES, gauge(2))
        assert await told(stream, 1) == [("enter", urn(2))]


async def test_a_quiet_stream_is_kept_alive_and_its_place_moves_on() -> None:
    settings = Settings(heartbeat=0.01)
    async with running(MemoryStore(), settings) as client:
        await client.post(ENTITIES, gauge())
        async with client.stream(following(type="Bridge")) as stream:
            assert await stream.event() == Event("open", 1, {"seq": 1})
            assert (await stream.event()).data == ": still here\nid: 1"
            await client.post(ENTITIES, gauge(2))
            while (beat := await stream.event()).data != ": still here\nid: 2":
                assert beat.name == ":"
            await client.post(ENTITIES, {"id": urn(3), "type": "Bridge"})
            while (event := await stream.event()).name == ":":
                pass
    assert (event.name, event.id) == ("enter", 3)


async def test_a_reader_that_stops_reading_holds_nobody_up_and_misses_nothing(
    client: Client,
) -> None:
    await client.post(ENTITIES, gauge(1, 0))
    async with client.stream(STREAM) as slow, client.stream(STREAM) as quick:
        await slow.event()
        await quick.event()
        slow.stop_reading()
        for start in range(1, 2001, 100):
            body = [gauge(1, start + number) for number in range(100)]
            answer = await asyncio.wait_for(client.post(f"{OPERATIONS}/upsert", body), PATIENCE)
            assert answer.status == 204
        assert [(await quick.event()).id for _ in range(2000)] == list(range(2, 2002))
        slow.go_on_reading()
        assert [(await slow.event()).id for _ in range(2000)] == list(range(2, 2002))


async def test_the_end_of_the_feed_ends_its_streams(quick: Client) -> None:
    async with quick.stream(STREAM) as stream:
        await stream.event()
        quick.broker.feed.close()
        ended = {"reason": "The broker stops.", "resume": True}
        assert await stream.event() == Event("end", None, ended)
        with pytest.raises(EOFError):
            await stream.event()


async def test_names_are_shown_by_the_streams_context(quick: Client) -> None:
    await quick.request("POST", ENTITIES, LD, json={"@context": INLINE, **gauge()})
    async with quick.stream(following(type=INLINE["Gauge"], lastEventId="0")) as stream:
        await stream.event()
        event = await stream.event()
    assert event.data["type"] == INLINE["Gauge"]
    assert event.data["changed"] == [INLINE["level"]]


@pytest.mark.parametrize(
    ("parameters", "status", "place"),
    [
        ({"lastEventId": "x"}, 400, "query:lastEventId"),
        ({"lastEventId": "-1"}, 400, "query:lastEventId"),
        ({"lastEventId": "9" * 19}, 400, "query:lastEventId"),
        ({"q": "level>"}, 400, "query:q"),
        ({"type": ""}, 400, "query:type"),
        ({"format": "nonsense"}, 400, "query:format"),
        ({"nonsense": "1"}, 400, "query:nonsense"),
        ({"scopeQ": "/a/("}, 400, "query:scopeQ"),
        ({"pick": "level", "attrs": "level"}, 400, "query:attrs"),
        ({"pick": "level", "omit": "level"}, 400, "query:omit"),
        ({"pick": "a{b}"}, 400, "query:pick"),
        ({"omit": ""}, 400, "query:omit"),
        ({"attrs": "id"}, 400, "query:attrs"),
        ({"datasetId": "x y"}, 400, "query:datasetId"),
        ({"tenant": "a/b"}, 400, "query:tenant"),
        ({"tenant": "none"}, 404, "query:tenant"),
        ({"context": "http://127.0.0.1:9/c.jsonld"}, 504, "query:context"),
    ],
)
async def test_what_cannot_be_followed_is_refused_before_the_stream_begins(
    quick: Client, parameters: dict[str, str], status: int, place: str
) -> None:
    answer = await quick.get(following(**parameters))
    assert answer.status == status
    assert answer.problem["place"] == place


async def test_a_bad_last_event_id_header_is_named(quick: Client) -> None:
    answer = await quick.get(STREAM, {"last-event-id": "x"})
    assert answer.problem["place"] == "header:Last-Event-ID"


async def test_an_unknown_tenant_has_no_stream(quick: Client) -> None:
    answer = await quick.get(STREAM, {"ngsild-tenant": "none"})
    assert answer.problem["type"] == ERRORS + "NonexistentTenant"
    assert answer.problem["place"] == "header:NGSILD-Tenant"


async def test_many_streams_are_told_of_one_change() -> None:
    async with running(MemoryStore()) as client, AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(client.stream(STREAM)) for _ in range(50)]
        for stream in opened:
            await stream.event()
        await client.post(ENTITIES, gauge())
        assert [(await stream.event()).name for stream in opened] == ["enter"] * 50


async def test_attrs_keep_what_is_shown_small(quick: Client) -> None:
    async with quick.stream(following(attrs="level", format="simplified")) as stream:
        await stream.event()
        await quick.post(ENTITIES, gauge(1, 1, name="x"))
        event = await stream.event()
    assert event.data["entity"] == gauge(1, 1)


NAMES = {"ja": "人", "en": "h"}
BOTH = {"dataset": {"@none": 1, "urn:d:2": 2}}


@pytest.mark.parametrize(
    ("parameters", "shown"),
    [
        ({"attrs": "level"}, {"id": urn(1), "type": "Gauge", "level": 1, "scope": "/a/b"}),
        ({"pick": "id,level"}, {"id": urn(1), "level": 1}),
        ({"omit": "type,level,scope"}, {"id": urn(1), "name": {"languageMap": NAMES}, "two": BOTH}),
        ({"pick": "name", "lang": "ja"}, {"name": "人"}),
        ({"pick": "two,name", "datasetId": "urn:d:2"}, {"two": 2}),
        ({"pick": "id", "scopeQ": "/a/#"}, {"id": urn(1)}),
    ],
)  # fmt: skip
async def test_an_entity_is_shown_as_the_stream_asks(
    quick: Client, parameters: dict[str, str], shown: dict[str, Any]
) -> None:
    two = [
        {"type": "Property", "value": 1},
        {"type": "Property", "value": 2, "datasetId": "urn:d:2"},
    ]
    name = {"type": "LanguageProperty", "languageMap": NAMES}
    async with quick.stream(following(**parameters, format="simplified")) as stream:
        await stream.event()
        await quick.post(ENTITIES, gauge(1, 1, name=name, two=two, scope="/a/b"))
        assert (await stream.event()).data["entity"] == shown


async def test_of_updates_only_those_of_watched_attributes_are_told(quick: Client) -> None:
    await quick.post(ENTITIES, gauge(1, 1, name="x"))
    async with quick.stream(following(watchedAttributes="name,other", q="level<5")) as stream:
        await stream.event()
        await level(quick, 1, 2)
        await quick.patch(f"{ONE}/attrs", {"name": "y"})
        await level(quick, 1, 9)
        await level(quick, 1, 1)
        await quick.delete(ONE)
        assert await stream.names(4) == ["update", "leave", "enter", "delete"]


async def test_a_snapshot_begins_a_stream_and_is_no_place_to_resume_from(client: Client) -> None:
    for number in range(1, 251):
        await client.post(ENTITIES, gauge(number, number))
    async with client.stream(following(q="level>100", snapshot="true", type="Gauge")) as stream:
        assert await stream.event() == Event("open", None, {})
        shown = [await stream.event() for _ in range(150)]
        assert await stream.event() == Event("synced", 250, {"seq": 250, "entities": 150})
        await level(client, 1, 101)
        assert (await stream.event()).id == 251
    assert {(event.name, event.id) for event in shown} == {("enter", None)}
    assert sorted(event.data["id"] for event in shown) == sorted(map(urn, range(101, 251)))


async def test_a_resumed_stream_needs_no_snapshot_but_a_reset_one_does(client: Client) -> None:
    for value in range(4):
        await client.post(f"{OPERATIONS}/upsert", [gauge(1, value)])
    async with client.stream(following(snapshot="true", lastEventId="3")) as stream:
        assert await stream.names(2) == ["open", "update"]
    await client.broker.store.prune("2030-01-01T00:00:00.000000Z")
    object.__setattr__(client.broker, "feed", Feed(client.broker.store))
    async with client.stream(following(snapshot="true", lastEventId="2")) as stream:
        assert await stream.names(4) == ["open", "reset", "enter", "synced"]


async def test_writes_during_a_snapshot_are_told_once_each(client: Client) -> None:
    for number in range(1, 301):
        await client.post(ENTITIES, gauge(number, number))
    seen: dict[str, int] = {}

    begun = asyncio.Event()

    async def write() -> None:
        for number in range(300, 0, -7):
            await level(client, number, -number)
            begun.set()
            await client.delete(f"{ENTITIES}/{urn(number)}")
            await client.post(ENTITIES, gauge(1000 + number, 1))
            await level(client, number - 1 or 2, 7)

    async with client.stream(following(snapshot="true", q="level>-100")) as stream:
        await stream.event()
        stream.stop_reading()
        writing = asyncio.ensure_future(write())
        await begun.wait()
        stream.go_on_reading()
        await writing
        head = client.broker.feed.head
        event = await stream.event()
        while event.id != head:
            apply_event(seen, event)
            event = await stream.event()
        apply_event(seen, event)
    answer = await client.get(f"{ENTITIES}?local=true&limit=1000&q=level%3E-100")
    assert sorted(seen) == sorted(entity["id"] for entity in answer.json())


def apply_event(seen: dict[str, int], event: Event) -> None:
    """Keep the versions a reader knows, and fail where an event does not fit to them."""
    match event.name:
        case "enter":
            assert event.data["id"] not in seen
            seen[event.data["id"]] = event.data["version"]
        case "update":
            assert seen[event.data["id"]] < event.data["version"]
            seen[event.data["id"]] = event.data["version"]
        case "leave" | "delete":
            assert seen.pop(event.data["id"]) < event.data["version"]


async def test_many_streams_resume_after_a_restart_with_neither_gap_nor_repeat(
    tmp_path: Path,
) -> None:
    count = 60
    places: list[int] = []
    async with running(SqliteStore(tmp_path, clock=Ticking())) as client, AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(client.stream(STREAM)) for _ in range(count)]
        for number in range(1, count + 1):
            await client.post(ENTITIES, gauge(number, 1))
        for number, stream in enumerate(streams):
            read = [await stream.event() for _ in range(number + 1)]
            places.append(read[-1].id or 0)
    async with running(SqliteStore(tmp_path, clock=Ticking())) as client, AsyncExitStack() as stack:
        await level(client, 1, 2)
        for place in places:
            path = following(lastEventId=str(place))
            stream = await stack.enter_async_context(client.stream(path))
            assert (await stream.event()).id == place
            told = [(await stream.event()).id for _ in range(count + 1 - place)]
            assert told == list(range(place + 1, count + 2))


async def test_more_streams_than_the_broker_serves_are_refused() -> None:
    settings = Settings(max_streams=2, max_streams_each=1)
    async with running(MemoryStore(), settings) as client, AsyncExitStack() as stack:
        known = {"machi-client": "a"}
        await (await stack.enter_async_context(client.stream(STREAM, known))).event()
        answer = await client.get(STREAM, known)
        assert (answer.status, answer.problem["place"]) == (429, "caller")
        async with client.stream(STREAM) as stream:
            await stream.event()
            answer = await client.get(STREAM)
            assert (answer.status, "--max-streams" in answer.problem["remedy"]) == (503, True)
        async with client.stream(STREAM) as stream:
            assert (await stream.event()).name == "open"


async def test_pages_of_other_sites_may_not_listen() -> None:
    settings = Settings(allow_origins=("https://town.example",))
    async with running(MemoryStore(), settings) as client:
        for origin in ("https://evil.example", "null", "http://localhost:8080"):
            answer = await client.get(STREAM, {"origin": origin})
            assert (answer.status, answer.problem["place"]) == (403, "header:Origin")
        for origin in ("https://town.example", f"http://{HOST}"):
            async with client.stream(STREAM, {"origin": origin}) as stream:
                assert (await stream.event()).name == "open"


async def test_pages_of_any_site_may_listen_where_the_operator_says_so() -> None:
    async with (
        running(MemoryStore(), Settings(allow_origins=("*",))) as client,
        client.stream(STREAM, {"origin": "https://else.example"}) as stream,
    ):
        assert (await stream.event()).name == "open"
        assert stream.head.header("access-control-allow-origin") == "https://else.example"
