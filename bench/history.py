"""History: what it costs an update, how far it lags, what it takes, and how fast it is read.

The rate of the import and the bytes are the engine's own, in this process; reads are over HTTP.
"""

import asyncio
import itertools
import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.figures import Figure, Target
from bench.process import cpu_seconds
from bench.rates import Bodies, Say, seed
from bench.requests import API, RequestFailed, Requests
from bench.wrk import Cell, load
from broker.model.times import microseconds, timestamp
from broker.store.history import Entry, Fact
from broker.store.sqlite import SqliteStore
from broker.store.sqlite.connection import DATA_FILE
from tests.support.server import Server, broker

ENTITIES = 2_000
INSTANCES = 1_000_000
SERIES = 2_000
BATCH = 4_000
LAST = INSTANCES // 10
YEAR = 365 * 86_400 * 1_000_000
START = microseconds("2025-01-01T00:00:00Z")
TYPE = "https://uri.etsi.org/ngsi-ld/default-context/River"
LEVEL = "https://uri.etsi.org/ngsi-ld/default-context/level"
TABLES = (
    *("past", "ptype", "series", "moment", "chunk", "instance", "chunk_at"),
    *("sqlite_autoindex_past_1", "sqlite_autoindex_series_1"),
)


def measure_history(folder: Path, rounds: int, seconds: int, say: Say) -> list[Figure]:
    """Return all figures of history."""
    town = folder / "town"
    imported = asyncio.run(_import(town, say))
    return [*imported, *_read(town, folder, rounds, say), *_follow(folder, rounds, seconds, say)]


def _follow(folder: Path, rounds: int, seconds: int, say: Say) -> list[Figure]:
    """Update beside a follower and without; the follower's work counts until it has caught up."""
    ratio = Figure("updates with history ÷ without, per CPU-second", "ratio", Target(0.75))
    rate = Figure("updates with history, as fast as they are answered", "1/s", Target(3000))
    lag = Figure("… and how far history lags then", "s", Target(1.0, at_least=False, worst=True))
    bodies = Bodies(folder, ENTITIES)
    with ExitStack() as stack:
        servers: list[Server] = []
        for name, options in (("with", ()), ("without", ("--no-history",))):
            server = broker(folder / name, folder / f"{name}.log", None, *options)
            servers.append(stack.enter_context(server))
            seed(Requests(server), bodies)
        cells = itertools.count(1)

        def updates(server: Server) -> Cell:
            number = next(cells)
            return load(
                server, "update", count=ENTITIES, cell=number, seconds=seconds, bodies=bodies.file
            )

        for turn in range(rounds):
            spent = {}
            for place in (0, 1) if turn % 2 else (1, 0):
                before = cpu_seconds(servers[place].pid)
                done = updates(servers[place])
                if place == 0:
                    Requests(servers[0]).await_history(30)
                spent[place] = (cpu_seconds(servers[place].pid) - before) / done.requests
            ratio.values.append(spent[1] / spent[0])
            watch = _Watch(servers[0])
            done = updates(servers[0])
            rate.values.append(done.per_second)
            lag.values.append(watch.stop() / done.per_second)
            say(f"history, round {turn + 1}/{rounds}: {ratio.values[-1]:.2f} of the rate without")
    return [ratio, rate, lag]


class _Watch:
    """Looks at how many changes history is behind, ten times a second."""

    def __init__(self, server: Server) -> None:
        self._requests = Requests(server)
        self._over = threading.Event()
        self._most = 0.0
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def stop(self) -> float:
        """Wait until history has caught up; return how far it was behind at most."""
        self._over.set()
        self._thread.join()
        self._requests.await_history(30)
        return self._most

    def _look(self) -> None:
        while not self._over.wait(0.1):
            self._most = max(self._most, self._requests.history_behind())


