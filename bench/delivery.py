"""Notifications on their way: how soon they arrive, and how many a second.

Ages count from the time of the change, which is taken before its commit: they hold the wait for
the disk too, and so are never flattered. Receivers run in a process of their own. What arrived
is held against the broker's books; a run in which they differ has failed.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from bench.data import OBSERVED
from bench.figures import Figure, Target
from bench.rates import Say
from bench.receiver import seconds_since
from bench.requests import API, RequestFailed, Requests
from tests.support import free_port
from tests.support.server import HOST, Server, broker

EX = "/ngsi-ld/ex/v1"
RIVERS = 50
RATE = 500
WRITERS = 8
PAIRS = 15
P99 = Target(50, at_least=False)
UNMOVED = Target(1.2, at_least=False)
FAN_OUT = Target(3000)


@dataclass(frozen=True, slots=True)
class Place:
    """A running broker and its receiver."""

    broker: Server
    receiver: Server

    @property
    def requests(self) -> Requests:
        """Return requests to the broker."""
        return Requests(self.broker)

    def figures(self) -> dict[str, Any]:
        """Return what the receiver noted since the last time."""
        found: dict[str, Any] = Requests(self.receiver).expect(200, "GET", "/figures")
        return found

    def subscribe(self, name: str, path: str, **selector: str) -> None:
        """Create a subscription."""
        body = {
            "id": f"urn:ngsi-ld:Subscription:{name}",
            "type": "Subscription",
            "entities": [{"type": "River", **selector}],
            "notification": {"endpoint": {"uri": f"{self.receiver.url}{path}", "timeout": 2000}},
        }
        self.requests.expect(201, "POST", f"{API}/subscriptions", body)

    def unsubscribe(self, name: str) -> None:
        """Delete a subscription."""
        path = f"{API}/subscriptions/urn:ngsi-ld:Subscription:{name}"
        self.requests.expect(204, "DELETE", path)

    def books(self) -> dict[str, Any]:
        """Return the books of the whole store. Raises RequestFailed where they do not balance."""
        found: dict[str, Any] = self.requests.expect(200, "GET", f"{EX}/books")["all"]
        if not found["balanced"]:
            raise RequestFailed(f"the books do not balance: {found}")
        return found

    def settled(self, delivered: int, within: float = 60.0) -> None:
        """Wait until so many are delivered and none waits. Raises RequestFailed."""
        end = time.monotonic() + within
        while (books := self.books())["waiting"] or books["delivered"] != delivered:
            if time.monotonic() > end:
                raise RequestFailed(f"not {delivered} delivered: {books}")
            time.sleep(0.05)


def river(number: int) -> str:
    """Return the id of a river."""
    return f"urn:ngsi-ld:River:{number:03d}"


def update(number: int, value: int) -> bytes:
    """Return the request that sets a river's level."""
    level = {"type": "Property", "value": value, "unitCode": "MTR", "observedAt": OBSERVED}
    body = orjson.dumps({"level": level})
    return (
        f"PATCH {API}/entities/{river(number)}/attrs HTTP/1.1\r\nHost: {HOST}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def open_place(stack: ExitStack, folder: Path, *options: str) -> Place:
    """Start a broker with rivers, and a receiver."""
    port = free_port()
    command = [sys.executable, "-m", "bench.receiver", str(port)]
    receiver = Server(command, port, folder / "receiver.log", ready="/figures")
    server = broker(folder / "data", folder / "broker.log", None, *options)
    place = Place(stack.enter_context(server), stack.enter_context(receiver))
    place.requests.upsert(
        orjson.dumps(
            [
                {"id": river(n), "type": "River", "name": f"River {n}", "level": 0}
                for n in range(RIVERS)
            ]
        )
    )
    return place


class Writers:
    """Connections that write. `values` never repeat, so each write is a change."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.written = 0

    async def paced(self, rate: int, seconds: float) -> None:
        """Write so often a second, whatever the answers take; rivers take turns."""
        async with asyncio.TaskGroup() as group:
            for writer in range(WRITERS):
                group.create_task(self._at_times(writer, rate, seconds))

    async def _at_times(self, writer: int, rate: int, seconds: float) -> None:
        reader, stream = await asyncio.open_connection(HOST, self._port)
        begun = time.perf_counter()
        for number in range(writer, int(rate * seconds), WRITERS):
            ahead = begun + number / rate - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
            await self._write(reader, stream, number % RIVERS)
        stream.close()

    async def flat_out(self, seconds: float) -> None:
        """Write as fast as answers come."""
        async with asyncio.TaskGroup() as group:
            for writer in range(WRITERS):
                group.create_task(self._until(writer, time.perf_counter() + seconds))

    async def _until(self, writer: int, end: float) -> None:
        reader, stream = await asyncio.open_connection(HOST, self._port)
        number = writer
        while time.perf_counter() < end:
            await self._write(reader, stream, number % RIVERS)
            number += WRITERS
        stream.close()

    async def _write(
        self, reader: asyncio.StreamReader, stream: asyncio.StreamWriter, number: int
    ) -> None:
        self.written += 1
        stream.write(update(number, self.written))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 204"):
            raise RequestFailed(f"an update got {head[:200]!r}")


class Listener:
    """One Server-Sent Events stream; keeps the age of each event."""

    def __init__(self, port: int, number: int) -> None:
        self.ages: list[float] = []
        self._port = port
        self._path = f"{EX}/stream?id={river(number)}&type=River"

    async def listen(self, ready: Callable[[], None]) -> None:
        """Read until cancelled."""
        reader, stream = await asyncio.open_connection(HOST, self._port, limit=1 << 20)
        stream.write(f"GET {self._path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        with suppress(asyncio.IncompleteReadError):
            while True:
                line = await reader.readuntil(b"\n")
                if line.startswith(b"event: open"):
                    ready()
                elif line.startswith(b"data: ") and b'"at":"' in line:
                    at = line.index(b'"at":"') + 6
                    self.ages.append(seconds_since(line[at : line.index(b'"', at)].decode()))


def percentile(values: list[float], share: float) -> float:
    """Return a percentile in milliseconds."""
    ordered = sorted(values)
    return 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def measure_delivery(folder: Path, rounds: int, seconds: int, say: Say) -> list[Figure]:
    """Return ages at 500 updates a second, what a hanging receiver changes, and rates."""
    with ExitStack() as stack:
        place = open_place(stack, folder)
        for number in range(RIVERS):
            place.subscribe(f"one:{number}", "/notify", id=river(number))
        figures = _ages(place, rounds, seconds, say)
        figures += _beside_a_hanging_one(place, seconds, say)
    for name, fan_out, target in (("10 receivers", 10, FAN_OUT), ("one receiver", 1, None)):
        with ExitStack() as stack:
            apart = folder / f"fan-{fan_out}"
            apart.mkdir()
            place = open_place(stack, apart)
            for number in range(fan_out):
                place.subscribe(f"all:{number}", f"/notify/{number}")
            figure = Figure(f"deliveries, each write to {name}, writes included", "1/s", target)
            delivered = 0
            for turn in range(rounds):
                delivered = _flat_out(place, fan_out, max(seconds, 4), delivered, figure)
                say(f"fan-out {fan_out} {turn + 1}/{rounds}  {figure.values[-1]:,.0f}/s")
            figures.append(figure)
    return figures


def _ages(place: Place, rounds: int, seconds: int, say: Say) -> list[Figure]:
    told = [
        Figure(f"age at the {way} receiver, 500 updates/s, {name}", "ms", target)
        for way in ("HTTP", "SSE")
        for name, target in (("median", None), ("p99", P99))
    ]
    for turn in range(rounds):
        written, streamed = asyncio.run(_paced_with_listeners(place, max(seconds, 4)))
        place.settled(place.books()["queued"])
        noted = place.figures()
        if (len(noted["ages"]), noted["unique"], len(streamed)) != (written, written, written):
            raise RequestFailed(f"{written} written, {len(noted['ages'])} and {len(streamed)} told")
        for figure, (ages, share) in zip(
            told, [(noted["ages"], 0.5), (noted["ages"], 0.99), (streamed, 0.5), (streamed, 0.99)],
            strict=True,
        ):  # fmt: skip
            figure.values.append(percentile(ages, share))
        say(f"ages {turn + 1}/{rounds}  p99 {told[1].values[-1]:.1f}, {told[3].values[-1]:.1f} ms")
    return told


async def _paced_with_listeners(place: Place, seconds: int) -> tuple[int, list[float]]:
    listeners = [Listener(place.broker.port, number) for number in range(RIVERS)]
    opened = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(one.listen(opened.release)) for one in listeners]
    for _ in listeners:
        await opened.acquire()
    writers = Writers(place.broker.port)
    await writers.paced(RATE, seconds)
    end = time.monotonic() + 10
    while sum(len(one.ages) for one in listeners) < writers.written and time.monotonic() < end:
        await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return writers.written, [age for one in listeners for age in one.ages]


def _beside_a_hanging_one(place: Place, seconds: int, say: Say) -> list[Figure]:
    """Measure pairs of rounds, with and without a receiver of everything that never answers."""
    told = [
        Figure(f"age with a hanging receiver ÷ without, {name}", "ratio", target)
        for name, target in (("median", UNMOVED), ("p99", None))
    ]
    cells: dict[bool, list[float]] = {True: [], False: []}
    for turn in range(PAIRS):
        pair: dict[bool, list[float]] = {}
        for hanging in (turn % 2 == 0, turn % 2 == 1):
            if hanging:
                place.subscribe("hanging", "/hang")
            writers = Writers(place.broker.port)
            asyncio.run(writers.paced(RATE, max(seconds, 2)))
            if hanging:
                place.unsubscribe("hanging")
            books = place.books()
            place.settled(books["queued"] - books["cancelled"])
            pair[hanging] = place.figures()["ages"]
            cells[hanging].append(percentile(pair[hanging], 0.99))
        for figure, share in zip(told, (0.5, 0.99), strict=True):
            figure.values.append(percentile(pair[True], share) / percentile(pair[False], share))
        say(f"hanging {turn + 1}/{PAIRS}  median ×{told[0].values[-1]:.2f}")
    p99 = Figure("age beside a hanging receiver, p99", "ms", P99, cells[True])
    say(f"p99 {median(cells[True]):.1f} with, {median(cells[False]):.1f} ms without")
    return [*told, p99]


def _flat_out(place: Place, fan_out: int, seconds: int, before: int, figure: Figure) -> int:
    """Write flat out, wait for the last notification, and hold what came against the books."""
    begun = time.time()
    writers = Writers(place.broker.port)
    asyncio.run(writers.flat_out(seconds))
    due = writers.written * fan_out
    place.settled(before + due)
    noted = place.figures()
    if (len(noted["ages"]), noted["unique"]) != (due, due):
        raise RequestFailed(f"{due} due, {len(noted['ages'])} came, {noted['unique']} different")
    figure.values.append(due / (noted["newest"] - begun))
    return before + due
