"""What asking policies costs public reads: the same reads with `--auth off` and with keys.

Nobody shows a key, as whoever looks at what the town publishes. Both brokers hold the same data.
"""

import shutil
from contextlib import ExitStack
from pathlib import Path

from bench.data import PREFIX, TYPE
from bench.figures import Figure, Target
from bench.rates import Bodies, Say, seed
from bench.requests import API, RequestFailed, Requests
from bench.wrk import load
from tests.support.server import Server, broker

ENTITIES = 5_000
ROUNDS = 15
"""The criterion names fifteen pairs."""
TARGET = Target(0.85)
READS = {"retrieve": "public read of an entity", "query": "public query by type and q, limit 20"}


def measure_guard(folder: Path, rounds: int, seconds: int, say: Say) -> list[Figure]:
    """Return the ratios of requests per CPU-second: policies ÷ `--auth off`, round by round."""
    figures = {
        name: Figure(f"{text}: policies ÷ none", "ratio", TARGET) for name, text in READS.items()
    }
    bodies = Bodies(folder, ENTITIES)
    with _server(folder, "off") as server:
        seed(Requests(server), bodies)
    shutil.copytree(folder / "off", folder / "embedded")
    with ExitStack() as stack:
        servers = {auth: stack.enter_context(_server(folder, auth)) for auth in ("off", "embedded")}
        for server in servers.values():
            _check(Requests(server))
        cell = 0
        for turn in range(rounds):
            for name, figure in figures.items():
                speed = {}
                for auth in ("off", "embedded") if turn % 2 else ("embedded", "off"):
                    cell += 1
                    done = load(
                        servers[auth],
                        name,
                        count=ENTITIES,
                        cell=cell,
                        seconds=seconds,
                        bodies=bodies.file,
                    )
                    speed[auth] = done.per_cpu
                figure.values.append(speed["embedded"] / speed["off"])
            told = "  ".join(f"{name} {figure.values[-1]:.3f}" for name, figure in figures.items())
            say(f"round {turn + 1}/{rounds}  {told}")
    return list(figures.values())


def _server(folder: Path, auth: str) -> Server:
    options = ("--no-history", "--pinned-context", "--auth", auth)
    return broker(folder / auth, folder / f"{auth}.log", None, *options)


def _check(requests: Requests) -> None:
    """See that what is read is open. Raises RequestFailed."""
    found = requests.expect(200, "GET", f"{API}/entities?type={TYPE}&limit=3")
    one = requests.expect(200, "GET", f"{API}/entities/{PREFIX}{0:06d}")
    if len(found) != 3 or len(one) < 17:
        raise RequestFailed("the benchmark's entities are not open")
