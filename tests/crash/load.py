"""What runs over HTTP share: clients that write, what they know, and holding brokers to it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiohttp

from tests.crash.compare import compare, told_by_feed
from tests.crash.deliveries import Deliveries
from tests.crash.feed import Follower
from tests.crash.http import Api, Unanswered, WrongAnswer, entity_of
from tests.crash.model import TOTAL, Client, Step, opening
from tests.crash.tally import Tally
from tests.support.server import Server

CLIENTS = 8
BETWEEN_LOOKS = 0.01
"""Seconds from one look at the sum of all accounts to the next."""

Say = Callable[[str], None]


@dataclass(slots=True)
class Load:
    """A run: `draw` decides what is written and how long it takes until a kill, within `pause`."""

    folder: Path
    draw: Random
    pause: tuple[float, float]
    say: Say
    tally: Tally
    clients: list[Client] = field(default_factory=list)
    follower: Follower = field(default_factory=Follower)

    def draw_clients(self) -> None:
        """Let there be clients."""
        self.clients = [Client(f"c{n}", Random(self.draw.randbytes(8))) for n in range(CLIENTS)]

    async def begin(self, api: Api, deliveries: Deliveries) -> None:
        """Subscribe, and create what is there from the beginning."""
        await deliveries.subscribe(api)
        for entity_id, attrs in opening().items():
            await api.call("POST", "/ngsi-ld/v1/entities", entity_of(entity_id, attrs))

    async def work(self, apis: Sequence[Api], client: Client, stop: asyncio.Event) -> None:
        """Write, each time to any broker, until told to stop or no answer comes.

        A wrong answer is noted and ends this client's round.
        """
        with suppress(Unanswered):
            while not stop.is_set():
                step = client.next()
                try:
                    done, answer = await client.draw.choice(apis).perform(step)
                except WrongAnswer as wrong:
                    self.tally.wrong.append(f"{client.name}: {wrong}")
                    return
                client.settle(done)
                self.tally.add("writes answered")
                self.tally.add("of these transactions", int(bool(step.key)))
                if done and step.key:
                    self.transacted(step, answer)

    def transacted(self, step: Step, answer: bytes) -> None:
        """Take note of a transaction that was done."""

    async def watch_total(self, api: Api, stop: asyncio.Event) -> None:
        """Read all accounts over and over: whenever one looks, the money is all there."""
        while not stop.is_set():
            total = sum(await api.balances())
            self.tally.add("looks at the sum of all accounts")
            if total != TOTAL:
                self.tally.wrong.append(f"accounts sum to {total} instead of {TOTAL}")
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), BETWEEN_LOOKS)

    async def hold(self, api: Api) -> None:
        """Hold what is stored, and what the feed tells, against what the clients know."""
        found = await api.state()
        wrong = await self.follower.follow(api)
        wrong += compare(self.clients, found)
        wrong += told_by_feed(self.clients, self.follower.state, self.follower.changes, found)
        self.tally.wrong += wrong

    def report(self, kill: str, answered: int, took: float) -> None:
        """Say how far the run is."""
        self.say(
            f"kill {kill}: {answered:>5} writes answered, back in {took:.2f} s,"
            f" feed at {self.follower.seq}, {len(self.tally.wrong)} violations"
        )


@asynccontextmanager
async def talk(server: Server) -> AsyncIterator[Api]:
    """Give the API of a running server."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=60, sock_read=240)
    async with aiohttp.ClientSession(server.url, timeout=timeout) as session:
        yield Api(session)
