"""The broker in this process, without a network: requests go straight into the application."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote

import orjson

from broker.api.app import application, start, stop
from broker.api.broker import Broker
from broker.guard import Guard
from broker.settings import Settings
from broker.store.contract import Store

ABSENT: Final = object()
"""What `json=` is where no JSON body is sent; None is a JSON body too."""

HOST = "localhost:1026"


class Ticking:
    """A clock for tests: starts at a fixed time and goes on by a microsecond with each look."""

    def __init__(self, begin: str = "2026-01-02T03:04:05+00:00") -> None:
        self._time = datetime.fromisoformat(begin).astimezone(UTC)

    def __call__(self) -> str:
        self._time += timedelta(microseconds=1)
        return self._time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def advance(self, **units: float) -> None:
        """Go on by a `timedelta` of these units."""
        self._time += timedelta(**units)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: header names are in lower case, in the order they were sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON."""
        return orjson.loads(self.body)

    def header(self, name: str) -> str | None:
        """Return the first header of this name, None without one."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[str]:
        """Return all headers of this name."""
        return [value for key, value in self.headers if key == name.lower()]

    @property
    def problem(self) -> dict[str, Any]:
        """Return the ProblemDetails, after checking what every one of them must have."""
        assert self.status >= 400, (self.status, self.body)
        assert self.header("content-type") == "application/json", self.headers
        told: dict[str, Any] = self.json()
        assert told["status"] == self.status
        for member in ("type", "title", "detail", "place", "remedy"):
            assert isinstance(told[member], str), told
            assert told[member], told
        return told


class _Exchange:
    """One request and what the application sends for it."""

    def __init__(self, scope: dict[str, Any], chunks: Sequence[bytes]) -> None:
        self.scope = scope
        self.gone = asyncio.Event()
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.reading = asyncio.Event()
        self.reading.set()
        self._chunks = list(chunks)

    async def receive(self) -> dict[str, Any]:
        if self._chunks:
            chunk = self._chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(self._chunks)}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        while not self.reading.is_set() and not self.gone.is_set():
            await self.reading.wait()
        await self.sent.put(dict(message))


@dataclass(frozen=True, slots=True)
class Event:
    """One Server-Sent Event; a comment (heartbeat) has the name `:`."""

    name: str
    id: int | None
    data: Any


class Stream:
    """An open event stream."""

    def __init__(self, exchange: _Exchange, head: Answer) -> None:
        self.head = head
        self._exchange = exchange
        self._rest = b""
        self._ended = False

    async def event(self, within: float = 5.0) -> Event:
        """Return the next event or comment. Raises TimeoutError, EOFError at the end."""
        async with asyncio.timeout(within):
            while b"\n\n" not in self._rest:
                if self._ended:
                    raise EOFError
                message = await self._exchange.sent.get()
                self._rest += message.get("body", b"")
                self._ended = not message.get("more_body", False)
        block, self._rest = self._rest.split(b"\n\n", 1)
        return _event(block.decode())

    async def names(self, count: int) -> list[str]:
        """Return the names of the next `count` events."""
        return [(await self.event()).name for _ in range(count)]

    def stop_reading(self) -> None:
        """Take nothing more off the connection, as a client does that is busy elsewhere."""
        self._exchange.reading.clear()

    def go_on_reading(self) -> None:
        """Read again."""
        self._exchange.reading.set()


def _event(block: str) -> Event:
    if block.startswith(":"):
        return Event(":", None, block)
    fields = dict(line.split(": ", 1) for line in block.splitlines())
    place = int(fields["id"]) if "id" in fields else None
    return Event(fields["event"], place, orjson.loads(fields["data"]))


class Client:
    """Sends requests to one running broker."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.app = application(broker)

    async def request(
        self,
        method: str,
        path: str | bytes,
        headers: dict[str, str] | Sequence[tuple[str, str]] = (),
        *,
        json: Any = ABSENT,
        body: bytes | Sequence[bytes] | None = None,
    ) -> Answer:
        """Send one request and return the whole response.

        `path` is sent as it is, with its query string. A body comes with its Content-Length and,
        for `json`, Content-Type, unless `headers` say otherwise; an empty header value leaves the
        header out.
        """
        exchange = _exchange(method, path, headers, json, body)
        await self.app(exchange.scope, exchange.receive, exchange.send)
        messages = []
        while not exchange.sent.empty():
            messages.append(exchange.sent.get_nowait())
        return _answer(messages)

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, headers: dict[str, str] | Sequence[tuple[str, str]] = ()
    ) -> AsyncIterator[Stream]:
        """Open an event stream, and leave it at the end."""
        exchange = _exchange("GET", path, headers, ABSENT, None)
        task = asyncio.ensure_future(self.app(exchange.scope, exchange.receive, exchange.send))
        try:
            head = _answer([await asyncio.wait_for(exchange.sent.get(), 5)])
            yield Stream(exchange, head)
        finally:
            exchange.gone.set()
            exchange.reading.set()
            await asyncio.wait_for(task, 5)

    async def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        """GET."""
        return await self.request("GET", path, headers or {})

    async def post(self, path: str, json: Any, headers: dict[str, str] | None = None) -> Answer:
        """POST a JSON body."""
        return await self.request("POST", path, headers or {}, json=json)

    async def patch(self, path: str, json: Any, headers: dict[str, str] | None = None) -> Answer:
        """PATCH with a JSON body."""
        return await self.request("PATCH", path, headers or {}, json=json)

    async def put(self, path: str, json: Any, headers: dict[str, str] | None = None) -> Answer:
        """PUT a JSON body."""
        return await self.request("PUT", path, headers or {}, json=json)

    async def delete(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        """DELETE."""
        return await self.request("DELETE", path, headers or {})


@contextlib.asynccontextmanager
async def running(
    store: Store,
    settings: Settings | None = None,
    *,
    guard: Guard | None = None,
    clock: Ticking | None = None,
) -> AsyncIterator[Client]:
    """Run a broker on `store` and give a client of it; the broker is stopped at the end."""
    tokens = map("{:032x}".format, itertools.count(1))
    broker = await start(
        settings or Settings(context_timeout=0.5),
        store,
        guard=guard,
        clock=clock or Ticking(),
        token=lambda: next(tokens),
    )
    try:
        yield Client(broker)
    finally:
        await stop(broker)


def _exchange(
    method: str,
    path: str | bytes,
    headers: dict[str, str] | Sequence[tuple[str, str]],
    json: Any,
    body: bytes | Sequence[bytes] | None,
) -> _Exchange:
    pairs = list(headers.items() if isinstance(headers, dict) else headers)
    given = {name.lower() for name, _ in pairs}
    if json is not ABSENT:
        body = orjson.dumps(json)
        if "content-type" not in given:
            pairs.append(("content-type", "application/json"))
    chunks = [body] if isinstance(body, bytes) else list(body or [b""])
    if body is not None and "content-length" not in given:
        pairs.append(("content-length", str(sum(map(len, chunks)))))
    if "host" not in given:
        pairs.append(("host", HOST))
    raw = path if isinstance(path, bytes) else path.encode()
    target, _, query = raw.partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "server": ("127.0.0.1", 1026),
        "client": ("127.0.0.1", 50000),
        "scheme": "http",
        "root_path": "",
        "method": method,
        "path": unquote(target.decode("latin-1")),
        "raw_path": target,
        "query_string": query,
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in pairs
            if value
        ],
        "state": {},
    }
    return _Exchange(scope, chunks)


def _answer(messages: list[dict[str, Any]]) -> Answer:
    head, *rest = messages
    assert head["type"] == "http.response.start", head
    headers = tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in head["headers"]
    )
    return Answer(head["status"], headers, b"".join(part.get("body", b"") for part in rest))
