"""An update that 4 of 10,000 subscriptions match, against the same update without any.

Nothing is delivered, so that the queues and what they keep only grow. Each of 2,500 entities has
four subscriptions of its own, so the updates are spread over all 10,000 queues.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import data
from bench.figures import Figure, Target
from bench.rates import Bodies, Say, seed
from bench.requests import API, RequestFailed, Requests
from bench.wrk import load
from tests.support.server import Server, broker

ENTITIES = 2_500
EACH = 4
TARGET = Target(1.3, at_least=False)


def _subscription(number: int, part: int) -> dict[str, Any]:
    return {
        "id": f"urn:ngsi-ld:Subscription:{number}:{part}",
        "type": "Subscription",
        "entities": [{"type": data.TYPE, "id": f"{data.PREFIX}{number:06d}"}],
        "q": "co>=0",
        "notification": {"endpoint": {"uri": "http://127.0.0.1:9/"}},
    }


def _subscribe(requests: Requests) -> None:
    for number in range(ENTITIES):
        for part in range(EACH):
            requests.expect(201, "POST", f"{API}/subscriptions", _subscription(number, part))


def measure_subscriptions(folder: Path, rounds: int, seconds: int, say: Say) -> list[Figure]:
    """Return the ratio of the processor time of an update with and without subscriptions."""
    ratio = Figure("update that 4 of 10,000 subscriptions match ÷ without", "ratio", TARGET)
    cost = Figure("the same, more processor time for each", "µs")
    bodies = Bodies(folder, ENTITIES)
    with ExitStack() as stack:
        servers: list[Server] = []
        for name in ("without", "with"):
            server = broker(folder / name, folder / f"{name}.log", None, "--no-delivery")
            servers.append(stack.enter_context(server))
            seed(Requests(server), bodies)
        _subscribe(Requests(servers[1]))
        say("10,000 subscriptions are there")
        cell = 0
        for turn in range(rounds):
            spent = []
            for server in servers if turn % 2 else servers[::-1]:
                cell += 1
                done = load(
                    server, "update", count=ENTITIES, cell=cell, seconds=seconds, bodies=bodies.file
                )
                spent.append(done.cpu / done.requests)
            without, matched = spent if turn % 2 else spent[::-1]
            ratio.values.append(matched / without)
            cost.values.append((matched - without) * 1e6)
            say(f"round {turn + 1}/{rounds}  {without * 1e6:.0f} → {matched * 1e6:.0f} µs")
        _check(Requests(servers[1]))
    return [ratio, cost]


def _check(requests: Requests) -> None:
    """See that each update was queued four times. Raises RequestFailed."""
    status, text = requests.send("GET", "/metrics")
    figures = dict(
        line.rsplit(" ", 1) for line in text.decode().splitlines() if line and line[0] != "#"
    )
    queued = float(figures.get("machi_outbox_queued_total", "nan"))
    changes = float(figures["machi_changes"]) - ENTITIES
    if status != 200 or queued != EACH * changes:
        raise RequestFailed(f"{queued:.0f} notifications are queued of {changes:.0f} updates")
