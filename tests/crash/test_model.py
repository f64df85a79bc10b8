"""The judge of the crash runs sees what it must see."""

from random import Random

import pytest

from tests.crash.model import Client, Kind, State


@pytest.fixture
def client() -> Client:
    """Give a client with some items, nothing in doubt."""
    client = Client("c0", Random(3))
    for _ in range(60):
        client.next()
        client.settle(done=True)
    return client


def stored(client: Client) -> State:
    """Return what a store that lost nothing holds."""
    return {i: dict(attrs) for i, attrs in (client.items | client.transfers).items()}


def in_doubt(client: Client, kind: Kind) -> None:
    """Leave a request of a kind unanswered."""
    while client.next().kind is not kind:
        client.settle(done=True)


def test_a_store_that_lost_nothing_is_found_right(client: Client) -> None:
    assert client.reconcile(stored(client)) == []


def test_a_lost_entity_is_seen(client: Client) -> None:
    found = stored(client)
    del found[next(iter(found))]
    assert client.reconcile(found)


def test_an_older_state_of_an_entity_is_seen(client: Client) -> None:
    before = stored(client)
    in_doubt(client, Kind.PATCH)
    assert client.doubt is not None
    changed = next(iter(client.doubt.after))
    client.settle(done=True)
    found = stored(client)
    found[changed] = before.get(changed, {"step": 0})
    assert client.reconcile(found)


def test_a_deleted_entity_that_came_back_is_seen(client: Client) -> None:
    in_doubt(client, Kind.DELETE)
    assert client.doubt is not None
    gone, attrs = next(iter(client.doubt.before.items()))
    client.settle(done=True)
    assert attrs is not None
    assert client.reconcile(stored(client) | {gone: attrs})


@pytest.mark.parametrize("kind", list(Kind))
def test_an_unanswered_request_may_have_happened_or_not(kind: Kind) -> None:
    for happened in (True, False):
        client = Client("c0", Random(5))
        in_doubt(client, kind)
        found = stored(client)
        assert client.doubt is not None
        if happened:
            found.update({i: a for i, a in client.doubt.after.items() if a is not None})
            for gone in [i for i, a in client.doubt.after.items() if a is None]:
                del found[gone]
        assert client.reconcile(found) == []
        assert stored(client) == found


def test_a_half_applied_transaction_is_seen(client: Client) -> None:
    in_doubt(client, Kind.SEVERAL)
    found = stored(client)
    assert client.doubt is not None
    created = next(i for i, attrs in client.doubt.before.items() if attrs is None)
    found[created] = client.doubt.after[created] or {}
    assert "half-applied" in client.reconcile(found)[0]


def test_a_batch_may_be_half_applied_but_not_torn(client: Client) -> None:
    in_doubt(client, Kind.UPSERT)
    assert client.doubt is not None
    found = stored(client)
    first = next(i for i, attrs in client.doubt.before.items() if attrs is not None)
    found[first] = client.doubt.after[first] or {}
    assert client.reconcile(found) == []
    in_doubt(client, Kind.UPSERT)
    assert client.doubt is not None
    first = next(i for i, attrs in client.doubt.before.items() if attrs is not None)
    found = stored(client)
    found[first] = {**found[first], "size": -1}
    assert "torn" in client.reconcile(found)[0]
