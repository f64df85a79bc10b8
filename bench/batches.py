"""Batch upserts of 1,000 against the bare server's POST, in rounds that alternate both."""

import time
from collections.abc import Iterable, Iterator
from statistics import median

import orjson

from bench import data
from bench.figures import Rate, Target
from bench.process import cpu_seconds
from bench.requests import BATCH, Requests
from bench.wrk import Cell
from tests.support.server import Server

BATCHES = 5
"""Of each kind in a round."""

SETTLE = 0.3
"""Seconds after which what a batch leaves to do is done: it counts as well."""

WANTED = 5000
"""Entities a second."""

YARDSTICK = 24_000
"""POSTs per CPU-second of the bare server on the machine for which `WANTED` was set."""

TARGET = Target(round(WANTED / YARDSTICK, 3))


class Batches:
    """Two rates, of new entities and of existing ones that get other values."""

    def __init__(self, server: Server, requests: Requests, count: int) -> None:
        self.new = Rate("batch of 1,000, new", TARGET)
        self.existing = Rate("batch of 1,000, existing", TARGET)
        self._server = server
        self._requests = requests
        self._count = count

    def measure(self, turn: int, bare: Cell) -> None:
        """Measure a round beside the bare server's cell of entities POSTed one by one."""
        made: list[str] = []
        self.new.broker.append(self._cell(self._entities(turn, made)))
        self.new.bare.append(bare)
        self._requests.delete(made)
        time.sleep(SETTLE)
        self.existing.broker.append(self._cell(self._entities(turn)))
        self.existing.bare.append(bare)

    def _entities(self, turn: int, made: list[str] | None = None) -> Iterator[bytes]:
        """Yield bodies: of seeded entities with values of this turn, or of new ones like them."""
        for start in range(turn * BATCHES * BATCH, (turn + 1) * BATCHES * BATCH, BATCH):
            numbers = [number % self._count for number in range(start, start + BATCH)]
            entities = [data.seeded(number, self._count, turn + 1) for number in numbers]
            if made is not None:
                for entity in entities:
                    entity["id"] = f"{entity['id']}:{turn}"
                    made.append(entity["id"])
            yield orjson.dumps(entities)

    def _cell(self, bodies: Iterable[bytes]) -> Cell:
        before = cpu_seconds(self._server.pid)
        seconds = [self._requests.upsert(body) for body in bodies]
        time.sleep(SETTLE)
        return Cell(
            requests=len(seconds) * BATCH,
            seconds=sum(seconds),
            cpu=cpu_seconds(self._server.pid) - before,
            p50_ms=median(seconds) * 1000,
            p99_ms=max(seconds) * 1000,
        )
