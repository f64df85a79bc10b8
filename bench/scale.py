"""100,000 entities: memory and start; and the start on an empty folder."""

import shutil
from pathlib import Path

from bench.figures import Figure, Target
from bench.process import Memory, memory
from bench.rates import Say, seeded_broker
from bench.wrk import load
from tests.support.server import Server, broker

COUNT = 100_000
STARTS = 5


def measure_scale(folder: Path, seconds: int, say: Say) -> list[Figure]:
    """Load 100,000 entities, read and write them, and start again; return the figures."""
    seen: list[Memory] = []
    with seeded_broker(folder, COUNT) as (server, _, bodies, created):
        created.name = "batch upsert of 1,000 up to 100,000 entities"
        created.target = None
        seen.append(memory(server.pid))
        for operation in ("retrieve", "query", "update"):
            load(server, operation, count=COUNT, cell=1, seconds=seconds, bodies=bodies.file)
            seen.append(memory(server.pid))
        server.stop()
    say(f"100,000 entities loaded, RSS {max(m.rss for m in seen):.0f} MB")
    starting = Figure("start with 100,000 entities", "s", Target(2.0, at_least=False))
    for _ in range(STARTS):
        server = broker(folder / "data", folder / "broker.log")
        starting.values.append(server.start())
        seen.append(memory(server.pid))
        server.stop()
    say(f"start with 100,000 entities: {max(starting.values):.2f} s at most")
    rss = Figure("memory with 100,000 entities, RSS", "MB", Target(250, False, worst=True))
    rss.values = [m.rss for m in seen]
    pss = Figure("memory with 100,000 entities, PSS", "MB", values=[m.pss for m in seen])
    own = Figure("… of it anonymous", "MB", values=[m.anonymous for m in seen])
    return [created, rss, pss, own, starting]


def measure_empty_start(folder: Path) -> Figure:
    """Return the seconds from the command to the first answer of /ready, on an empty folder."""
    figure = Figure("start on an empty folder", "s", Target(1.5, at_least=False))
    for _ in range(STARTS):
        shutil.rmtree(folder / "empty", ignore_errors=True)
        server: Server = broker(folder / "empty", folder / "empty.log")
        figure.values.append(server.start())
        server.stop()
    return figure
