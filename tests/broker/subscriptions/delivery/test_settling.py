"""Ends of rows on their way into the store."""

import asyncio
from collections.abc import Iterable
from functools import partial

from broker.errors import ServiceUnavailable
from broker.store.memory import MemoryStore
from broker.store.outbox import Failure, Outcome, Settlement
from broker.subscriptions.delivery import settling
from broker.subscriptions.delivery.settling import Settler
from tests.support.patience import PATIENCE


def end(seq: int) -> Settlement:
    return Settlement(1, seq, Outcome.DELIVERED, "")


class Slow(MemoryStore):
    """A store whose commits wait for the test."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[list[int]] = []
        self.go = asyncio.Semaphore(0)
        self.full = False
        self.refused = asyncio.Event()
        self.outbox.settle = self._settle  # type: ignore[method-assign]

    async def _settle(
        self, settlements: Iterable[Settlement] = (), failures: Iterable[Failure] = ()
    ) -> None:
        await self.go.acquire()
        if self.full:
            self.refused.set()
            raise ServiceUnavailable("Full.", place="store", remedy="Make room.")
        self.commits.append([one.seq for one in settlements])


async def test_ends_are_written_many_at_a_time_in_order() -> None:
    store = Slow()
    settler = Settler(store.outbox)
    durable: list[int] = []
    for seq in range(5):
        settler.add(end(seq), partial(durable.append, seq))
        await asyncio.sleep(0)
    store.go.release()
    store.go.release()
    await settler.close()
    assert store.commits == [[0], [1, 2, 3, 4]]
    assert durable == [0, 1, 2, 3, 4]


async def test_waiting_ends_though_more_is_added_all_the_time() -> None:
    store = Slow()
    settler = Settler(store.outbox)
    settler.add(end(0), lambda: settler.add(end(9), lambda: None))
    waiting = asyncio.create_task(settler.flushed())
    await asyncio.sleep(0)
    store.go.release()
    await asyncio.wait_for(waiting, PATIENCE)
    assert store.commits == [[0]]
    store.go.release()
    await settler.close()


async def test_a_full_disk_loses_nothing(monkeypatch) -> None:
    monkeypatch.setattr(settling, "AGAIN", 0.0)
    store = Slow()
    store.full = True
    settler = Settler(store.outbox)
    settler.add(end(0), lambda: None)
    store.go.release()
    await asyncio.wait_for(store.refused.wait(), PATIENCE)
    store.full = False
    store.go.release()
    await asyncio.wait_for(settler.flushed(), PATIENCE)
    assert store.commits == [[0]]
    await settler.close()
