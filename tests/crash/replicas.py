"""Several brokers on one MongoDB database, one of them killed at random, over and over."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from tests.crash.deliveries import Deliveries
from tests.crash.http import Api
from tests.crash.load import Load, talk
from tests.support.mongodb import database_name, kept_apart
from tests.support.server import Server, broker

BROKERS = 2


@dataclass(slots=True)
class ReplicaKills(Load):
    """A run: one database, `BROKERS` brokers. Clients turn to any of them, request by request."""

    async def run(self, kills: int, restarts: int = BROKERS) -> None:
        """Kill a broker so many times; ends with the first kill that leaves something wrong.

        `restarts` of the brokers are restarted in the end, one after another.
        """
        self.draw_clients()
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
            await self.begin(api, deliveries)
        for number in range(1, kills + 1):
            victim = self.draw.randrange(BROKERS)
            answered = await self._load_and_kill(servers, victim)
            other = servers[(victim + 1) % BROKERS]
            async with talk(other) as api:
                await self._hold(api)
                self.tally.wrong += await deliveries.check_books(api)
            took = await asyncio.to_thread(servers[victim].start)
            self.report(f"{number:>3}/{kills}", answered, took)
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
            tasks = [asyncio.create_task(self.work(apis, one, stop)) for one in self.clients]
            tasks += [asyncio.create_task(self.watch_total(api, stop)) for api in left]
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
                tasks = [asyncio.create_task(self.work(apis, one, stop)) for one in self.clients]
                await asyncio.to_thread(server.stop)
                await asyncio.to_thread(server.start)
                stop.set()
                await asyncio.gather(*tasks)
            self.tally.add("rolling restarts")
            doubts = [client.name for client in self.clients if client.doubt]
            self.tally.wrong += [f"{name} had no answer in a rolling restart" for name in doubts]

    async def _hold(self, api: Api) -> None:
        self.tally.add("writes in doubt", sum(1 for client in self.clients if client.doubt))
        await self.hold(api)
