"""`/ngsi-ld/ex/v1/ws`: several named streams on one WebSocket, over a real connection."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from broker.client import Client
from broker.errors import Forbidden
from broker.guard import Action, Caller, OpenGuard
from broker.settings import Settings
from tests.broker.api.data import EX, gauge, urn
from tests.broker.api.test_tickets import Doorkeeper
from tests.support.live import live_broker
from tests.support.patience import PATIENCE

WS = f"{EX}/ws"


class Socket:
    """A WebSocket that speaks JSON."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, op: str, stream: str = "a", **members: Any) -> None:
        """Send a message."""
        await self.connection.send(orjson.dumps({"op": op, "stream": stream, **members}).decode())

    async def hear(self) -> dict[str, Any]:
        """Return the next message."""
        heard: dict[str, Any] = orjson.loads(
            await asyncio.wait_for(self.connection.recv(), PATIENCE)
        )
        return heard

    async def events(self, count: int) -> list[tuple[str, str, Any]]:
        """Return (stream, event, id) of the next messages."""
        heard = [await self.hear() for _ in range(count)]
        return [(each["stream"], each["event"], each["data"].get("id")) for each in heard]


class Town:
    """A running broker, a client of it, and its WebSockets."""

    def __init__(self, url: str, client: Client) -> None:
        self.url = url
        self.client = client

    @asynccontextmanager
    async def socket(self, query: str = "", **headers: str) -> AsyncIterator[Socket]:
        """Open a WebSocket."""
        address = self.url.replace("http", "ws", 1) + WS + query
        async with connect(address, additional_headers=headers, compression=None) as connection:
            yield Socket(connection)

    async def refusal(self, query: str = "", **headers: str) -> dict[str, Any]:
        """Return the problem document a handshake is refused with."""
        with pytest.raises(InvalidStatus) as refused:
            async with self.socket(query, **headers):
                pass
        problem: dict[str, Any] = orjson.loads(refused.value.response.body or b"")
        assert problem["status"] == refused.value.response.status_code
        return problem


@asynccontextmanager
async def running(
    data: Path, settings: Settings | None = None, **parts: Any
) -> AsyncIterator[Town]:
    """Run a broker."""
    async with live_broker(data, settings, **parts) as url, Client(url) as client:
        yield Town(url, client)


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    """Give a running broker."""
    async with running(tmp_path) as started:
        yield started


async def test_several_streams_share_a_connection(town: Town) -> None:
    async with town.socket() as socket:
        await socket.say("subscribe", "all", format="simplified")
        await socket.say("subscribe", "high", type="Gauge", q="level>3")
        assert await socket.events(2) == [("all", "open", None), ("high", "open", None)]
        await town.client.create(gauge(1, 5))
        told = {each["stream"]: each for each in (await socket.hear(), await socket.hear())}
    assert told["all"]["data"]["entity"] == gauge(1, 5)
    assert told["high"]["event"] == "enter"
    assert told["all"]["data"]["seq"] == told["high"]["data"]["seq"] == 1


async def test_a_stream_begins_with_a_snapshot_and_resumes_behind_a_place(town: Town) -> None:
    for number in (1, 2):
        await town.client.create(gauge(number, number))
    async with town.socket() as socket:
        await socket.say("subscribe", "now", snapshot=True, id=[urn(1), urn(2)])
        assert await socket.events(4) == [
            ("now", "open", None), ("now", "enter", urn(1)), ("now", "enter", urn(2)),
            ("now", "synced", None),
        ]  # fmt: skip
        await socket.say("subscribe", "since", after=1)
        assert await socket.events(2) == [("since", "open", None), ("since", "enter", urn(2))]