async def _import(folder: Path, say: Say) -> list[Figure]:
    """Fill a file with instances that arrive in turn, one of each series; then merge them all."""
    store = SqliteStore(folder)
    await store.open()
    marks: list[tuple[int, float]] = [(0, 0.0)]
    draw = random.Random(1)
    step = YEAR * SERIES // INSTANCES
    batch: list[Entry] = []
    for number in range(INSTANCES):
        turn, series = divmod(number, SERIES)
        at = START + turn * step + draw.randrange(1_000_000)
        delay = draw.randrange(200_000)
        value = round(1 + draw.random(), 2)
        instance = {"type": "Property", "value": value, "observedAt": timestamp(at)}
        fact = Fact(LEVEL, {**instance, "unitCode": "MTR"})
        batch.append(Entry(f"urn:ngsi-ld:River:{series:04}", (TYPE,), at + delay, (fact,)))
        if len(batch) == BATCH:
            begun = time.perf_counter()
            await store.history.record("", batch)
            marks.append((number + 1, marks[-1][1] + time.perf_counter() - begun))
            batch = []
    whole = Figure(f"{INSTANCES:,} instances into history, in the engine", "1/s", Target(20_000))
    whole.values.append(_rate(marks[0], marks[-1]))
    last = Figure("… the last 10 % of them", "1/s", Target(20_000))
    last.values.append(
        _rate(next(mark for mark in marks if mark[0] >= INSTANCES - LAST), marks[-1])
    )
    await store.history.compact()
    await store.close()
    size = Figure("history after merging, per instance", "B", Target(60, at_least=False))
    size.values.append(_bytes(folder) / INSTANCES)
    say(f"{INSTANCES:,} instances: {whole.values[0]:.0f}/s, {size.values[0]:.1f} bytes each")
    return [whole, last, size]


def _rate(start: tuple[int, float], end: tuple[int, float]) -> float:
    return (end[0] - start[0]) / (end[1] - start[1])


def _bytes(folder: Path) -> float:
    import apsw

    connection = apsw.Connection(str(folder / DATA_FILE), flags=apsw.SQLITE_OPEN_READWRITE)
    places = ", ".join("?" * len(TABLES))
    size: float = connection.execute(
        f"SELECT sum(pgsize) FROM dbstat WHERE name IN ({places})", TABLES
    ).get
    connection.close()
    return size


def _read(town: Path, folder: Path, rounds: int, say: Say) -> list[Figure]:
    """Read series over HTTP, one request after the other."""
    day = "timerel=between&timeAt=2025-04-01T00:00:00Z&endTimeAt=2025-04-02T00:00:00Z"
    year = "timerel=between&timeAt=2025-01-01T00:00:00Z&endTimeAt=2026-01-01T00:00:00Z"
    hourly = f"{year}&aggrMethods=avg&aggrPeriodDuration=PT1H&options=aggregatedValues"
    one = f"{API}/temporal/entities/urn:ngsi-ld:River:0777"
    asked = [
        ("lastN=10 of one series", f"{one}?lastN=10", 5),
        ("one day of one series", f"{one}?{day}", 10),
        ("a year of hourly means of one series", f"{one}?{hourly}", 30),
        (
            "… of 100 series",
            f"{API}/temporal/entities?type=River&limit=100&{hourly}",
            1000,
        ),
    ]
    figures = []
    with broker(town, folder / "town.log") as server:
        requests = Requests(server)
        for name, path, most in asked:
            figure = Figure(name, "ms", Target(most, at_least=False))
            for _ in range(max(rounds, 3)):
                figure.values.append(_milliseconds(partial(_answered, requests, path)))
            figures.append(figure)
            say(f"{name}: {min(figure.values):.1f} ms at least")
    return figures


def _answered(requests: Requests, path: str) -> None:
    status, text = requests.send("GET", path)
    if status not in (200, 206) or len(text) < 100:
        raise RequestFailed(f"GET {path}: {status} {text[:200]!r}")


def _milliseconds(act: Callable[[], None]) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1000
