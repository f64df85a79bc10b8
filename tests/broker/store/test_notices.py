"""Notifications about no entity: queued with what they are about, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from broker.store.contract import Resource, Store, Tx
from broker.store.outbox import Notice, Opening, Outcome, Settlement
from broker.store.sqlite import SqliteStore
from tests.broker.store.helpers import HandClock
from tests.broker.store.matching import ByEntity

S = "urn:ngsi-ld:Subscription:1"


def all_of(found: Sequence[Resource]) -> Notice | None:
    """Return a notice of the resources there are."""
    return {"ids": [one.id for one in found]} if found else None


OPENING = Opening("thing", all_of)


async def put(store: Store, id: str, *told: int, fail: bool = False) -> None:
    """Store a resource and tell subscriptions of it, in one unit of work."""

    async def work(tx: Tx) -> None:
        await tx.put_resource(Resource("thing", id, "1", b"{}"))
        for sid in told:
            await tx.tell(sid, {"ids": [id]})
        if fail:
            raise ValueError

    await store.write("", work)


async def waiting(store: Store, sid: int) -> list[Any]:
    """Return the notices in a queue, checked that its books balance."""
    books = await store.outbox.books(sid)
    rows = await store.outbox.waiting(sid)
    assert books.balanced
    assert books.waiting == len(rows)
    assert all(row.committed is None and row.entities == () for row in rows)
    return [row.notice for row in rows]


async def test_a_subscription_is_told_at_once_what_there_is(store: Store) -> None:
    await put(store, "a")
    first = await store.outbox.create("", S, {}, kind="k", opening=OPENING)
    assert await waiting(store, first.sid) == [{"ids": ["a"]}]
    await put(store, "b")
    await store.outbox.replace("", S, {"new": 1}, opening=OPENING)
    assert await waiting(store, first.sid) == [{"ids": ["a"]}, {"ids": ["a", "b"]}]
    await store.outbox.replace("", S, {}, cancel=True, opening=OPENING)
    assert await waiting(store, first.sid) == [{"ids": ["a", "b"]}]
    assert (await store.outbox.books(first.sid)).cancelled == 2


async def test_nothing_is_told_where_there_is_nothing(store: Store) -> None:
    stored = await store.outbox.create("", S, {}, kind="k", opening=OPENING)
    assert await waiting(store, stored.sid) == []


async def test_a_notice_commits_with_what_it_is_about(store: Store) -> None:
    sid = (await store.outbox.create("", S, {}, kind="k")).sid
    await put(store, "a", sid)
    with pytest.raises(ValueError):
        await put(store, "b", sid, fail=True)
    await put(store, "c", sid, sid)
    told = [["a"], ["c"], ["c"]]
    assert await waiting(store, sid) == [{"ids": ids} for ids in told]


async def test_a_notice_to_nobody_is_no_error(store: Store) -> None:
    sid = (await store.outbox.create("", S, {}, kind="k")).sid
    await store.outbox.remove("", S)
    await put(store, "a", sid)
    assert (await store.outbox.books()).queued == 0


async def test_a_period_supersedes_periods_and_no_notice_of_a_change(store: Store) -> None:
    stored = await store.outbox.create("", S, {}, kind="k")
    await put(store, "a", stored.sid)
    for number in range(4):
        await store.outbox.queue_period(stored, "2", (), {"period": number})
    await put(store, "b", stored.sid)
    told = [{"ids": ["a"]}, {"period": 0}, {"period": 3}, {"ids": ["b"]}]
    assert await waiting(store, stored.sid) == told
    assert (await store.outbox.books(stored.sid)).superseded == 2


async def test_listeners_are_told_of_notices(store: Store) -> None:
    rows: list[Any] = []
    store.outbox.listen(lambda more: rows.extend(more))
    sid = (await store.outbox.create("", S, {}, kind="k")).sid
    await put(store, "a", sid)
    assert [(row.sid, row.notice) for row in rows] == [(sid, {"ids": ["a"]})]


async def test_a_dead_notice_is_kept_and_replayed(store: Store) -> None:
    sid = (await store.outbox.create("", S, {}, kind="k")).sid
    await put(store, "a", sid)
    (row,) = await store.outbox.waiting(sid)
    await store.outbox.settle([Settlement(sid, row.seq, Outcome.DEAD, "2", 1, "Refused.")])
    letters, _ = await store.outbox.dead_letters("", sid=sid)
    assert [letter.row.notice for letter in letters] == [{"ids": ["a"]}]
    await store.outbox.replay("", sid)
    assert await waiting(store, sid) == [{"ids": ["a"]}]


async def test_a_page_has_subscriptions_of_one_kind(store: Store) -> None:
    matcher = ByEntity()
    store.outbox.match_with(matcher)
    await store.outbox.create("", S, {})
    await store.outbox.create("", "urn:other", {}, kind="k")
    for kind, ids in (("", [S]), ("k", ["urn:other"]), ("z", [])):
        found, count = await store.outbox.page("", offset=0, limit=10, kind=kind)
        assert ([one.id for one in found], count) == (ids, len(ids))
    assert sorted(one.kind for one in matcher.known.values()) == ["", "k"]


async def test_notices_survive_a_restart(tmp_path: Any) -> None:
    clock = HandClock()
    store = SqliteStore(tmp_path / "data", clock=clock)
    await store.open()
    sid = (await store.outbox.create("", S, {}, kind="k")).sid
    await put(store, "a", sid)
    await store.close()
    store = SqliteStore(tmp_path / "data", clock=clock)
    await store.open()
    assert await waiting(store, sid) == [{"ids": ["a"]}]
    stored = store.outbox.find(sid)
    assert stored is not None
    assert stored.kind == "k"
    await put(store, "b", sid)
    assert await waiting(store, sid) == [{"ids": ["a"]}, {"ids": ["b"]}]
    await store.close()
