"""200 clients take one each from a number that holds 100."""

import asyncio
import time

import aiohttp

from bench.figures import Figure, Target
from bench.requests import API, RequestFailed, Requests
from tests.support.server import Server

CLIENTS = 200
SEATS = 100
TRANSACTIONS = "/ngsi-ld/ex/v1/transactions"
TARGET = Target(2.0, at_least=False, worst=True)


def measure_race(server: Server, rounds: int) -> Figure:
    """Return the seconds from the first request to the last answer, new connections included."""
    figure = Figure(f"{CLIENTS} clients add −1 to {SEATS}, min 0", "s", TARGET)
    requests = Requests(server)
    for turn in range(rounds):
        entity_id = f"urn:ngsi-ld:Seats:{turn}"
        seats = {"type": "Property", "value": SEATS}
        document = {"id": entity_id, "type": "Seats", "free": seats}
        requests.expect(201, "POST", f"{API}/entities", document)
        seconds, statuses = asyncio.run(race(server.url, entity_id))
        left = requests.expect(200, "GET", f"{API}/entities/{entity_id}")["free"]["value"]
        if (statuses.count(200), statuses.count(412), left) != (SEATS, CLIENTS - SEATS, 0):
            raise RequestFailed(f"race: {statuses.count(200)} got a seat, {left} are left")
        figure.values.append(seconds)
    return figure


async def race(url: str, entity_id: str) -> tuple[float, list[int]]:
    """Let every client try at once; return the seconds and each client's status."""
    step = {"op": "add", "id": entity_id, "attribute": "free", "value": -1, "min": 0}
    connector = aiohttp.TCPConnector(limit=CLIENTS)
    async with aiohttp.ClientSession(url, connector=connector) as session:

        async def take() -> int:
            async with session.post(TRANSACTIONS, json={"operations": [step]}) as answer:
                await answer.read()
                return answer.status

        begun = time.perf_counter()
        statuses = await asyncio.gather(*(take() for _ in range(CLIENTS)))
        return time.perf_counter() - begun, statuses
