"""What is forgotten of a deleted entity is in no store of the past, whatever the engine."""

from pathlib import Path
from typing import Any

import pytest

from broker.errors import NonexistentTenant
from broker.store.contract import Kind, Store
from broker.store.outbox import Outcome, Settlement, Waiting
from broker.store.sqlite import SqliteStore
from broker.store.sqlite.forgetting import SLICE
from broker.store.sqlite.maintenance import check
from tests.broker.store.helpers import create, delete, entity, prop, replace
from tests.broker.store.matching import ByEntity

LATER = "2026-01-02T00:00:00.000000Z"
SECRET = "花子の見守りタグ"


async def lived(store: Store, entity_id: str = "urn:a", tenant: str = "") -> None:
    """Let an entity come, change and go."""
    await create(store, entity(entity_id, name=prop(SECRET)), tenant=tenant)
    await replace(store, entity(entity_id, name=prop(f"{SECRET}2")), tenant=tenant)
    await delete(store, entity_id, tenant)


async def subscribe(store: Store, *wants: str) -> int:
    """Subscribe to entities by id; return the number."""
    store.outbox.match_with(ByEntity())
    return (await store.outbox.create("", "urn:s", {"wants": list(wants)})).sid


async def died(store: Store, rows: list[Waiting]) -> None:
    """Let notifications die."""
    await store.outbox.settle(
        [Settlement(row.sid, row.seq, Outcome.DEAD, LATER, 1, "refused") for row in rows]
    )


async def test_the_feed_keeps_the_deletion_and_nothing_of_what_was_deleted(store: Store):
    await lived(store)
    assert await store.forget("", "urn:a") == 2
    (deleted,) = await store.changes(0)
    assert (deleted.seq, deleted.kind, deleted.version, deleted.delta) == (3, Kind.DELETE, 3, None)
    assert deleted.before == {
        "id": "urn:a", "type": entity()["type"], "createdAt": deleted.at,
        "modifiedAt": deleted.at, "attrs": {},
    }  # fmt: skip
    assert await store.changes(0, entity_id="urn:a") == [deleted]
    assert store.span() == (1, 3)


async def test_numbers_and_versions_go_on(store: Store):
    await lived(store)
    await store.forget("", "urn:a")
    await create(store, entity("urn:a", name=prop("new")))
    record = await store.get("", "urn:a")
    assert record is not None
    assert record.version == 4
    assert [change.seq for change in await store.changes(0)] == [3, 4]


async def test_what_came_after_the_deletion_stays(store: Store):
    await lived(store)
    await create(store, entity("urn:a", name=prop("new")))
    assert await store.forget("", "urn:a") == 2
    record = await store.get("", "urn:a")
    assert record is not None
    assert [change.seq for change in await store.changes(0, entity_id="urn:a")] == [3, 4]


async def test_only_this_entity_of_this_tenant_is_forgotten(store: Store):
    await lived(store, tenant="t")
    await create(store, entity("urn:a"), entity("urn:b"))
    await delete(store, "urn:b")
    assert await store.forget("t", "urn:a") == 2
    assert [change.seq for change in await store.changes(0)] == [3, 4, 5, 6]


async def test_what_was_never_deleted_is_not_forgotten(store: Store):
    await create(store, entity(name=prop(1)))
    assert await store.forget("", "urn:a") == 0
    assert await store.forget("", "urn:none") == 0
    assert len(await store.changes(0)) == 1
    with pytest.raises(NonexistentTenant):
        await store.forget("none", "urn:a")


async def test_forgetting_again_does_nothing(store: Store):
    await lived(store)
    await store.forget("", "urn:a")
    assert await store.forget("", "urn:a") == 0
    assert await store.prune(LATER) == 1


async def test_many_changes_are_forgotten_in_slices(store: Store):
    await create(store, entity(name=prop(0)))

    async def work(tx: Any) -> None:
        for number in range(SLICE + 10):
            await tx.put(entity(name=prop(number + 1)), await tx.get("urn:a"))

    await store.write("", work)
    await delete(store, "urn:a")
    assert await store.forget("", "urn:a") == SLICE + 11
    assert [change.kind for change in await store.changes(0)] == [Kind.DELETE]


async def test_changes_are_found_by_kind(store: Store):
    await lived(store)
    await create(store, entity("urn:b"))
    for asked in (None, "urn:a"):
        found = await store.changes(0, entity_id=asked, kind=Kind.DELETE)
        assert [change.seq for change in found] == [3]


async def test_rows_about_it_expire_but_for_the_deletion(store: Store):
    sid = await subscribe(store, "urn:a", "urn:b")
    told: list[Any] = []
    store.outbox.follow(told.append)
    await lived(store)
    await create(store, entity("urn:b", name=prop("other")))
    await store.forget("", "urn:a")
    deletion, other = await store.outbox.waiting(sid)
    assert deletion.committed is not None
    assert deletion.committed.before is not None
    assert deletion.committed.before["attrs"] == {}
    assert other.committed is not None
    assert other.committed.change.entity_id == "urn:b"
    books = await store.outbox.books(sid)
    assert books.balanced
    assert (books.queued, books.expired, books.waiting) == (4, 2, 2)
    assert [*map(set, told)] == [{sid}]


async def test_dead_letters_about_it_are_gone_and_stay_counted(store: Store):
    sid = await subscribe(store, "urn:a", "urn:b")
    await lived(store)
    await create(store, entity("urn:b"))
    await died(store, await store.outbox.waiting(sid))
    await store.forget("", "urn:a")
    letters, count = await store.outbox.dead_letters()
    assert count == 2
    assert SECRET not in str(letters)
    books = await store.outbox.books(sid)
    assert books.balanced
    assert books.dead == 4


async def test_periods_it_was_in_expire_or_are_no_dead_letters_any_more(store: Store):
    sid = await subscribe(store)
    known = store.outbox.find(sid)
    assert known is not None
    with_it, without = entity(name=prop(SECRET)), entity("urn:b")
    await store.outbox.queue_period(known, LATER, [with_it, without])
    await died(store, await store.outbox.waiting(sid))
    await store.outbox.queue_period(known, LATER, [with_it])
    await store.outbox.queue_period(known, LATER, [without])
    await lived(store)
    await store.forget("", "urn:a")
    (left,) = await store.outbox.waiting(sid)
    assert [one["id"] for one in left.entities] == ["urn:b"]
    assert await store.outbox.dead_letters() == ([], 0)
    books = await store.outbox.books(sid)
    assert books.balanced
    assert (books.dead, books.expired, books.waiting) == (1, 1, 1)


async def test_nothing_of_it_is_in_the_file_and_the_file_is_sound(tmp_path: Path):
    store = SqliteStore(tmp_path / "data")
    await store.open()
    sid = await subscribe(store, "urn:a")
    await lived(store)
    await died(store, (await store.outbox.waiting(sid))[:1])
    await store.history.delete_entity("", "urn:a")
    await store.forget("", "urn:a")
    await store.close()
    assert check(tmp_path / "data") == []
    for path in (tmp_path / "data").rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes()
    again = SqliteStore(tmp_path / "data")
    await again.open()
    (deletion,) = await again.outbox.waiting(sid)
    assert deletion.seq == 3
    assert (await again.outbox.books(sid)).balanced
    await again.close()
