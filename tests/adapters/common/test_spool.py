"""The spool: in order, durable, bounded, for its owner only."""

import asyncio
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

from adapters.common.spool import Spool
from adapters.contract import Message


def message(number: int) -> Message:
    """Return a message that can be told from others."""
    return Message("a/b", str(number).encode(), "2026-07-04T00:00:00Z")


async def drain(spool: Spool) -> list[bytes]:
    """Take everything out."""
    found = []
    while spool.waiting:
        seq, taken = await spool.first()
        found.append(taken.payload)
        await spool.done(seq)
    return found


async def test_messages_come_out_in_the_order_they_came_in_after_a_restart_too(tmp_path: Path):
    before = Spool(tmp_path / "spool.db")
    await before.put([message(1), message(2)])
    await before.put([message(3)])
    before.close()
    after = Spool(tmp_path / "spool.db")
    assert after.waiting == 3
    assert await drain(after) == [b"1", b"2", b"3"]
    after.close()


async def test_a_message_keeps_its_ticket_until_it_is_done(tmp_path: Path):
    tickets = []
    for _ in range(2):
        spool = Spool(tmp_path / "spool.db")
        if not spool.waiting:
            await spool.put([message(1)])
        tickets.append((await spool.first())[1].ticket)
        spool.close()
    assert tickets[0] == tickets[1]
    other = Spool(tmp_path / "other.db")
    await other.put([message(1)])
    assert (await other.first())[1].ticket != tickets[0]
    other.close()


async def test_what_is_put_while_another_is_under_way_comes_after_it(tmp_path: Path):
    spool = Spool(tmp_path / "spool.db")
    await spool.put([message(1), message(2)])
    seq, under_way = await spool.first()
    await spool.put([message(3)])
    assert (await spool.first())[1] == under_way, "it comes again until it is done"
    await spool.done(seq)
    assert await drain(spool) == [b"2", b"3"]
    await spool.put([message(4)])
    assert await drain(spool) == [b"4"]
    spool.close()


async def test_full_spool_takes_no_more_until_there_is_room(tmp_path: Path):
    spool = Spool(tmp_path / "spool.db", most=2)
    await spool.put([message(1), message(2)])
    waiting = asyncio.create_task(spool.put([message(3)]))
    await asyncio.sleep(0)
    assert not waiting.done()
    seq, _ = await spool.first()
    await spool.done(seq)
    await waiting
    assert await drain(spool) == [b"2", b"3"]
    spool.close()


async def test_only_the_owner_can_read_it(tmp_path: Path):
    spool = Spool(tmp_path / "state" / "spool.db")
    await spool.put([message(1)])
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    spool.close()


async def test_who_sends_without_end_delays_nobody_by_more_than_a_message(tmp_path: Path):
    spool = Spool(tmp_path / "spool.db")
    flood = [message(number) for number in range(5)]
    await spool.put(flood, ["noisy"] * 5)
    seq, _ = await spool.first()
    await spool.put([message(10), message(11), message(20)], ["gauge", "gauge", "other"])
    await spool.done(seq)
    assert await drain(spool) == [b"20", b"10", b"1", b"11", b"2", b"3", b"4"]
    spool.close()


async def test_one_sender_has_no_more_than_half_of_the_room(tmp_path: Path):
    spool = Spool(tmp_path / "spool.db", most=4)
    await spool.put([message(1), message(2), message(3)], ["noisy", "noisy", "gauge"])
    assert [spool.crowded(name) for name in ("noisy", "gauge", "new")] == [True, False, False]
    spool.close()
    again = Spool(tmp_path / "spool.db", most=4)
    assert again.crowded("noisy")
    await again.forget(lambda one: one.payload == b"2")
    assert not again.crowded("noisy")
    assert await drain(again) == [b"3", b"1"]
    again.close()


async def test_spool_of_an_earlier_version_goes_on(tmp_path: Path):
    path = tmp_path / "spool.db"
    with closing(sqlite3.connect(path)) as old:
        old.execute(
            "CREATE TABLE spool (seq INTEGER PRIMARY KEY AUTOINCREMENT,"
            " topic TEXT, payload BLOB, received TEXT)"
        )
        old.execute("INSERT INTO spool (topic, payload, received) VALUES ('a/b', ?, '')", (b"1",))
        old.commit()
    spool = Spool(path)
    await spool.put([message(2)], ["gauge"])
    assert await drain(spool) == [b"2", b"1"]
    spool.close()
