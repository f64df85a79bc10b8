"""Operations in requests per CPU-second, in rounds that alternate broker and bare server."""

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from bench import data
from bench.batches import WANTED, Batches
from bench.figures import Figure, Rate, Target
from bench.requests import API, BATCH, RequestFailed, Requests
from bench.wrk import load
from tests.support import free_port
from tests.support.server import Server, broker

COUNT = 20_000
TARGETS = {
    "retrieve": Target(0.45),
    "update": Target(0.20),
    "create": Target(0.14),
    "query": Target(0.08),
    "mix": None,
}
BATCH_TARGET = Target(WANTED)

Say = Callable[[str], None]


def bare(folder: Path) -> Server:
    """Return the bare server, not yet started."""
    port = free_port()
    command = [sys.executable, "-m", "bench.bare", str(port)]
    return Server(command, port, folder / "bare.log", ready="/")


class Bodies:
    """Bodies made before the clock starts: batches to seed with, tails of entities to create."""

    def __init__(self, folder: Path, count: int) -> None:
        self.count = count
        self.file = folder / "bodies"
        draw = random.Random(14)
        tails = [orjson.dumps(data.cold(draw))[1:] for _ in range(512)]
        self.file.write_bytes(b"\n".join(tails) + b"\n")

    def batches(self, generation: int = 0) -> Iterator[bytes]:
        """Yield batches of 1,000 that together hold every seeded entity."""
        for start in range(0, self.count, BATCH):
            numbers = range(start, min(start + BATCH, self.count))
            yield orjson.dumps([data.seeded(i, self.count, generation) for i in numbers])


def seed(requests: Requests, bodies: Bodies, generation: int = 0) -> list[float]:
    """Upsert every seeded entity; return entities per second of wall time, batch by batch."""
    return [
        min(BATCH, bodies.count) / requests.upsert(batch) for batch in bodies.batches(generation)
    ]


@contextmanager
def seeded_broker(folder: Path, count: int) -> Iterator[tuple[Server, Requests, Bodies, Figure]]:
    """Run a broker that holds `count` entities; also yield the speed of the batches.

    It keeps no history, whose cost `bench.history` measures.
    """
    bodies = Bodies(folder, count)
    with broker(folder / "data", folder / "broker.log", None, "--no-history") as server:
        requests = Requests(server)
        created = Figure("batch upsert of 1,000, new entities", "entities/s", BATCH_TARGET)
        created.values = seed(requests, bodies)
        yield server, requests, bodies, created


def check_answers(requests: Requests, count: int) -> None:
    """See that the broker does what is about to be measured. Raises RequestFailed."""
    one = f"{API}/entities/{data.PREFIX}{0:06d}"
    if len(requests.expect(200, "GET", one)) < 17:
        raise RequestFailed("a seeded entity lacks attributes")
    requests.expect(204, "PATCH", f"{one}/attrs", {"co": {"type": "Property", "value": 1.5}})
    if requests.expect(200, "GET", one)["co"]["value"] != 1.5:
        raise RequestFailed("an update is not seen")
    warm = data.TEMPERATURE_STEP * (count - 21.5)
    found = requests.expect(
        200, "GET", f"{API}/entities?type={data.TYPE}&q=temperature%3E{warm:.6f}&limit=1000"
    )
    if len(found) != 21:
        raise RequestFailed(f"the query selects {len(found)} entities instead of 21")


def measure_rates(
    folder: Path, operations: list[str], rounds: int, seconds: int, say: Say
) -> tuple[list[Rate], list[Figure]]:
    """Measure `operations` and, with creations, batches; return rates and the batches' speed."""
    rates = [Rate(name, TARGETS[name]) for name in operations]
    with seeded_broker(folder, COUNT) as (server, requests, bodies, created), bare(folder) as idle:
        check_answers(requests, COUNT)
        batches = Batches(server, requests, COUNT)
        cell = 0
        for turn in range(rounds):
            for rate in rates[turn % len(rates) :] + rates[: turn % len(rates)]:
                for target, cells in ((idle, rate.bare), (server, rate.broker)):
                    cell += 1
                    cells.append(
                        load(
                            target,
                            rate.name,
                            count=COUNT,
                            cell=cell,
                            seconds=seconds,
                            bodies=bodies.file,
                        )
                    )
                forget_created(requests, rate, cell)
                if rate.name == "create":
                    batches.measure(turn, rate.bare[-1])
            say(f"round {turn + 1}/{rounds}  " + "  ".join(map(last_ratio, rates)))
        if batches.new.broker:
            rates += [batches.new, batches.existing]
        return rates, [created, replaced(requests, bodies)]


def replaced(requests: Requests, bodies: Bodies) -> Figure:
    """Upsert every seeded entity again with other values; return the speed of the batches."""
    values = seed(requests, bodies, generation=1)
    return Figure("batch upsert of 1,000, existing entities", "entities/s", BATCH_TARGET, values)


def forget_created(requests: Requests, rate: Rate, cell: int) -> None:
    """Delete what a cell created, so that every cell meets the same number of entities."""
    if rate.name in {"create", "mix"}:
        # wrk draws a few requests that it never sends, and leaves the last ones unanswered.
        sent = rate.broker[-1].requests + 100
        requests.delete([f"{data.PREFIX}new:{cell}:{n}" for n in range(1, sent)])


def last_ratio(rate: Rate) -> str:
    """Return the newest ratio for the progress line."""
    return f"{rate.name} {rate.ratio.values[-1]:.3f}"
