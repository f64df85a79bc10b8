"""One WebSocket, spoken to as the server does: slow readers, limits."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

import orjson

from broker.api.session import MOST_STREAMS
from broker.api.sockets import Sockets
from broker.api.websocket import ABORT
from broker.settings import Settings
from broker.store.memory import MemoryStore
from tests.support.asgi import Client, running
from tests.support.patience import PATIENCE


class Line:
    """A connection whose client reads only as long as `reading` is set."""

    def __init__(self, client: Client, *messages: dict[str, Any]) -> None:
        self.reading = asyncio.Event()
        self.reading.set()
        self.said: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self.left = asyncio.Event()
        self._messages: list[dict[str, Any]] = [{"type": "websocket.connect"}]
        for message in messages:
            text = orjson.dumps(message).decode()
            self._messages.append({"type": "websocket.receive", "text": text})
        scope: MutableMapping[str, Any] = {"type": "websocket", "headers": [], "query_string": b""}
        scope["extensions"] = {ABORT: self.left.set}
        sockets = Sockets(client.broker)
        self.task = asyncio.ensure_future(sockets(scope, self._receive, self._send))

    async def _receive(self) -> MutableMapping[str, Any]:
        if not self._messages:
            await self.left.wait()
            return {"type": "websocket.disconnect"}
        return self._messages.pop(0)

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "websocket.send":
            await self.reading.wait()
        if message["type"] == "websocket.close":
            self.left.set()
        await self.said.put(message)

    async def event(self) -> dict[str, Any]:
        """Return the next event."""
        while True:
            message = await asyncio.wait_for(self.said.get(), PATIENCE)
            if "text" in message:
                found: dict[str, Any] = orjson.loads(message["text"])
                return found


def subscribe(name: str, **members: Any) -> dict[str, Any]:
    """Return the message that begins a stream."""
    return {"op": "subscribe", "stream": name, **members}


async def test_a_reader_that_takes_nothing_is_sent_away_with_the_reason() -> None:
    settings = Settings(heartbeat=0.01, patience=0.05)
    async with running(MemoryStore(), settings) as client:
        line = Line(client, subscribe("a"))
        assert (await line.event())["event"] == "open"
        line.reading.clear()
        await asyncio.wait_for(line.task, PATIENCE)
        *_, last = [line.said.get_nowait() for _ in range(line.said.qsize())]
    assert (last["code"], last["reason"]) == (1008, "You read too slowly.")


async def test_a_connection_carries_so_many_streams_and_no_more() -> None:
    async with running(MemoryStore()) as client:
        line = Line(client, *(subscribe(str(number)) for number in range(MOST_STREAMS + 1)))
        events = [await line.event() for _ in range(MOST_STREAMS + 1)]
        assert client.broker.feed.figures()["streams"] == MOST_STREAMS
        line.left.set()
        await line.task
        assert client.broker.feed.figures()["streams"] == 0
        assert client.broker.seats.total == 0
    (refused,) = [event for event in events if event["event"] == "error"]
    assert (refused["data"]["status"], refused["stream"]) == (429, str(MOST_STREAMS))


async def test_a_stream_that_is_ended_before_it_began_leaves_nothing_behind() -> None:
    async with running(MemoryStore()) as client:
        line = Line(client, subscribe("a"), {"op": "unsubscribe", "stream": "a"})
        assert (await line.event())["event"] == "end"
        assert client.broker.feed.figures()["streams"] == 0
        line.left.set()
        await line.task
