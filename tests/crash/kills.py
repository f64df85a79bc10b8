"""SIGKILL at random points under load, restart, comparison with what was answered."""

import asyncio
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from broker.store.sqlite.maintenance import check
from tests.crash.deliveries import Deliveries
from tests.crash.feed import gaps
from tests.crash.http import Api, Unanswered, WrongAnswer
from tests.crash.load import Load, talk
from tests.crash.model import Client, Step
from tests.support.server import Server, broker

REMEMBERED = 400
EVERY_START = 5
"""Each fifth restart is itself killed on the way up, one to three times."""


@dataclass(slots=True)
class Kills(Load):
    """A run: one data folder, many broker processes."""

    answers: list[tuple[Step, bytes]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        """Return the broker's data folder."""
        return self.folder / "data"

    async def run(self, kills: int) -> None:
        """Kill the broker so many times under load.

        Ends with the first kill that leaves something wrong: what follows would be wrong as well.
        """
        self.draw_clients()
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
            await self.begin(api, deliveries)
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
            self.report(f"{number:>3}/{kills}", answered, took)
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
            never = asyncio.Event()
            tasks = [asyncio.create_task(self.work([api], one, never)) for one in self.clients]
            tasks.append(asyncio.create_task(self._watch_until_gone(api, never)))
            await asyncio.sleep(self.draw.uniform(*self.pause))
            server.kill()
            await asyncio.gather(*tasks)
        return self.tally.counts["writes answered"] - before

    async def _watch_until_gone(self, api: Api, never: asyncio.Event) -> None:
        with suppress(Unanswered):
            await self.watch_total(api, never)

    def transacted(self, step: Step, answer: bytes) -> None:
        """Remember the answer, which a repetition has to get as well."""
        self.answers.append((step, answer))
        del self.answers[:-REMEMBERED]

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
        await self.hold(api)
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
        await self.hold(api)

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
