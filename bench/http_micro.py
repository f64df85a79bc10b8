"""Requests through the HTTP protocol without sockets: `python -m bench.http_micro [operation …]`.

Bytes go into the protocol of 32 connections and answers come out of it, as from the event loop;
what is left out is the kernel and the transport. The store is SQLite in a temporary folder, with
as many entities as `make bench` has and, like there, without history. `new` and `existing` are
batch upserts of 1,000 from one connection; their figures are for one entity.
"""

import asyncio
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import uvicorn
import uvloop
from uvicorn.server import ServerState

from bench import data
from broker.api.app import application, start, stop, wire
from broker.main import tune_collector
from broker.settings import Settings
from broker.store.sqlite import SqliteStore

COUNT = 20_000
BATCH = 1000
CONNECTIONS = 32
SECONDS = 2.0
ENTITIES = b"/ngsi-ld/v1/entities"
UPSERT = b"/ngsi-ld/v1/entityOperations/upsert"


def request(method: bytes, target: bytes, body: bytes = b"") -> bytes:
    """Return a request as wrk writes it."""
    lines = [b"%b %b HTTP/1.1" % (method, target), b"Host: localhost:1026"]
    if body:
        lines += [b"Content-Type: application/json", b"Content-Length: %d" % len(body)]
    return b"\r\n".join([*lines, b"", b""]) + body


class Client(asyncio.Transport):
    """A connection that sends its next request as soon as it has an answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, requests: Iterator[bytes]) -> None:
        super().__init__()
        self.answers = 0
        self.failures = 0
        self.protocol: Any = None
        self._loop = loop
        self._requests = requests
        self._stopped = False

    def send(self) -> None:
        """Let the protocol receive a request."""
        following = None if self._stopped else next(self._requests, None)
        if following is not None:
            self.protocol.data_received(following)

    def stop(self) -> None:
        """Send no more."""
        self._stopped = True

    def write(self, answer: Any) -> None:
        """Take an answer."""
        self.answers += 1
        if answer[9:10] != b"2":
            self.failures += 1
        self._loop.call_soon(self.send)


def connect(make: Callable[[], Any], requests: Iterator[bytes]) -> Client:
    """Return a client that has begun to send."""
    loop = asyncio.get_running_loop()
    client = Client(loop, requests)
    client.protocol = make()
    client.protocol.connection_made(client)
    loop.call_soon(client.send)
    return client


async def measure(make: Callable[[], Any], requests: Iterator[bytes]) -> float:
    """Return the microseconds of this process's CPU that one request takes."""
    clients = [connect(make, requests) for _ in range(CONNECTIONS)]
    await asyncio.sleep(SECONDS / 4)
    before, begun = sum(client.answers for client in clients), time.process_time()
    await asyncio.sleep(SECONDS)
    answers, cpu = sum(client.answers for client in clients) - before, time.process_time() - begun
    for client in clients:
        client.stop()
    await asyncio.sleep(0.1)
    for client in clients:
        client.protocol.connection_lost(None)
    assert not any(client.failures for client in clients)
    return cpu / answers * 1e6


def batches(generation: int) -> list[bytes]:
    """Return the upserts that together bring every entity."""
    entities = [data.seeded(n, COUNT, generation) for n in range(COUNT)]
    return [
        request(b"POST", UPSERT, orjson.dumps(entities[start : start + BATCH]))
        for start in range(0, COUNT, BATCH)
    ]


async def upsert(make: Callable[[], Any], requests: list[bytes]) -> str:
    """Send batches; return what the best and the middle one took for one entity."""
    used, walls = [], []
    for one in requests:
        cpu, wall = time.process_time(), time.perf_counter()
        client = connect(make, iter([one]))
        while not client.answers:
            await asyncio.sleep(0.0005)
        used.append((time.process_time() - cpu) / BATCH * 1e6)
        walls.append((time.perf_counter() - wall) / BATCH * 1e6)
        assert not client.failures
        client.protocol.connection_lost(None)
    middle = len(requests) // 2
    return (
        f"{min(used):7.1f} µs at best, {sorted(used)[middle]:7.1f} in the middle, "
        f"{sorted(walls)[middle]:7.1f} of wall time"
    )


def operations() -> dict[str, Iterator[bytes]]:
    """Return endless requests by operation."""
    draw = random.Random(14)
    ids = (b"%b%06d" % (data.PREFIX.encode(), draw.randrange(COUNT)) for _ in itertools.count())
    values = itertools.count(1)
    step = b'{"relativeHumidity":{"type":"Property","value":%d.5}}'
    target = ENTITIES + b"/%b/attrs"
    found = ENTITIES + b"?type=%b&q=temperature%%3E%b.%06d&limit=20"
    tails = itertools.cycle([orjson.dumps(data.cold(draw))[1:] for _ in range(512)])
    warm = b"%d" % (data.TEMPERATURE_STEP * (COUNT - 21))
    return {
        "health": itertools.repeat(request(b"GET", b"/health")),
        "retrieve": (request(b"GET", ENTITIES + b"/" + one) for one in ids),
        "query": (
            request(b"GET", found % (data.TYPE.encode(), warm, next(values) % 1000000))
            for _ in values
        ),
        "update": (request(b"PATCH", target % one, step % next(values)) for one in ids),
        "create": (
            request(b"POST", ENTITIES, b'{"id":"urn:ngsi-ld:New:%d",' % n + next(tails))
            for n in values
        ),
    }


async def main() -> None:
    """Print one line for each operation."""
    with tempfile.TemporaryDirectory() as folder:
        broker = await start(Settings(data=Path(folder), history=False), SqliteStore(Path(folder)))
        wired = wire(broker)
        config = uvicorn.Config(application(broker), ws="none", lifespan="off", log_config=None)
        config.load()

        def make() -> Any:
            return wired.protocol(config, ServerState(), {})

        tune_collector()
        wanted = sys.argv[1:]
        told = await upsert(make, batches(0))
        if not wanted or "new" in wanted:
            print(f"{'new':10} {told}")
        if not wanted or "existing" in wanted:
            print(f"{'existing':10} {await upsert(make, batches(1))}")
        for name, requests in operations().items():
            if wanted and name not in wanted:
                continue
            print(f"{name:10} {await measure(make, requests):7.1f} µs")
        await stop(broker)


if __name__ == "__main__":
    uvloop.run(main())
