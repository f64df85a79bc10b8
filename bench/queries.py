"""What queries cost: one type of 60,000 and 19 others, 100,000 entities of 15 attributes in all."""

import http.client
import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import orjson

from bench import data
from bench.figures import Figure, Target
from bench.rates import Say
from bench.requests import API, BATCH, RequestFailed, Requests
from tests.support.server import HOST, Server, broker

LARGE, OTHERS, OTHER_TYPES = 60_000, 40_000, 19
DEVICES = 5_000
"""Of the others, those that the large type's `refDevice` leads to."""
FAR = 50_000
HISTORY = 300.0
"""Seconds that history may take to catch up with the load, before anything is measured."""
QUICK = Target(20, at_least=False)
SLOW = Target(60, at_least=False)

Draw = Callable[[random.Random], str]


def entities() -> Iterator[dict[str, object]]:
    """Yield all entities, the large type first."""
    for number in range(LARGE):
        yield data.seeded(number, LARGE)
    for number in range(OTHERS):
        draw = random.Random(-number - 1)
        if number < DEVICES:
            entity = data.entity(f"urn:ngsi-ld:Device:{number:05d}", draw, temperature=0)
            entity |= {"type": "Device", "airQualityIndex": number}
        else:
            kind = f"Other{number % (OTHER_TYPES - 1):02d}"
            entity = data.entity(f"urn:ngsi-ld:{kind}:{number:06d}", draw, temperature=0)
            entity["type"] = kind
        yield entity


def warmer(share: float) -> Draw:
    """Return a condition that selects this share of the large type, a little else each time."""

    def condition(draw: random.Random) -> str:
        rank = LARGE * (1 - share) + draw.uniform(-0.4, 0.4)
        return f"q={quote(f'temperature>{rank * data.TEMPERATURE_STEP:.6f}')}"

    return condition


def near(metres: int) -> Draw:
    """Return a condition on places around one that differs each time."""

    def condition(draw: random.Random) -> str:
        here = [round(draw.uniform(130.73, 130.79), 6), round(draw.uniform(32.18, 32.24), 6)]
        place = quote(orjson.dumps(here).decode())
        return f"georel=near;maxDistance=={metres}&geometry=Point&coordinates={place}"

    return condition


def hop(draw: random.Random) -> str:
    """Return a condition on the device an entity is linked with."""
    condition = f"refDevice{{airQualityIndex}}=={draw.randrange(DEVICES)}"
    return f"join=inline&q={quote(condition)}"


def joined(draw: random.Random) -> str:
    """Return two conditions, of which each selects thousands."""
    return f"{warmer(0.05)(draw)}{quote(f';airQualityIndex<{draw.randrange(200, 240)}')}"


CASES: list[tuple[str, Target, Draw]] = [
    ("q of 0.1 %", QUICK, warmer(0.001)),
    ("q of 5 %", QUICK, warmer(0.05)),
    ("q of 36 %", QUICK, warmer(0.36)),
    ("near 1 km", QUICK, near(1_000)),
    ("near 50 km", QUICK, near(50_000)),
    ("two conditions", QUICK, joined),
    ("one relationship hop", QUICK, hop),
    ("orderBy with q of 0.1 %", QUICK, lambda draw: f"orderBy=no2;desc&{warmer(0.001)(draw)}"),
    ("orderBy with q of 5 %", QUICK, lambda draw: f"orderBy=no2;desc&{warmer(0.05)(draw)}"),
    ("count of q of 36 %", SLOW, lambda draw: f"limit=0&count=true&{warmer(0.36)(draw)}"),
    ("offset 50,000", SLOW, lambda draw: f"offset={FAR + draw.randrange(100)}"),
]


def measure_queries(folder: Path, rounds: int, say: Say) -> list[Figure]:
    """Load the entities, and ask each query `rounds` times; return the milliseconds of each."""
    with broker(folder / "data", folder / "broker.log") as server:
        requests = Requests(server)
        every = entities()
        for _ in range((LARGE + OTHERS) // BATCH):
            requests.upsert(orjson.dumps([next(every) for _ in range(BATCH)]))
        say("100,000 entities of 20 types loaded")
        requests.await_history(HISTORY)
        figures = []
        for name, target, draw in CASES:
            figure = Figure(f"query: {name}", "ms", target)
            figure.values = [asked(server, draw, turn) for turn in range(rounds + 1)][1:]
            figures.append(figure)
        return figures


def asked(server: Server, draw: Draw, turn: int) -> float:
    """Return the milliseconds a query takes on a connection that stands."""
    path = f"{API}/entities?type={data.TYPE}&{draw(random.Random(turn))}"
    with closing(http.client.HTTPConnection(HOST, server.port, timeout=60)) as connection:
        connection.connect()
        begun = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        taken = (time.perf_counter() - begun) * 1000
    if answer.status != 200 or (body == b"[]" and "limit=0" not in path):
        raise RequestFailed(f"{path}: {answer.status} {body[:500].decode()}\n{server.tail()}")
    return taken
