"""What a tenant has beside its entities (`broker.store.contract.Resource`), on each engine."""

import pytest

from broker.errors import NonexistentTenant
from broker.store.contract import Resource, Store, Tx
from tests.broker.store.helpers import create, entity


async def keep(store: Store, *resources: Resource, tenant: str = "") -> None:
    """Store resources in one unit of work."""

    async def work(tx: Tx) -> None:
        for each in resources:
            await tx.put_resource(each)

    await store.write(tenant, work, create_tenant=True)


async def test_resources_are_told_apart_by_tenant_kind_and_id(store: Store) -> None:
    older, newer = Resource("context", "b", "1", b"{}"), Resource("context", "a", "2", b"[]")
    other, elsewhere = Resource("other", "a", "0", b"1"), Resource("context", "a", "0", b"2")
    await keep(store, newer, older, other)
    await keep(store, elsewhere, tenant="town")
    assert await store.resources("", "context") == [older, newer]
    assert await store.resource("", "other", "a") == other
    assert await store.resource("town", "context", "a") == elsewhere
    assert await store.resource("town", "other", "a") is None
    with pytest.raises(NonexistentTenant):
        await store.resources("nowhere", "context")


async def test_resources_are_replaced_and_deleted_in_a_unit_of_work(store: Store) -> None:
    first, second = Resource("context", "a", "1", b"1"), Resource("context", "a", "1", b"2")
    await keep(store, first)

    async def work(tx: Tx) -> list[object]:
        seen: list[object] = [await tx.resource("context", "a")]
        await tx.put_resource(second)
        seen += [await tx.resource("context", "a"), await tx.delete_resource("context", "a")]
        return [*seen, await tx.delete_resource("context", "a")]

    assert await store.write("", work) == [first, second, True, False]
    assert await store.resource("", "context", "a") is None


async def test_a_unit_of_work_that_fails_leaves_resources_as_they_were(store: Store) -> None:
    async def work(tx: Tx) -> None:
        await tx.put_resource(Resource("context", "a", "1", b"1"))
        raise ValueError

    with pytest.raises(ValueError):
        await store.write("", work)
    assert await store.resources("", "context") == []


async def test_a_dropped_tenant_takes_its_resources_along(store: Store) -> None:
    await keep(store, Resource("context", "a", "1", b"1"), tenant="town")
    await store.drop_tenant("town")
    await create(store, entity(), tenant="town")
    assert await store.resources("town", "context") == []
