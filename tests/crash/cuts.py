"""Power cuts at random points under load: the store in this process, on a forgetful disk."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from broker.store.sqlite import SqliteStore
from broker.store.sqlite.maintenance import check
from tests.crash.compare import compare, told_by_feed
from tests.crash.feed import gaps
from tests.crash.inside import Replica, balances, perform, put_all, simplified, stored
from tests.crash.model import TOTAL, Client, Step, opening
from tests.crash.tally import Tally
from tests.support.platter import Survival
from tests.support.powercut import PowerCutDisk, PowerCutVfs

CLIENTS = 8
REMEMBERED = 400
MOST_OPERATIONS = 5000
"""About as many writes and syncs of files as filling the WAL twice takes."""
MOST_OF_CHECKPOINTS = 250
"""About as many operations on the database file as two checkpoints of the WAL take."""
OPERATIONS_OF_A_START = 60

Say = Callable[[str], None]


@dataclass(slots=True)
class Cuts:
    """A run: what one cut leaves is what the next start finds."""

    folder: Path
    draw: Random
    say: Say
    tally: Tally
    engine: Callable[..., SqliteStore] = SqliteStore
    clients: list[Client] = field(default_factory=list)
    answers: list[tuple[Step, bytes]] = field(default_factory=list)
    replica: Replica = field(default_factory=Replica)

    async def run(self, cuts: int) -> None:
        """Cut the power so many times under load, and some more during the first start.

        Ends with the first cut that leaves something wrong: what follows would be wrong as well.
        """
        self.clients = [Client(f"c{n}", Random(self.draw.randbytes(8))) for n in range(CLIENTS)]
        data = self.folder / "0"
        for number in range(max(1, cuts // 5)):
            await self._cut_first_start(self.folder / f"start-{number}")
        store = SqliteStore(data)
        await store.open()
        await put_all(store, opening())
        await store.close()
        for number in range(1, cuts + 1):
            left = self.folder / str(number)
            survival = self.draw.choice(list(Survival))
            answered = await self._load_and_cut(data, left, survival)
            shutil.rmtree(data)
            data = left
            await self._compare(data)
            self.say(
                f"cut {number:>3}/{cuts}: {survival:<10} survives, {answered:>5} writes answered,"
                f" feed at {self.replica.seq}, {len(self.tally.wrong)} violations"
            )
            if self.tally.wrong:
                break

    async def _cut_first_start(self, folder: Path) -> None:
        """Cut the power while the file is made; the next start must make or find it whole."""
        operations = self.draw.randint(1, OPERATIONS_OF_A_START)
        with power(self.draw, operations, self.draw.choice(list(Survival))) as disk:
            store = self.engine(folder / "before", vfs="powercut")
            await store.open()
            disk.cut()
            await store.close()
        (folder / "after").mkdir()
        disk.restore(folder / "after")
        store = SqliteStore(folder / "after")
        await store.open()
        await put_all(store, opening())
        await store.close()
        self.tally.wrong += [f"check after first start: {t}" for t in check(folder / "after")]
        self.tally.add("power cuts during the first start")

    async def _load_and_cut(self, data: Path, left: Path, survival: Survival) -> int:
        before = self.tally.counts.get("writes answered", 0)
        self.tally.add("power cuts under load")
        # A checkpoint is a small part of all operations, and the most delicate: one cut in three.
        most, ending = self.draw.choice(
            [(MOST_OPERATIONS, ""), (MOST_OPERATIONS, ""), (MOST_OF_CHECKPOINTS, ".sqlite")]
        )
        operations = int(most ** self.draw.uniform(0.05, 1))
        with power(self.draw, operations, survival, ending) as disk:
            store = self.engine(data, vfs="powercut")
            await store.open()
            work = [self._work(store, disk, client) for client in self.clients]
            await asyncio.gather(*work, self._watch_total(store, disk))
            await store.close()
        for name in disk.unsynced:
            self.tally.add(f"power cuts with {name} not synced")
        left.mkdir()
        disk.restore(left)
        return self.tally.counts.get("writes answered", 0) - before

    async def _work(self, store: SqliteStore, disk: PowerCutDisk, client: Client) -> None:
        """Write until the power is gone; an answer that comes later does not count."""
        while disk.is_on:
            step = client.next()
            done, answer = await perform(store, step)
            if not disk.is_on:
                return
            client.settle(done)
            self.tally.add("writes answered")
            self.tally.add("of these transactions", int(bool(step.key)))
            if done and step.key:
                self.answers.append((step, answer))
                del self.answers[:-REMEMBERED]

    async def _watch_total(self, store: SqliteStore, disk: PowerCutDisk) -> None:
        """Read all accounts over and over: whenever one looks, the money is all there."""
        while disk.is_on:
            total = sum(await balances(store))
            self.tally.add("looks at the sum of all accounts")
            if total != TOTAL:
                self.tally.wrong.append(f"accounts sum to {total} instead of {TOTAL}")
            await asyncio.sleep(0.005)

    async def _compare(self, data: Path) -> None:
        """Start on what the cut left, without the shim, and hold it against the answers."""
        wrong = self.tally.wrong
        doubts = [(client, client.doubt) for client in self.clients if client.doubt]
        self.tally.add("writes in doubt", len(doubts))
        store = SqliteStore(data)
        await store.open()
        wrong += await self._holds(store)
        if not wrong:
            await self._repeat(store, doubts)
            wrong += await self._holds(store)
        await store.close()
        wrong += [f"check: {text}" for text in check(data)]
        wrong += gaps(data / "machi.sqlite")

    async def _holds(self, store: SqliteStore) -> list[str]:
        found = {
            entity_id: simplified(entity) for entity_id, entity in (await stored(store)).items()
        }
        wrong = await self.replica.follow(store)
        wrong += compare(self.clients, found)
        wrong += told_by_feed(self.clients, self.replica.state, self.replica.changes, found)
        return wrong

    async def _repeat(self, store: SqliteStore, doubts: list[tuple[Client, Step]]) -> None:
        """Do transactions again under their keys, unanswered and answered ones."""
        for client, step in doubts:
            if step.key:
                await self._repeat_in_doubt(store, client, step)
        for step, answer in self.draw.sample(self.answers, min(10, len(self.answers))):
            done, again = await perform(store, step)
            self.tally.add("answered transactions repeated")
            if not done or again != answer:
                self.tally.wrong.append(f"{step.key}: answered {answer!r}, repeated {again!r}")

    async def _repeat_in_doubt(self, store: SqliteStore, client: Client, step: Step) -> None:
        """Do an unanswered transaction again: it must end up done once, or refused."""
        mine = client.items | client.transfers
        happened = all(mine.get(i) == attrs for i, attrs in step.after.items())
        done, _ = await perform(store, step)
        self.tally.add("unanswered transactions repeated")
        if happened and not done:
            self.tally.wrong.append(f"{step.key}: had happened, and is refused")
        if done and not happened:
            client.doubt = step
            client.settle(done=True)


@contextmanager
def power(
    draw: Random, operations: int, survival: Survival, ending: str = ""
) -> Iterator[PowerCutDisk]:
    """Register the VFS "powercut" on a disk whose power goes after so many operations."""
    disk = PowerCutDisk()
    vfs = PowerCutVfs(disk)
    dice = Random(draw.randbytes(8))
    disk.arm(operations=operations, survival=survival, draw=dice, ending=ending)
    try:
        yield disk
    finally:
        vfs.unregister()
