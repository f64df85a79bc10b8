"""Hidden things leak in nothing that is told as it happens: streams, WebSockets, notifications.

How is said in `test_guard_tripwire`.
"""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import orjson
import pytest

from broker.api.sockets import Sockets
from broker.api.websocket import ABORT
from broker.store.outbox import Outcome, Settlement
from broker.subscriptions.live import Feed
from tests.broker.tripwire.hidden import (
    BY_TYPE,
    CONDITIONS,
    COUNT,
    ENTITIES,
    EX,
    HIDDEN,
    IDS,
    NEAR,
    NUMBER,
    ONE,
    PLACE,
    SECRET,
    TRACES,
    VISIBLE,
    Pair,
    Probe,
    gauge,
    get,
)
from tests.broker.tripwire.probes import LETTERS
from tests.broker.tripwire.subscribing import SUBSCRIPTIONS, subscription
from tests.support.asgi import ABSENT, Answer, Client, Event, Stream
from tests.support.patience import PATIENCE
from tests.support.receivers import receiver
from tests.support.tripwire import MARKED_TYPE

FOLLOWED: list[dict[str, str]] = [
    {},
    {"snapshot": "true", "type": "Gauge"},
    {"snapshot": "true", "q": f"level>1|{COUNT}>5"},
    {"attrs": SECRET},
    {"attrs": "level", "watchedAttributes": f"{SECRET},{COUNT}"},
    {"id": ",".join(IDS)},
    {**NEAR, "geoproperty": PLACE},
    {"type": "Gauge", "options": "sysAttrs"},
    {"type": f"Gauge,{MARKED_TYPE}"},
    *({"q": q} for q in CONDITIONS),
]
LAST = gauge("last", NUMBER + 1, secret=1)


async def _events(stream: Stream) -> list[tuple[Any, ...]]:
    """Return the events up to that on the entity LAST."""
    found = []
    while True:
        event = await _news(stream)
        found.append((event.name, event.id, event.data))
        if event.data.get("id") == LAST["id"]:
            return found


async def _news(stream: Stream) -> Event:
    """Return the next event that is no heartbeat."""
    while (event := await stream.event()).name == ":":
        pass
    return event


async def _live(pair: Pair) -> None:
    """Let visible and hidden things happen, and at last something every stream is told of."""
    await pair.beside("PATCH", f"{HIDDEN[0]}/attrs/level", {"value": NUMBER})
    for inside in pair.inside:
        await inside.patch(f"{ONE}/attrs", {"level": 4})
    await pair.beside("DELETE", HIDDEN[1], ABSENT)
    await pair.beside("POST", ENTITIES, BY_TYPE)
    for inside in pair.inside:
        await inside.delete(f"{ENTITIES}/{VISIBLE[1]['id']}")
    await pair.beside("PUT", HIDDEN[1], BY_TYPE)
    for inside in pair.inside:
        await inside.post(ENTITIES, {**LAST, "id": "urn:ngsi-ld:Gauge:before"})
        await inside.post(ENTITIES, LAST)


@pytest.mark.parametrize("parameters", FOLLOWED, ids=str)
@pytest.mark.parametrize("when", ["live", "resumed", "from the store"])
async def test_no_stream_tells_what_is_hidden(
    pair: Pair, parameters: dict[str, str], when: str
) -> None:
    path = get(f"{EX}/stream", **parameters).path
    everything = f"{EX}/stream"
    for client in (pair.real, pair.twin):
        often = replace(client.broker.settings, heartbeat=0.01)
        object.__setattr__(client.broker, "settings", often)
    if when != "live":
        await _live(pair)
        path = get(f"{EX}/stream", **parameters, lastEventId="0").path
        everything += "?lastEventId=0"
    if when == "from the store":
        for client in (pair.real, pair.twin):
            object.__setattr__(client.broker, "feed", Feed(client.broker.store, exact=False))
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(client.stream(one))
            for client in (pair.real, pair.twin)
            for one in (path, everything)
        ]
        begun = [await _begin(streams[index], parameters, when) for index in (0, 2)]
        if when == "live":
            await _live(pair)
        told = [await _events(streams[index]) for index in (1, 3)]
        told += [
            await _until(stream, client.broker.feed.told)
            for stream, client in ((streams[0], pair.real), (streams[2], pair.twin))
        ]
    assert told[0] == told[1]
    assert told[2] == told[3]
    assert begun[0] == begun[1]
    for trace in TRACES:
        assert trace not in repr(begun + told).encode()


async def _begin(stream: Stream, parameters: dict[str, str], when: str) -> list[Any]:
    """Return the snapshot a live stream begins with, where it has one."""
    told: list[Any] = []
    while "snapshot" in parameters and when == "live" and "synced" not in told[-1:]:
        event = await _news(stream)
        told += [event.id, event.data, event.name]
    return told


async def _until(stream: Stream, place: int) -> list[tuple[Any, ...]]:
    """Return what a stream was told until a heartbeat says that it has come to a place."""
    found: list[tuple[Any, ...]] = []
    while True:
        event = await stream.event()
        if event.name != ":":
            found.append((event.name, event.id, event.data))
        elif int(event.data.partition("id: ")[2]) >= place:
            return found


