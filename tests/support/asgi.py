"""The broker in this process, without a network: requests go as bytes into its protocol."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
import uvicorn
from uvicorn.server import ServerState

from broker.accounts import Accounts
from broker.api.app import application, start, stop, wire
from broker.api.broker import Broker
from broker.disclosures import Disclosures
from broker.guard import Guard
from broker.settings import Settings
from broker.store.contract import Store
from broker.validation import Models
from tests.support.patience import PATIENCE

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


class _Pipe(asyncio.Transport):
    """A connection without a network: what the broker writes is kept until it is taken."""

    def __init__(self, make: Callable[[ServerState], asyncio.Protocol]) -> None:
        super().__init__()
        self.state = ServerState()
        self.protocol = make(self.state)
        self.news = asyncio.Event()
        self.ended = False
        self._written = bytearray()
        self._loop = asyncio.get_running_loop()

    def take(self) -> bytes:
        """Return what was written since."""
        written = bytes(self._written)
        self._written.clear()
        return written

    async def more(self) -> bytes:
        """Return what was written since, at least a byte. Raises EOFError at the end."""
        while not self._written:
            if self.ended:
                raise EOFError
            self.news.clear()
            await self.news.wait()
        return self.take()

    def send(self, data: bytes) -> None:
        """Let the broker receive bytes, as from the event loop."""
        self._loop.call_soon(self._receive, data)

    def _receive(self, data: bytes) -> None:
        try:
            self.protocol.data_received(data)
        except BaseException:
            self.close()
            raise

    def write(self, data: Any) -> None:
        self._written += data
        self.news.set()

    def can_write_eof(self) -> bool:
        return False

    def close(self) -> None:
        if not self.ended:
            self.ended = True
            self.news.set()
            self._loop.call_soon(self.protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        pass

    resume_reading = pause_reading


@dataclass(frozen=True, slots=True)
class Event:
    """One Server-Sent Event; a comment (heartbeat) has the name `:`."""

    name: str
    id: int | None
    data: Any


class Stream:
    """An open event stream."""

    def __init__(self, pipe: _Pipe, head: Answer, rest: bytes) -> None:
        self.head = head
        self._pipe = pipe
        self._raw = rest
        self._rest = b""

    async def event(self, within: float = PATIENCE) -> Event:
        """Return the next event or comment. Raises TimeoutError, EOFError at the end."""
        async with asyncio.timeout(within):
            while b"\n\n" not in self._rest:
                await self._chunk()
        block, self._rest = self._rest.split(b"\n\n", 1)
        return _event(block.decode())

    async def _chunk(self) -> None:
        while b"\r\n" not in self._raw:
            self._raw += await self._pipe.more()
        size, _, self._raw = self._raw.partition(b"\r\n")
        length = int(size, 16)
        while len(self._raw) < length + 2:
            self._raw += await self._pipe.more()
        if length == 0:
            raise EOFError
        self._rest += self._raw[:length]
        self._raw = self._raw[length + 2 :]

    async def names(self, count: int) -> list[str]:
        """Return the names of the next `count` events."""
        return [(await self.event()).name for _ in range(count)]

    def stop_reading(self) -> None:
        """Take nothing more off the connection, as a client does that is busy elsewhere."""
        self._pipe.protocol.pause_writing()

    def go_on_reading(self) -> None:
        """Read again."""
        self._pipe.protocol.resume_writing()


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
        self._wire = wire(broker)
        self._config = uvicorn.Config(application(broker), lifespan="off", log_config=None)
        self._config.load()

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
        pipe = self._open(*_written(method, path, headers, json, body))
        data = b""
        while (found := _answer(data, method)) is None:
            data += await pipe.more()
        pipe.close()
        answer, rest = found
        assert not rest, rest
        return answer

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, headers: dict[str, str] | Sequence[tuple[str, str]] = ()
    ) -> AsyncIterator[Stream]:
        """Open an event stream, and leave it at the end."""
        pipe = self._open(*_written("GET", path, headers, ABSENT, None))
        try:
            async with asyncio.timeout(PATIENCE):
                data = b""
                while b"\r\n\r\n" not in data:
                    data += await pipe.more()
            head, _, rest = data.partition(b"\r\n\r\n")
            yield Stream(pipe, _head(head), rest)
        finally:
            pipe.close()
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*pipe.state.tasks, return_exceptions=True)

    def _open(self, *parts: bytes) -> _Pipe:
        pipe = _Pipe(lambda state: self._wire.protocol(self._config, state, {}))
        pipe.protocol.connection_made(pipe)
        for part in parts:
            pipe.send(part)
        return pipe

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
    models: Models | None = None,
    accounts: Accounts | None = None,
    disclosures: Disclosures | None = None,
) -> AsyncIterator[Client]:
    """Run a broker on `store` and give a client of it; the broker is stopped at the end."""
    tokens = map("{:032x}".format, itertools.count(1))
    broker = await start(
        settings or Settings(context_timeout=30),
        store,
        guard=guard,
        clock=clock or Ticking(),
        token=lambda: next(tokens),
        models=models,
        accounts=accounts,
        disclosures=disclosures,
    )
    try:
        yield Client(broker)
    finally:
        await stop(broker)


def _written(
    method: str,
    path: str | bytes,
    headers: dict[str, str] | Sequence[tuple[str, str]],
    json: Any,
    body: bytes | Sequence[bytes] | None,
) -> list[bytes]:
    """Return a request as the bytes of its head and the parts of its body."""
    pairs = list(headers.items() if isinstance(headers, dict) else headers)
    given = {name.lower() for name, _ in pairs}
    if json is not ABSENT:
        body = orjson.dumps(json)
        if "content-type" not in given:
            pairs.append(("content-type", "application/json"))
    parts = [body] if isinstance(body, bytes) else list(body or ())
    if body is not None and "content-length" not in given:
        pairs.append(("content-length", str(sum(map(len, parts)))))
    if "host" not in given:
        pairs.append(("host", HOST))
    target = path if isinstance(path, bytes) else path.encode()
    lines = [b"%b %b HTTP/1.1" % (method.encode(), target)]
    lines += [f"{name}: {value}".encode("latin-1") for name, value in pairs if value]
    return [b"\r\n".join([*lines, b"", b""]), *parts]


def _head(text: bytes) -> Answer:
    """Return status and headers of an answer."""
    first, *lines = text.decode("latin-1").split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    headers = tuple((name.lower(), value) for name, value in pairs if name != "date")
    return Answer(int(first.split(" ")[1]), headers, b"")


def _answer(data: bytes, method: str) -> tuple[Answer, bytes] | None:
    """Return a whole answer and what follows it, or None where it is not all there."""
    text, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        return None
    head = _head(text)
    bodiless = method == "HEAD" or head.status in (204, 304)
    length = 0 if bodiless else int(head.header("content-length") or 0)
    if len(rest) < length:
        return None
    return Answer(head.status, head.headers, rest[:length]), rest[length:]
