"""Queues on their way to real receivers, with a clock the test moves."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from broker.guard import OpenGuard
from broker.store.contract import Committed
from broker.store.memory import MemoryStore
from broker.store.outbox import Books
from broker.subscriptions.delivery import runner
from broker.subscriptions.delivery.clock import seconds_between
from broker.subscriptions.delivery.policy import Policy
from tests.broker.store.helpers import delete
from tests.broker.subscriptions.delivery.town import RIVER, levels, running
from tests.support.patience import PATIENCE
from tests.support.receivers import Got, answer, hang, receiver


@pytest.fixture(params=["memory", "sqlite"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """Return where the data are; None for an engine in memory."""
    return tmp_path if request.param == "sqlite" else None


def nothing_waits(books: Books) -> bool:
    return not books.waiting


async def test_every_change_arrives_in_order() -> None:
    async with running() as town, receiver() as one:
        await town.subscribe(one.url)
        for value in range(200):
            await town.level(value)
        assert levels(await one.wait_for(200)) == list(range(200))
        books = await town.until(nothing_waits)
    assert books == Books(queued=200, delivered=200)


async def test_who_was_told_reads_that_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "GRACE", 30.0)
    async with running() as town, receiver() as one:
        sid = await town.subscribe(one.url)
        for count in range(1, 20):
            await town.level(count)
            await one.wait_for(count)
            await town.delivery.caught_up(sid)
            stored = town.store.outbox.find(sid)
            assert stored is not None
            assert stored.books.delivered == count


async def test_a_receiver_that_reads_before_it_answers_waits_a_moment_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner, "GRACE", 0.01)
    async with running() as town, receiver(hang) as one:
        sid = await town.subscribe(one.url)
        await town.level(1)
        await one.wait_for(1)
        async with asyncio.timeout(PATIENCE):
            await town.delivery.caught_up(sid)


async def test_what_waited_before_the_start_is_taken_up() -> None:
    async with running() as town, receiver() as one:
        await town.stop()
        await town.subscribe(one.url)
        for value in range(150):
            await town.level(value)
        await town.restart()
        assert levels(await one.wait_for(150)) == list(range(150))


async def test_an_hour_of_silence_loses_nothing_and_keeps_the_order(folder: Path | None) -> None:
    async with running(folder=folder) as town, receiver() as one:
        sid = await town.subscribe(one.url, shape={"show_changes": True})
        await town.level(0)
        await one.wait_for(1)
        await one.stop()
        for minute in range(60):
            await town.level(minute + 1)
            town.hands.advance(60)
            await until_paused(town)
        await town.failed(5, sid)
        await delete(town.store, RIVER)
        await one.start()
        async with asyncio.timeout(PATIENCE):
            while len(one.got) < 62:
                town.hands.advance(1)
                await asyncio.sleep(0.001)
        books = await town.until(nothing_waits)
    told = [got.entity["https://example.org/level"] for got in one.got]
    assert [one["value"] for one in told] == [*range(61), "urn:ngsi-ld:null"]
    assert [one.get("previousValue") for one in told] == [None, *range(61)]
    assert "deletedAt" in one.got[-1].entity
    assert books == Books(queued=62, delivered=62)


async def test_a_repeat_has_the_same_id_and_says_it_is_one() -> None:
    async with running() as town, receiver(answer(503)) as one:
        await town.subscribe(one.url)
        await town.level(1)
        for count in (1, 2, 3):
            await one.wait_for(count)
            await town.until(lambda books: True)
            await until_paused(town)
            town.hands.advance(60)
        one.reply = answer(200)
        await town.until(nothing_waits)
    assert len({got.json()["id"] for got in one.got}) == 1
    assert len({got.body for got in one.got}) == 1
    attempts = [got.headers.get("Machi-Attempt") for got in one.got]
    assert attempts == [None, *(str(n) for n in range(2, len(attempts) + 1))]


async def until_paused(town: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while town.delivery._turns.running or town.delivery._settler._added:
            await asyncio.sleep(0.001)


async def test_a_failing_receiver_does_not_hold_up_others() -> None:
    async with running() as town, receiver(hang) as bad, receiver() as good:
        await town.subscribe(bad.url, name="bad")
        await town.subscribe(good.url, name="good")
        for value in range(50):
            await town.level(value)
        assert levels(await good.wait_for(50)) == list(range(50))
        assert len(await bad.wait_for(1)) == 1


async def test_a_refused_notification_dies_and_the_next_is_tried() -> None:
    async def picky(got: Got) -> web.StreamResponse:
        return web.Response(status=400 if levels([got]) == [1] else 200)

    async with running(policy=Policy(refusals=2)) as town, receiver(picky) as one:
        await town.subscribe(one.url)
        for value in (0, 1, 2):
            await town.level(value)
        await one.wait_for(2)
        await until_paused(town)
        town.hands.advance(60)
        books = await town.until(nothing_waits)
        (letter,) = await town.dead()
    assert levels(one.got) == [0, 1, 1, 2]
    assert books == Books(queued=3, delivered=2, dead=1)
    assert letter.row.error == "The receiver answers 400 Bad Request. Refused 2 times."
    assert letter.row.attempts == 2


async def test_a_dead_letter_can_be_replayed() -> None:
    async with running() as town, receiver(answer(410)) as one:
        sid = await town.subscribe(one.url)
        await town.level(7)
        await town.until(lambda books: books.dead == 1)
        one.reply = answer(200)
        assert await town.store.outbox.replay("", sid) == 1
        books = await town.until(lambda books: books.delivered == 1)
    assert levels(one.got) == [7, 7]
    assert one.got[0].json()["id"] == one.got[1].json()["id"]
    assert one.got[1].headers["Machi-Attempt"] == "2"
    assert books == Books(queued=1, delivered=1)


async def test_a_silent_server_costs_one_probe_whatever_waits_for_it() -> None:
    async with running() as town, receiver() as one:
        await one.stop()
        sids = [await town.subscribe(one.url, name=str(n)) for n in range(50)]
        await town.level(1)
        await until_paused(town)
        for _ in range(3):
            town.hands.advance(5)
            await until_paused(town)
        before = dict(town.delivery.tries)
        assert town.delivery.breakers() == {one.url.removesuffix("/notify"): "open"}
        town.hands.advance(60)
        await until_paused(town)
        after = dict(town.delivery.tries)
        assert sum(after.values()) - sum(before.values()) <= 2
        await one.start()
        town.hands.advance(60)
        assert (await town.until(nothing_waits)).delivered == len(sids)


async def hang_where_told(got: Got) -> web.StreamResponse:
    """Answer nothing under `/hang`."""
    return await (hang(got) if got.path.startswith("/hang") else answer(200)(got))


async def test_a_path_that_hangs_holds_up_none_of_its_neighbours() -> None:
    async with running() as town, receiver(hang_where_told) as one:
        server = one.url.removesuffix("/notify")
        for number in range(20):
            await town.subscribe(f"{server}/hang/{number}", name=str(number), timeout=0.01)
        await town.level(0)
        await until_paused(town)
        for _ in range(3):
            town.hands.advance(5)
            await until_paused(town)
        assert town.delivery.breakers() == {server: "open"}
        good = await town.subscribe(one.url, "urn:ngsi-ld:River:good", name="good")
        for value in range(50):
            await town.level(value, "urn:ngsi-ld:River:good")
        await town.until(lambda books: books.delivered == 50, good)
        assert town.delivery.breakers() == {server: "open"}
    assert levels([got for got in one.got if got.path == "/notify"]) == list(range(50))


async def test_a_server_that_is_back_is_noticed_for_all_its_endpoints_at_once() -> None:
    async with running() as town, receiver() as one:
        server = one.url.removesuffix("/notify")
        await one.stop()
        for number in range(10):
            await town.subscribe(f"{server}/{number}", name=str(number), timeout=PATIENCE)
        await town.level(0)
        for _ in range(8):
            await until_paused(town)
            town.hands.advance(15)
        await until_paused(town)
        assert town.delivery.breakers() == {server: "open"}
        await one.start()
        await town.level(1)
        async with asyncio.timeout(PATIENCE):
            while not one.got:
                town.hands.advance(1)
                await until_paused(town)
        await until_paused(town)
        town.hands.advance(1)
        books = await town.until(nothing_waits)
    assert books.delivered == 20


async def test_cooldown_is_kept_after_a_failure() -> None:
    async with running() as town, receiver(answer(500)) as one:
        await town.subscribe(one.url, cooldown=300.0)
        await town.level(1)
        await one.wait_for(1)
        await until_paused(town)
        town.hands.advance(299)
        await until_paused(town)
        assert len(one.got) == 1
        town.hands.advance(2)
        await one.wait_for(2)


async def test_a_clock_set_back_delays_nothing() -> None:
    async with running() as town, receiver(answer(500)) as one:
        await town.subscribe(one.url)
        await town.level(1)
        await one.wait_for(1)
        await until_paused(town)
        town.hands.set_wall(days=-300)
        town.hands.advance(1)
        await one.wait_for(2)
        await until_paused(town)
        town.hands.set_wall(days=-300)
        await town.restart()
        await until_paused(town)
        town.hands.advance(60)
        await one.wait_for(3)


async def test_a_clock_set_forward_kills_nothing() -> None:
    async with running() as town, receiver(answer(500)) as one:
        await town.subscribe(one.url)
        await town.level(1)
        await one.wait_for(1)
        await until_paused(town)
        town.hands.set_wall(days=300)
        town.hands.advance(1)
        await one.wait_for(2)
        await until_paused(town)
        assert (await town.books()).waiting == 1


async def test_a_restart_goes_on_with_the_pause() -> None:
    async with running() as town, receiver(answer(500)) as one:
        await town.subscribe(one.url, cooldown=50.0)
        await town.level(1)
        await one.wait_for(1)
        await until_paused(town)
        await town.restart()
        await until_paused(town)
        assert len(one.got) == 1
        town.hands.advance(51)
        await one.wait_for(2)
    assert one.got[1].headers["Machi-Attempt"] == "2"


async def test_a_try_the_stop_interrupted_is_repeated_as_such() -> None:
    async with running() as town, receiver(hang) as one:
        sid = await town.subscribe(one.url)
        await town.level(1)
        await one.wait_for(1)
        await town.stop()
        stored = await town.failed(1, sid)
        assert stored.history.last_error == "The broker was stopped meanwhile."
        one.reply = answer(200)
        await town.restart()
        await one.wait_for(2)
        await town.until(nothing_waits)
    assert one.got[1].headers["Machi-Attempt"] == "2"


async def test_a_subscription_that_expired_meanwhile_is_told_nothing() -> None:
    async with running() as town, receiver(answer(500)) as one:
        await town.subscribe(one.url, expires="2026-01-01T01:00:00Z")
        await town.level(1)
        await one.wait_for(1)
        await town.level(2)
        await until_paused(town)
        town.hands.advance(3700)
        books = await town.until(nothing_waits)
    assert books == Books(queued=2, expired=2)
    assert len(one.got) == 1


@pytest.mark.parametrize("how", ["paused", "removed"])
async def test_a_subscription_paused_or_removed_meanwhile_is_told_nothing(how: str) -> None:
    async with running() as town, receiver(answer(500)) as one:
        sid = await town.subscribe(one.url)
        await town.level(1)
        await one.wait_for(1)
        await town.level(2)
        await until_paused(town)
        stored = town.store.outbox.find(sid)
        assert stored is not None
        if how == "removed":
            await town.store.outbox.remove("", stored.id)
        else:
            document = {**stored.document, "active": False}
            await town.store.outbox.replace("", stored.id, document, cancel=True)
        town.hands.advance(3600)
        await until_paused(town)
        assert len(one.got) == 1
        assert await town.books() == Books(queued=2, cancelled=2)
        assert not town.delivery._queues


async def test_a_repaired_endpoint_is_tried_at_once() -> None:
    async with running() as town, receiver(answer(404)) as wrong, receiver() as right:
        sid = await town.subscribe(wrong.url, cooldown=3000.0)
        await town.level(1)
        await wrong.wait_for(1)
        await until_paused(town)
        stored = town.store.outbox.find(sid)
        assert stored is not None
        await town.store.outbox.replace("", stored.id, {**stored.document, "uri": right.url})
        assert levels(await right.wait_for(1)) == [1]


async def test_a_subscription_that_cannot_be_prepared_waits_and_says_why() -> None:
    async with running() as town, receiver() as one:
        town.unready = "Its @context cannot be fetched."
        sid = await town.subscribe(one.url)
        await town.level(1)
        stored = await town.failed(1, sid)
        assert stored.history.last_error == "Its @context cannot be fetched."
        town.unready = ""
        await until_paused(town)
        town.hands.advance(1)
        assert levels(await one.wait_for(1)) == [1]


async def test_what_cannot_be_prepared_is_tried_ever_more_seldom_and_dies_with_the_reason() -> None:
    async with running(policy=Policy(oldest=3600)) as town, receiver() as one:
        town.unready = "Its @context cannot be fetched."
        sid = await town.subscribe(one.url)
        await town.level(1)
        pauses = []
        for failures in range(1, 6):
            await town.failed(failures, sid)
            await until_paused(town)
            (row,) = await town.store.outbox.waiting(sid)
            assert row.not_before is not None
            pauses.append(seconds_between(town.hands.now(), row.not_before))
            town.hands.advance(pauses[-1])
        assert pauses == [0.25, 0.5, 1, 2, 4]
        async with asyncio.timeout(PATIENCE):
            while not (dead := await town.dead()):
                town.hands.advance(30)
                await asyncio.sleep(0.001)
    assert dead[0].row.error is not None
    assert dead[0].row.error.startswith("Its @context cannot be fetched. Tried")
    assert one.got == []


class Hiding(OpenGuard):
    """Lets nobody see odd levels."""

    def deliver(self, caller: Any, tenant: str, committed: Committed) -> Committed | None:
        assert committed.after is not None
        (level,) = committed.after["attrs"]["https://example.org/level"].values()
        return None if level["value"] % 2 else committed


async def test_the_guard_decides_when_a_notification_is_sent() -> None:
    async with running(guard=Hiding()) as town, receiver() as one:
        await town.subscribe(one.url)
        for value in range(10):
            await town.level(value)
        books = await town.until(nothing_waits)
    assert levels(one.got) == [0, 2, 4, 6, 8]
    assert books == Books(queued=10, delivered=5, withheld=5)


async def test_after_a_silence_the_oldest_period_comes_and_then_the_newest(
    folder: Path | None,
) -> None:
    async with running(folder=folder) as town, receiver() as one:
        sid = await town.subscribe(one.url)
        await one.stop()
        for number in range(20):
            await town.period(sid, number)
            await until_paused(town)
            town.hands.advance(0.1)
        await one.start()
        async with asyncio.timeout(PATIENCE):
            while (await town.books()).waiting:
                town.hands.advance(1)
                await asyncio.sleep(0.001)
        books = await town.books()
    assert levels(one.got) == [0, 19]
    assert books == Books(queued=20, delivered=2, superseded=18)


async def test_a_period_that_is_superseded_is_not_sent_after_all() -> None:
    go_on = asyncio.Event()

    async def waits(got: Got) -> web.StreamResponse:
        await go_on.wait()
        return web.Response()

    async with running() as town, receiver(waits) as one:
        sid = await town.subscribe(one.url)
        for number in range(5):
            await town.period(sid, number)
            await one.wait_for(1)
        go_on.set()
        books = await town.until(nothing_waits)
    assert levels(one.got) == [0, 4]
    assert books == Books(queued=5, delivered=2, superseded=3)


async def test_a_long_queue_is_held_in_part() -> None:
    async with running() as town, receiver(hang) as one:
        await town.subscribe(one.url)
        for value in range(500):
            await town.level(value)
        assert town.delivery.figures()["delivery_rows_held"] <= 64


async def test_queues_that_are_done_leave_nothing_behind() -> None:
    async with running() as town, receiver() as one:
        for number in range(20):
            await town.subscribe(one.url, name=str(number))
        await town.level(1)
        await town.until(nothing_waits)
        await until_paused(town)
        assert not town.delivery._queues
        assert town.delivery.figures()["delivery_rows_held"] == 0


@pytest.mark.parametrize("keeps_the_header", [True, False])
async def test_a_loop_is_stopped_with_its_reason(keeps_the_header: bool) -> None:
    async with running() as town, receiver() as one:

        async def write_back(got: Got) -> web.StreamResponse:
            done = (
                town.chains.writing("", [RIVER], got.headers["Machi-Chain"])
                if keeps_the_header
                else lambda: None
            )
            await town.level(levels([got])[0] + 1)
            done()
            return web.Response()

        one.reply = write_back
        await town.subscribe(one.url)
        await town.level(0)
        async with asyncio.timeout(PATIENCE):
            while not (dead := await town.dead()):
                town.hands.advance(0.01)
                await asyncio.sleep(0.001)
        books = await town.books()
    assert dead[0].row.error is not None
    assert dead[0].row.error.startswith("Stopped a loop")
    assert books.delivered == len(one.got)
    assert (books.delivered == 8) if keeps_the_header else (64 <= books.delivered < 100)


async def test_many_queues_for_a_silent_server_cost_few_tries() -> None:
    store = MemoryStore()
    async with running(store) as town, receiver() as one:
        await one.stop()
        for number in range(2000):
            await town.subscribe(one.url, name=str(number))
        await town.level(1)
        await until_paused(town)
        assert sum(town.delivery.tries.values()) < 10