async def test_a_stream_can_be_ended_and_begun_anew(town: Town) -> None:
    async with town.socket() as socket:
        await socket.say("subscribe")
        assert await socket.events(1) == [("a", "open", None)]
        await socket.say("unsubscribe")
        assert await socket.events(1) == [("a", "end", None)]
        await town.client.create(gauge(1))
        await socket.say("subscribe", after=1)
        await town.client.create(gauge(2))
        assert await socket.events(2) == [("a", "open", None), ("a", "enter", urn(2))]


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ({"op": "dance", "stream": "a"}, "message:/op"),
        ({"op": "subscribe"}, "message:/stream"),
        ({"op": "subscribe", "stream": ""}, "message:/stream"),
        ({"op": "unsubscribe", "stream": "b"}, "message:/stream"),
        ({"op": "subscribe", "stream": "a", "q": "level>"}, "message:/q"),
        ({"op": "subscribe", "stream": "a", "limit": "1"}, "message:/limit"),
        ({"op": "subscribe", "stream": "a", "q": {}}, "message:/q"),
        ({"op": "subscribe", "stream": "a", "after": "x"}, "message:/after"),
        ({"op": "subscribe", "stream": "a", "context": "http://127.0.0.1:9/"}, "message:/context"),
        (["subscribe"], "message:"),
    ],
)
async def test_a_message_that_asks_for_nonsense_is_answered_and_the_connection_stays(
    town: Town, message: Any, place: str
) -> None:
    async with town.socket() as socket:
        await socket.connection.send(orjson.dumps(message).decode())
        heard = await socket.hear()
        assert (heard["event"], heard["data"]["place"]) == ("error", place)
        assert heard["data"]["remedy"]
        await socket.say("subscribe", "good")
        assert (await socket.hear())["event"] == "open"


async def test_a_name_is_taken_once(town: Town) -> None:
    async with town.socket() as socket:
        await socket.say("subscribe")
        await socket.say("subscribe")
        assert {event for _, event, _ in await socket.events(2)} == {"open", "error"}


async def test_names_are_read_by_the_connections_tenant_and_context(town: Town) -> None:
    async with Client(town.url, tenant="drill") as drill:
        await drill.create(gauge(1))
        async with town.socket("?tenant=drill") as socket:
            await socket.say("subscribe", after=0)
            assert await socket.events(2) == [("a", "open", None), ("a", "enter", urn(1))]


@pytest.mark.parametrize(
    ("query", "status", "place"),
    [
        ("?tenant=none", 404, "query:tenant"),
        ("?tenant=a/b", 400, "query:tenant"),
        ("?type=Gauge", 400, "query:type"),
        ("?ticket=nonsense", 403, "query:ticket"),
        ("?context=http://127.0.0.1:9/", 504, "query:context"),
    ],
)
async def test_a_handshake_that_cannot_be_met_is_refused_with_a_problem(
    town: Town, query: str, status: int, place: str
) -> None:
    problem = await town.refusal(query)
    assert (problem["status"], problem["place"]) == (status, place)


async def test_pages_of_other_sites_may_not_open_one(town: Town) -> None:
    problem = await town.refusal(origin="https://evil.example")
    assert (problem["status"], problem["place"]) == (403, "header:Origin")
    async with town.socket(origin=town.url) as socket:
        await socket.say("subscribe")
        assert (await socket.hear())["event"] == "open"


async def test_letting_all_pages_read_does_not_let_them_open_one(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, allow_origins=("*",))
    async with running(tmp_path, settings) as town:
        assert (await town.refusal(origin="https://evil.example"))["status"] == 403


async def test_connections_are_limited(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, max_streams=1)
    async with running(tmp_path, settings) as town, town.socket():
        assert (await town.refusal())["status"] == 503


async def test_a_request_that_is_no_handshake_is_told_so(town: Town) -> None:
    async with aiohttp.ClientSession() as session, session.get(town.url + WS) as answer:
        problem = await answer.json()
    assert (problem["status"], problem["place"]) == (426, "header:Upgrade")