async def _socket(client: Client, heard: list[dict[str, Any]]) -> None:
    """Subscribe to every stream over one WebSocket, and note what it says for ever."""
    asked = [
        {"op": "subscribe", "stream": str(number), "after": 0, **parameters}
        for number, parameters in enumerate(FOLLOWED)
    ]
    messages = [{"type": "websocket.connect"}]
    messages += [
        {"type": "websocket.receive", "text": orjson.dumps(message).decode()} for message in asked
    ]

    async def receive() -> dict[str, Any]:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        if "text" in message:
            heard.append(orjson.loads(message["text"]))

    scope: MutableMapping[str, Any] = {"type": "websocket", "headers": [], "query_string": b""}
    scope["extensions"] = {ABORT: lambda: None}
    await Sockets(client.broker)(scope, receive, send)


def _arrived(heard: list[dict[str, Any]], place: int) -> set[str]:
    """Return the streams of which a heartbeat has said that they have come to a place."""
    return {
        each["stream"]
        for each in heard
        if each["event"] == "heartbeat" and each["data"]["seq"] >= place
    }


async def test_no_websocket_tells_what_is_hidden(pair: Pair) -> None:
    told: list[list[dict[str, Any]]] = [[], []]
    for client in (pair.real, pair.twin):
        often = replace(client.broker.settings, heartbeat=0.01)
        object.__setattr__(client.broker, "settings", often)
    sockets = [
        asyncio.ensure_future(_socket(client, heard))
        for client, heard in zip((pair.real, pair.twin), told, strict=True)
    ]
    await _live(pair)
    async with asyncio.timeout(PATIENCE):
        for client, heard in zip((pair.real, pair.twin), told, strict=True):
            while len(_arrived(heard, client.broker.feed.told)) < len(FOLLOWED):
                await asyncio.sleep(0.01)
    for socket in sockets:
        socket.cancel()
    events = [[each for each in heard if each["event"] != "heartbeat"] for heard in told]
    by_stream = [sorted(heard, key=lambda each: each["stream"]) for heard in events]
    assert by_stream[0] == by_stream[1]
    assert len(by_stream[0]) > len(FOLLOWED)
    for trace in TRACES:
        assert trace not in orjson.dumps(by_stream)


async def test_a_change_of_hidden_attributes_only_is_no_event(pair: Pair) -> None:
    async with pair.real.stream(f"{EX}/stream") as stream:
        await stream.event()
        real = pair.inside[0]
        await real.patch(f"{ONE}/attrs", {COUNT: 5})
        await real.patch(f"{ONE}/attrs", {SECRET: "urn:ngsi-ld:null"})
        await real.post(f"{ONE}/attrs", {"scope": "/seen"})
        event = await stream.event()
    assert (event.name, event.data["id"]) == ("update", VISIBLE[0]["id"])
    assert event.data["entity"]["scope"] == "/seen"


async def _die(client: Client) -> None:
    """Let everything that waits become a dead letter."""
    outbox = client.broker.store.outbox
    for sid in await outbox.queues():
        rows = await outbox.waiting(sid, limit=1000)
        await outbox.settle(
            [Settlement(sid, row.seq, Outcome.DEAD, "", 1, "Refused.") for row in rows]
        )


TOLD = [
    subscription(1),
    subscription(2, watchedAttributes=["level"], q=f"{COUNT}>5"),
    subscription(3, watchedAttributes=[SECRET, "level"]),
    subscription(4, notificationTrigger=["entityDeleted", "attributeDeleted"]),
]


async def test_no_dead_letter_tells_what_is_hidden(pair: Pair) -> None:
    await pair.hush()
    for one in TOLD:
        assert (await pair.compare(Probe("POST", SUBSCRIPTIONS, one))).status == 201
    await _live(pair)
    for inside in pair.inside:
        await inside.patch(f"{ONE}/attrs", {COUNT: 5} if inside is pair.inside[0] else {"level": 4})
    for client in (pair.real, pair.twin):
        await _die(client)
    listed = [
        await client.get(f"{LETTERS}?limit=100&count=true") for client in (pair.real, pair.twin)
    ]
    kept = [_letters(answer) for answer in listed]
    assert kept[0]
    assert set(kept[0]) <= set(kept[1])
    assert listed[0].header("ngsild-results-count") == str(len(kept[0]))
    for letter in kept[0]:
        answer = await pair.real.get(f"{LETTERS}/{letter}")
        assert answer.status == 200
        for trace in TRACES:
            assert trace not in answer.body + listed[0].body


def _letters(answer: Answer) -> list[str]:
    return [one["id"] for one in answer.json()]


@pytest.mark.parametrize("accept", ["application/json", "application/geo+json"])
async def test_no_notification_tells_what_is_hidden(pair: Pair, accept: str) -> None:
    async with receiver() as one, receiver() as other:
        for subscription in TOLD:
            for client, where in ((pair.real, one), (pair.twin, other)):
                endpoint = {"uri": where.url, "accept": accept}
                notification = {"endpoint": endpoint, "showChanges": True, "sysAttrs": True}
                sent = {**subscription, "notification": notification}
                assert (await client.post(SUBSCRIPTIONS, sent)).status == 201
        await _live(pair)
        for client in (pair.real, pair.twin):
            async with asyncio.timeout(PATIENCE):
                while (await client.broker.store.outbox.books()).waiting:
                    await asyncio.sleep(0.001)
        told = b"".join(got.body + repr(got.headers).encode() for got in one.got)
        assert 0 < len(one.got) <= len(other.got)
    for trace in TRACES:
        assert trace not in told
