"""A tenant is deleted whole or is still being deleted: nobody sees what is left of it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import Any

import pytest

from broker.errors import NonexistentTenant, ServiceUnavailable
from broker.query.ast import EntityQuery, HasType
from broker.store.contract import Answer, Resource, Store, Tx, TypeRules
from broker.store.history import Entry, Fact
from broker.store.mongodb import dropping
from broker.store.mongodb.store import MongoStore
from tests.broker.store.helpers import LEVEL, SHELTER, HandClock, create, entity, prop
from tests.support.mongodb import database_name

AT = "2026-01-01T00:00:00.000000Z"
LATER = "2026-02-01T00:00:00.000000Z"
TOLD = Entry("urn:0", (SHELTER,), 1, (Fact(LEVEL, {"type": "Property", "value": 1}),))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a transaction delete two documents at most."""
    monkeypatch.setattr(dropping, "SLICE", 2)


@pytest.fixture
def url(mongodb_url: str) -> str:
    """Return the URL of a database of its own."""
    return mongodb_url + database_name()


async def opened(url: str) -> MongoStore:
    store = MongoStore(url, clock=HandClock())
    await store.open()
    return store


async def fill(store: Store, tenant: str) -> None:
    """Put something of everything that belongs to a tenant."""
    fleeting = prop(1)
    fleeting["@none"]["expiresAt"] = "2026-01-02T00:00:00.000Z"
    await create(store, *(entity(f"urn:{n}", level=fleeting) for n in range(3)), tenant=tenant)

    async def more(tx: Tx) -> None:
        await tx.remember("key", Answer(b"", 200, b""))
        await tx.set_rules(SHELTER, TypeRules(append_only=True))
        await tx.put_resource(Resource("kind", "urn:r", AT, b"{}"))

    await store.write(tenant, more)
    await store.outbox.create(tenant, "urn:s", {})
    await store.history.record(tenant, [TOLD])


async def seen(store: Store, tenant: str) -> dict[str, Any]:
    """Return what a tenant has."""

    async def remembered(tx: Tx) -> bool:
        return await tx.answer("key") is not None

    page = await store.query(tenant, EntityQuery(HasType(SHELTER)))
    subscriptions, _ = await store.outbox.page(tenant, offset=0, limit=9)
    return {
        "entities": [record.id for record in page.records],
        "changes": [change.entity_id for change in await store.changes(0, tenant=tenant)],
        "answers": await store.write(tenant, remembered),
        "rules": await store.rules(tenant),
        "resources": await store.resources(tenant, "kind"),
        "subscriptions": [one.id for one in subscriptions],
        "head": await store.history.head(tenant, "urn:0"),
        "history": await store.history.read(tenant, ["urn:0"]),
    }


NEW = {
    "entities": ["urn:new"],
    "changes": ["urn:new"],
    "answers": False,
    "rules": {},
    "resources": [],
    "subscriptions": [],
    "head": None,
    "history": {},
}


class Stopped(Exception):
    """The broker ended here."""


async def drop_until(store: MongoStore, tenant: str, transactions: int) -> bool:
    """Delete a tenant, but end after so many transactions; tell whether it was enough."""
    submit: Callable[..., Awaitable[Any]] = store._writer.submit
    done = count()

    def counted(task: Any, *, alone: bool) -> Awaitable[Any]:
        if next(done) == transactions:
            raise Stopped
        return submit(task, alone=alone)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store._writer, "submit", counted)
        try:
            await store.drop_tenant(tenant)
        except Stopped:
            return False
    return True


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("tenant", ["", "town"])
async def test_wherever_a_deletion_is_broken_off_a_new_tenant_of_the_name_is_empty(
    url: str, tenant: str
) -> None:
    store = await opened(url)
    transactions, ended = 0, False
    while not ended:
        transactions += 1
        await fill(store, tenant)
        ended = await drop_until(store, tenant, transactions)
        await store.close()
        store = await opened(url)
        await create(store, entity("urn:new"), tenant=tenant)
        assert await seen(store, tenant) == NEW
        assert await store.tenants() == sorted({"", tenant})
        await store.drop_tenant(tenant)
    await store.close()
    assert transactions > 5


@pytest.fixture
async def broken_off(url: str, few: None) -> AsyncIterator[MongoStore]:
    """Return a store, open, in which the deletion of `town` was broken off."""
    store = await opened(url)
    await fill(store, "town")
    assert not await drop_until(store, "town", 2)
    yield store
    await store.close()


@pytest.mark.parametrize(
    "work",
    [
        lambda store: create(store, entity("urn:new"), tenant="town"),
        lambda store: store.outbox.create("town", "urn:new", {}),
        lambda store: store.history.record("town", [TOLD], create_tenant=True),
        lambda store: store.history.record("town", [TOLD]),
        lambda store: store.history.append("town", TOLD),
        lambda store: store.history.delete_entity("town", "urn:0"),
        lambda store: store.get("town", "urn:0"),
        lambda store: store.outbox.get("town", "urn:s"),
    ],
)
async def test_meanwhile_nobody_reads_or_writes_there(
    broken_off: MongoStore, work: Callable[[Store], Awaitable[Any]]
) -> None:
    with pytest.raises(ServiceUnavailable, match="is being deleted"):
        await work(broken_off)


async def test_meanwhile_nothing_of_it_expires(broken_off: MongoStore) -> None:
    left = {"tenant": "town", "due": {"$lte": LATER}}
    assert await broken_off._database["entities"].count_documents(left) > 0
    assert await broken_off.due(LATER) == []


async def test_meanwhile_history_goes_on_without_it(broken_off: MongoStore) -> None:
    newest = broken_off.span()[1]
    before = await broken_off._database["moments"].count_documents({})
    await broken_off.history.follow(newest, {"town": [TOLD]})
    assert broken_off.history.followed() == newest
    assert await broken_off._database["moments"].count_documents({}) == before


async def test_deleted_again_it_is_gone(broken_off: MongoStore) -> None:
    await broken_off.drop_tenant("town")
    assert await broken_off.tenants() == [""]
    assert broken_off.count()["entities"] == 0
    with pytest.raises(NonexistentTenant):
        await broken_off.drop_tenant("town")


async def test_a_broker_that_was_late_deletes_nothing_of_a_new_one(broken_off: MongoStore) -> None:
    await broken_off.drop_tenant("town")
    await create(broken_off, entity("urn:new"), tenant="town")
    await broken_off._dropping._empty("town")
    assert await seen(broken_off, "town") == NEW