async def test_a_socket_with_a_ticket_is_the_callers_who_took_it(tmp_path: Path) -> None:
    async with running(tmp_path, guard=Doorkeeper()) as town:
        assert (await town.refusal())["status"] == 403
        async with (
            aiohttp.ClientSession(headers={"authorization": "1"}) as session,
            session.post(f"{town.url}{EX}/tickets") as answer,
        ):
            ticket = (await answer.json())["ticket"]
        async with town.socket(f"?ticket={ticket}") as socket:
            await socket.say("subscribe")
            await socket.hear()
            await town.client.create(gauge(2))
            await town.client.create(gauge(1))
            assert await socket.events(1) == [("a", "enter", urn(1))]
        assert (await town.refusal(f"?ticket={ticket}"))["status"] == 403


async def test_a_quiet_stream_has_heartbeats_with_its_place(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, heartbeat=0.01)
    async with running(tmp_path, settings) as town, town.socket() as socket:
        await socket.say("subscribe", type="Bridge")
        assert (await socket.hear())["event"] == "open"
        await town.client.create(gauge(1))
        while (heard := await socket.hear())["data"] != {"seq": 1}:
            assert heard["event"] == "heartbeat"


async def test_who_asks_for_nothing_is_sent_away(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, patience=0.01)
    async with running(tmp_path, settings) as town, town.socket() as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.hear()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
        1008, "No stream was asked for.",
    )  # fmt: skip


async def test_who_takes_nothing_any_more_is_disconnected(tmp_path: Path) -> None:
    """All that lies between is full: not even the close gets through."""
    settings = Settings(data=tmp_path, patience=1.0)
    async with running(tmp_path, settings) as town:
        for number in range(14):
            await town.client.create(gauge(number, "x" * 1_000_000))
        address = town.url.replace("http", "ws", 1) + WS
        async with connect(
            address, sock=narrow(town.url), max_queue=1, max_size=None, compression=None
        ) as connection:
            reader = Socket(connection)
            await reader.say("subscribe", snapshot=True)
            assert (await reader.hear())["event"] == "open"
            async with asyncio.timeout(PATIENCE):
                while await streams(town):
                    await asyncio.sleep(0.01)
            with pytest.raises(ConnectionClosed) as closed:
                await read_on(connection)
    assert closed.value.rcvd is None


def narrow(url: str) -> socket.socket:
    """Connect with a small buffer: left to itself the system's may grow and swallow everything."""
    address = urlsplit(url)
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect((address.hostname, address.port))
    made.setblocking(False)
    return made


async def read_on(connection: ClientConnection) -> None:
    """Read to the end."""
    while True:
        await connection.recv()


async def streams(town: Town) -> int:
    """Return how many streams the broker serves."""
    async with aiohttp.ClientSession() as session, session.get(f"{town.url}/metrics") as answer:
        text = await answer.text()
    (line,) = [line for line in text.splitlines() if line.startswith("machi_streams ")]
    return int(float(line.split()[1]))


async def test_a_broker_that_stops_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as town:
        connection = await connect(town.url.replace("http", "ws", 1) + WS)
        await Socket(connection).say("subscribe")
        await connection.recv()
    assert orjson.loads(await connection.recv())["data"] == {
        "reason": "The broker stops.",
        "resume": True,
    }
    with pytest.raises(ConnectionClosed) as closed:
        await connection.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012


class Closing(OpenGuard):
    """Refuses reading from a moment on."""

    closed = False

    def allow(self, caller: Caller, tenant: str, action: Action, entity_id: str | None) -> None:
        if self.closed and action is Action.READ:
            raise Forbidden("No more.", place="caller", remedy="None.")


async def test_a_stream_is_refused_to_who_may_no_longer_read(tmp_path: Path) -> None:
    guard = Closing()
    async with running(tmp_path, guard=guard) as town, town.socket() as socket:
        guard.closed = True
        await socket.say("subscribe")
        told = await socket.hear()
    assert (told["event"], told["data"]["status"]) == ("error", 403)
