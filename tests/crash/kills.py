"""SIGKILL at random points under load, restart, comparison with what was answered."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiohttp

from broker.store.sqlite.maintenance import check
from tests.crash.compare import compare, told_by_feed
from tests.crash.deliveries import Deliveries
from tests.crash.feed import Follower, gaps
from tests.crash.http import Api, Unanswered, WrongAnswer, entity_of
from tests.crash.model import TOTAL, Client, Step, opening
from tests.crash.tally import Tally
from tests.support.server import Server, broker

CLIENTS = 8
REMEMBERED = 400
EVERY_START = 5
"""Each fifth restart is itself killed on the way up, one to three times."""

Say = Callable[[str], None]


@dataclass(slots=True)
class Kills:
    """A run: one data folder, many broker processes."""

    folder: Path
    draw: Random
    pause: tuple[float, float]
    say: Say
    tally: Tally
    clients: list[Client] = field(default_factory=list)
    answers: list[tuple[Step, bytes]] = field(default_factory=list)
    follower: Follower = field(default_factory=Follower)

    @property
    def data(self) -> Path:
        """Return the broker's data folder."""
        return self.folder / "data"

    async def run(self, kills: int) -> None:
        """Kill the broker so many times under load.

        Ends with the first kill that leaves something wrong: what follows would be wrong as well.
        """
        self.clients = [Client(f"c{n}", Random(self.draw.randbytes(8))) for n in range(CLIENTS)]
        server = broker(self.data, self.folder / "broker.log")
        await self._kill_on_the_way_up(server, times=3)
        server.start()
        deliveries = Deliveries(self.folder, self.draw, self.tally)
        await deliveries.start()
        try:
            await self._rounds(server, deliveries, kills)
        finally:
            server.kill()
            await deliveries.stop()

    async def _rounds(self, server: Server, deliveries: Deliveries, kills: int) -> None:
        async with talk(server) as api:
            await deliveries.subscribe(api)
            for entity_id, attrs in opening().items():
                await api.call("POST", "/ngsi-ld/v1/entities", entity_of(entity_id, attrs))
        for number in range(1, kills + 1):
            answered = await self._load_and_kill(server)
            self._examine_files()
            if number % EVERY_START == 0:
                await self._kill_on_the_way_up(server, times=self.draw.randint(1, 3))
            took = server.start()
            self.tally.add("kills under load")
            async with talk(server) as api:
                await self._compare(api)
                self.tally.wrong += await deliveries.check_books(api)
            self.say(
                f"kill {number:>3}/{kills}: {answered:>5} writes answered, back in {took:.2f} s,"
                f" feed at {self.follower.seq}, {len(self.tally.wrong)} violations"
            )
            if self.tally.wrong:
                break
        async with talk(server) as api:
            self.tally.wrong += await deliveries.drain(api)
            self.tally.wrong += await self.follower.follow(api)
        self.tally.wrong += deliveries.check(self.follower)
        server.stop()
        self._examine_files()

    async def _load_and_kill(self, server: Server) -> int:
        before = self.tally.counts.get("writes answered", 0)
        async with talk(server) as api:
            tasks = [asyncio.create_task(self._work(api, client)) for client in self.clients]
            watcher = asyncio.create_task(self._watch_total(api))
            await asyncio.sleep(self.draw.uniform(*self.pause))
            server.kill()
            await asyncio.gather(*tasks, watcher)
        return self.tally.counts["writes answered"] - before

    async def _work(self, api: Api, client: Client) -> None:
        """Write until no answer comes. A wrong answer is noted and ends this client's round."""
        with suppress(Unanswered):
            while True:
                step = client.next()
                try:
                    done, answer = await api.perform(step)
                except WrongAnswer as wrong:
                    self.tally.wrong.append(f"{client.name}: {wrong}")
                    return
                client.settle(done)
                self.tally.add("writes answered")
                self.tally.add("of these transactions", int(bool(step.key)))
                if done and step.key:
                    self.answers.append((step, answer))
                    del self.answers[:-REMEMBERED]

    async def _watch_total(self, api: Api) -> None:
        """Read all accounts over and over: whenever one looks, the money is all there."""
        with suppress(Unanswered):
            while True:
                total = sum(await api.balances())
                self.tally.add("looks at the sum of all accounts")
                if total != TOTAL:
                    self.tally.wrong.append(f"accounts sum to {total} instead of {TOTAL}")
                    return
                await asyncio.sleep(0.01)

    async def _kill_on_the_way_up(self, server: Server, times: int) -> None:
        for _ in range(times):
            server.spawn()
            await asyncio.sleep(self.draw.uniform(0.0, 1.0))
            server.kill()
            self.tally.add("kills during start")

    def _examine_files(self) -> None:
        """Check a copy, so that the broker itself recovers what the kill left."""
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.data, copy)
        self.tally.wrong += [f"check: {text}" for text in check(copy)]
        self.tally.wrong += gaps(copy / "machi.sqlite")
        self.tally.add("files checked")

    async def _compare(self, api: Api) -> None:
        """Hold the restarted broker against what was answered before the kill."""
        wrong = self.tally.wrong
        doubts = [(client, client.doubt) for client in self.clients if client.doubt]
        self.tally.add("writes in doubt", len(doubts))
        await self._hold(api)
        if wrong:
            return
        try:
            for client, step in doubts:
                if step.key:
                    await self._repeat_in_doubt(api, client, step)
            for step, answer in self.draw.sample(self.answers, min(10, len(self.answers))):
                await self._repeat_answered(api, step, answer)
        except WrongAnswer as other:
            wrong.append(f"repeated transaction: {other}")
        await self._hold(api)

    async def _hold(self, api: Api) -> None:
        """Hold what is stored and what the feed tells against what the clients know."""
        follower = self.follower
        found = await api.state()
        wrong = await follower.follow(api)
        wrong += compare(self.clients, found)
        wrong += told_by_feed(self.clients, follower.state, follower.changes, found)
        self.tally.wrong += wrong

    async def _repeat_answered(self, api: Api, step: Step, answer: bytes) -> None:
        """Send an answered transaction again: it must get the same answer."""
        done, again = await api.perform(step)
        self.tally.add("answered transactions repeated")
        if not done or again != answer:
            self.tally.wrong.append(f"{step.key}: answered {answer!r}, repeated {again!r}")

    async def _repeat_in_doubt(self, api: Api, client: Client, step: Step) -> None:
        """Send an unanswered transaction again, twice: it must end up done once, or refused."""
        happened = all(
            (client.items | client.transfers).get(i) == attrs for i, attrs in step.after.items()
        )
        done, answer = await api.perform(step)
        _, again = await api.perform(step)
        self.tally.add("unanswered transactions repeated")
        if answer != again and done:
            self.tally.wrong.append(f"{step.key}: answered {answer!r}, repeated {again!r}")
        if happened and not done:
            self.tally.wrong.append(f"{step.key}: had happened, and is refused: {answer!r}")
        if done and not happened:
            client.doubt = step
            client.settle(done=True)


@asynccontextmanager
async def talk(server: Server) -> AsyncIterator[Api]:
    """Give the API of a running server."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=60, sock_read=240)
    async with aiohttp.ClientSession(server.url, timeout=timeout) as session:
        yield Api(session)
