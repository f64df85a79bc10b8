"""2,000 listeners on one broker: what they cost idle, a change told to all, and a restart."""

import asyncio
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import orjson

from bench.figures import Figure, Target
from bench.process import cpu_seconds, memory
from bench.rates import Say
from bench.requests import RequestFailed, Requests
from tests.support.ports import free_port
from tests.support.server import HOST, Server, broker

LISTENERS = 2000
CHANGES = 30
MISSED = 200
PATIENCE = 60.0
PATH = "/ngsi-ld/ex/v1/stream?type=Gauge&format=simplified"
PLACE = re.compile(rb"^id: (\d+)$", re.MULTILINE)


class Listener(asyncio.Protocol):
    """One event stream, read as a browser reads it: the ids of events, in order."""

    def __init__(self, after: int | None, path: str, seen: list[int]) -> None:
        resume = "" if after is None else f"Last-Event-ID: {after}\r\n"
        self._request = f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{resume}\r\n".encode()
        self._raw = b""
        self._text = b""
        self._begun = False
        self.opened = False
        self.seen = seen

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Take the chunks apart, then the events."""
        self._raw += data
        if not self._begun:
            head, found, rest = self._raw.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 200 " not in head[:20]:
                raise RequestFailed(f"stream: {head[:60]!r} {rest[:300]!r}")
            self._begun, self._raw = True, rest
        while b"\r\n" in self._raw:
            size, _, rest = self._raw.partition(b"\r\n")
            length = int(size, 16)
            if len(rest) < length + 2:
                break
            self._text += rest[:length]
            self._raw = rest[length + 2 :]
        *events, self._text = self._text.split(b"\n\n")
        for event in events:
            found_id = PLACE.search(event)
            if b"event: open" in event:
                self.opened = True
            elif b"event: reset" in event:
                raise RequestFailed("stream: a listener was reset")
            elif b"event: " in event and found_id is not None:
                self.seen.append(int(found_id[1]))


class Crowd:
    """Listeners that all connect, and come back where they were."""

    def __init__(self, port: int, paths: list[str]) -> None:
        self.port = port
        self.paths = paths
        self.listeners: list[Listener] = []
        self.told: list[list[int]] = [[] for _ in paths]

    async def connect(self) -> None:
        """Connect everybody, 100 at a time, and wait until every stream is open."""
        for transport in [listener.transport for listener in self.listeners]:
            transport.abort()
        loop = asyncio.get_running_loop()
        self.listeners = []
        for start in range(0, len(self.paths), 100):
            numbers = range(start, min(start + 100, len(self.paths)))
            for number in numbers:
                seen = self.told[number]
                last = seen[-1] if seen else None
                path = self.paths[number]
                _, listener = await loop.create_connection(
                    partial(Listener, last, path, seen), HOST, self.port
                )
                self.listeners.append(listener)
        await until(lambda: all(listener.opened for listener in self.listeners))

    async def reach(self, seq: int) -> float:
        """Wait until everybody has been told of a change; return the seconds that took."""
        begun = time.perf_counter()
        await until(lambda: all(seen and seen[-1] >= seq for seen in self.told))
        return time.perf_counter() - begun

    def close(self) -> None:
        """Hang up."""
        for listener in self.listeners:
            listener.transport.abort()


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds. Raises RequestFailed where it does not in time."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise RequestFailed("streams: not all listeners were told in time")
        await asyncio.sleep(0.002)


def gauge(value: int) -> list[dict[str, object]]:
    """Return a batch of one entity."""
    level = {"type": "Property", "value": value}
    return [{"id": "urn:ngsi-ld:Gauge:1", "type": "Gauge", "level": level}]


def measure_streams(folder: Path, say: Say) -> list[Figure]:
    """Return the figures of all parts."""
    idle = Figure(
        f"{LISTENERS:,} idle listeners, RSS more", "MB", Target(150, at_least=False, worst=True)
    )
    same = [PATH] * LISTENERS
    own = [f"{PATH}&id=urn:ngsi-ld:Gauge:{number}" for number in range(LISTENERS)]
    for paths in (same, own):
        with broker(folder / "data", folder / "broker.log", free_port()) as server:
            idle.values.append(asyncio.run(_memory(server, paths)))
    say(f"{LISTENERS} idle listeners cost {max(idle.values):.0f} MB at most")
    with broker(folder / "told", folder / "broker.log", free_port()) as server:
        return [idle, *asyncio.run(_told(server, say))]


async def _told(server: Server, say: Say) -> list[Figure]:
    """Return how long a change takes to all listeners, and how long all take to come back."""
    write = Writer(Requests(server))
    await write(1)
    crowd = Crowd(server.port, [PATH] * LISTENERS)
    await crowd.connect()
    spread, busy = Figure("one change told to 2,000 listeners", "ms"), Figure("… CPU", "ms")
    for _ in range(CHANGES):
        before = cpu_seconds(server.pid)
        await write(1)
        spread.values.append(await crowd.reach(write.seq) * 1000)
        await asyncio.sleep(0.1)
        busy.values.append((cpu_seconds(server.pid) - before) * 1000)
    say(f"{CHANGES} changes told to all {LISTENERS}")
    back = await _restart(server, crowd, write)
    crowd.close()
    say(f"all {LISTENERS} resumed after a kill with neither gap nor repeat")
    return [spread, busy, back]


class Writer:
    """Changes the gauge; `seq` is the newest change."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self.seq = 0

    async def __call__(self, times: int) -> None:
        """Change it so many times."""
        for _ in range(times):
            body = orjson.dumps(gauge(self.seq))
            await asyncio.to_thread(self._requests.upsert, body)
            self.seq += 1


async def _memory(server: Server, paths: list[str]) -> float:
    """Return what idle listeners add to the broker's memory, in MB."""
    await Writer(Requests(server))(1)
    before = memory(server.pid).rss
    crowd = Crowd(server.port, paths)
    await crowd.connect()
    await asyncio.sleep(0.5)
    more = memory(server.pid).rss - before
    crowd.close()
    return more


async def _restart(server: Server, crowd: Crowd, write: Writer) -> Figure:
    """Kill the broker, write while everybody comes back, and count what each was told."""
    figure = Figure(f"{LISTENERS:,} listeners back after a kill, {MISSED} changes missed", "s")
    first = crowd.told[0][0]
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    await write(MISSED)
    begun = time.perf_counter()
    await asyncio.gather(crowd.connect(), write(MISSED // 10))
    await crowd.reach(write.seq)
    figure.values.append(time.perf_counter() - begun)
    expected = list(range(first, write.seq + 1))
    wrong = [number for number, seen in enumerate(crowd.told) if seen != expected]
    if wrong:
        raise RequestFailed(f"streams: {len(wrong)} listeners had gaps or repeats")
    return figure
