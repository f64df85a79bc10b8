"""Several brokers on one MongoDB database, one of them killed at random, over and over."""

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.crash.compare import compare, told_by_feed
from tests.crash.deliveries import Deliveries
from tests.crash.feed import Follower
from tests.crash.http import Api, Unanswered, WrongAnswer, entity_of
from tests.crash.kills import CLIENTS, Say, talk
from tests.crash.model import TOTAL, Client, opening
from tests.crash.tally import Tally
from tests.support.mongodb import database_name, kept_apart
from tests.support.server import Server, broker

BROKERS = 2


@dataclass(slots=True)
class ReplicaKills:
    """A run: one database, `BROKERS` brokers. Clients turn to any of them, request by request."""

    folder: Path
    draw: Random
    pause: tuple[float, float]
    say: Say
    tally: Tally
    clients: list[Client] = field(default_factory=list)
    follower: Follower = field(default_factory=Follower)

    async def run(self, kills: int, restarts: int = BROKERS) -> None:
        """Kill a broker so many times; ends with the first kill that leaves something wrong.

        `restarts` of the brokers are restarted in the end, one after another.
        """
        self.clients = [Client(f"c{n}", Random(self.draw.randbytes(8))) for n in range(CLIENTS)]
        with kept_apart(self.folder) as url:
            address = url + database_name()
            servers = [self._broker(number, address) for number in range(BROKERS)]
            deliveries = Deliveries(self.folder, self.draw, self.tally)
            await deliveries.start()
            try:
                for server in servers:
                    await asyncio.to_thread(server.start)
                await self._rounds(servers, deliveries, kills, restarts)
            finally:
                for server in servers:
                    server.kill()
                await deliveries.stop()

    def _broker(self, number: int, address: str) -> Server:
        folder = self.folder / str(number)
        folder.mkdir()
        return broker(folder / "data", folder / "broker.log", None, "--store", address)

    async def _rounds(
        self, servers: list[Server], deliveries: Deliveries, kills: int, restarts: int
    ) -> None:
        async with talk(servers[0]) as api:
            await deliveries.subscribe(api)
            for entity_id, attrs in opening().items():
                await api.call("POST", "/ngsi-ld/v1/entities", entity_of(entity_id, attrs))
        for number in range(1, kills + 1):
            victim = self.draw.randrange(BROKERS)
            answered = await self._load_and_kill(servers, victim)
            other = servers[(victim + 1) % BROKERS]
            async with talk(other) as api:
                await self._hold(api)
                self.tally.wrong += await deliveries.check_books(api)
            took = await asyncio.to_thread(servers[victim].start)
            self.say(
                f"kill {number:>3}/{kills}: {answered:>5} writes answered, back in {took:.2f} s,"
                f" feed at {self.follower.seq}, {len(self.tally.wrong)} violations"
            )
            if self.tally.wrong:
                break
        await self._restart_in_turn(servers, restarts)
        async with talk(servers[-1]) as api:
            self.tally.wrong += await deliveries.drain(api)
            await self._hold(api)
        self.tally.wrong += deliveries.check(self.follower)
        for server in servers:
            server.stop()

    async def _load_and_kill(self, servers: list[Server], victim: int) -> int:
        """Write to all, kill one, and go on with the others for a while."""
        before = self.tally.counts.get("writes answered", 0)
        async with AsyncExitStack() as stack:
            apis = [await stack.enter_async_context(talk(server)) for server in servers]
            left = [api for number, api in enumerate(apis) if number != victim]
            stop = asyncio.Event()
            tasks = [asyncio.create_task(self._work(apis, stop, one)) for one in self.clients]
            tasks += [asyncio.create_task(self._watch_total(api, stop)) for api in left]
            await asyncio.sleep(self.draw.uniform(*self.pause))
            servers[victim].kill()
            self.tally.add("kills under load")
            del apis[victim]
            await asyncio.sleep(self.draw.uniform(*self.pause))
            stop.set()
            await asyncio.gather(*tasks)
        return self.tally.counts["writes answered"] - before

    async def _restart_in_turn(self, servers: list[Server], restarts: int) -> None:
        """Restart one broker after another under load, as for an update: all is answered."""
        for number, server in enumerate(servers[:restarts]):
            async with AsyncExitStack() as stack:
                rest = [one for place, one in enumerate(servers) if place != number]
                apis = [await stack.enter_async_context(talk(one)) for one in rest]
                stop = asyncio.Event()
                tasks = [asyncio.create_task(self._work(apis, stop, one)) for one in self.clients]
                await asyncio.to_thread(server.stop)
                await asyncio.to_thread(server.start)
                stop.set()
                await asyncio.gather(*tasks)
            self.tally.add("rolling restarts")
            doubts = [client.name for client in self.clients if client.doubt]
            self.tally.wrong += [f"{name} had no answer in a rolling restart" for name in doubts]

    async def _work(self, apis: list[Api], stop: asyncio.Event, client: Client) -> None:
        """Write, each time to any broker, until no answer comes."""
        with suppress(Unanswered):
            while not stop.is_set():
                step = client.next()
                try:
                    done, _ = await self.draw.choice(apis).perform(step)
                except WrongAnswer as wrong:
                    self.tally.wrong.append(f"{client.name}: {wrong}")
                    return
                client.settle(done)
                self.tally.add("writes answered")
                self.tally.add("of these transactions", int(bool(step.key)))

    async def _watch_total(self, api: Api, stop: asyncio.Event) -> None:
        """Read all accounts over and over: whenever one looks, the money is all there."""
        while not stop.is_set():
            total = sum(await api.balances())
            self.tally.add("looks at the sum of all accounts")
            if total != TOTAL:
                self.tally.wrong.append(f"accounts sum to {total} instead of {TOTAL}")
                return
            await asyncio.sleep(0.05)

    async def _hold(self, api: Api) -> None:
        """Hold what is stored, and what the feed tells, against what the clients know."""
        self.tally.add("writes in doubt", sum(1 for client in self.clients if client.doubt))
        found = await api.state()
        wrong = await self.follower.follow(api)
        wrong += compare(self.clients, found)
        wrong += told_by_feed(self.clients, self.follower.state, self.follower.changes, found)
        self.tally.wrong += wrong
