"""`/csourceSubscriptions`, and what they are told of registrations (§5.11)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from broker.errors import Forbidden
from broker.guard import Action, Caller, OpenGuard
from broker.store.contract import Store
from broker.store.memory import MemoryStore
from broker.store.outbox import Outcome, Settlement
from broker.store.sqlite import SqliteStore
from tests.broker.api.data import ENTITIES, V1, gauge, refusal
from tests.broker.registry.sources import REGISTRATIONS, about, at, register, source
from tests.broker.registry.sources import urn as registration
from tests.support.asgi import Client, Ticking, running
from tests.support.patience import PATIENCE
from tests.support.receivers import Receiver, receiver
from tests.support.tripwire import TripwireGuard

SUBSCRIPTIONS = f"{V1}/csourceSubscriptions"
S = "urn:ngsi-ld:Subscription:1"
ONE = f"{SUBSCRIPTIONS}/{S}"


def subscription(uri: str = "http://localhost:9/", **members: Any) -> dict[str, Any]:
    """Return a subscription to registrations of sources of gauges."""
    return {
        "id": S,
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": {"uri": uri}},
        **members,
    }


async def settled(client: Client) -> None:
    """Wait until nothing waits any more."""
    outbox = client.broker.store.outbox
    async with asyncio.timeout(PATIENCE):
        while (await outbox.books()).waiting:
            await asyncio.sleep(0.001)
    assert (await outbox.books()).balanced


async def told(client: Client, where: Receiver) -> list[tuple[str, list[str]]]:
    """Return reasons and numbers of the registrations that a receiver was told of."""
    await settled(client)
    bodies = [orjson.loads(one.body) for one in where.got]
    return [
        (body["triggerReason"], [one["id"].rpartition(":")[2] for one in body["data"]])
        for body in bodies
    ]


async def test_a_subscription_is_returned_as_it_was_sent(client: Client) -> None:
    temporal = {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z", "timeproperty": "createdAt"}
    sent = subscription(
        temporalQ=temporal, csf='basin=="Kuma"', scopeQ="/a", watchedAttributes=["level"]
    )
    answer = await client.post(SUBSCRIPTIONS, sent)
    assert (answer.status, answer.header("location")) == (201, ONE)
    kept = (await client.get(ONE)).json()
    assert kept.items() >= sent.items()
    assert kept.keys() - sent.keys() == {"status", "jsonldContext"}
    assert (await client.get(SUBSCRIPTIONS)).json() == [kept]
    assert (await client.patch(ONE, {"isActive": False})).status == 204
    assert (await client.get(ONE)).json()["status"] == "paused"
    assert (await client.delete(ONE)).status == 204
    assert (await client.get(ONE)).status == 404


async def test_subscriptions_to_entities_are_elsewhere(client: Client) -> None:
    others = f"{V1}/subscriptions"
    await client.post(SUBSCRIPTIONS, subscription())
    assert (await client.get(others)).json() == []
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"isActive": False})):
        answer = await client.request(method, f"{others}/{S}", json=body or {})
        assert answer.status == 404
    assert refusal(await client.post(others, subscription()))[:2] == (409, "AlreadyExists")
    await client.post(others, subscription(id="urn:ngsi-ld:Subscription:2"))
    assert [one["id"] for one in (await client.get(SUBSCRIPTIONS)).json()] == [S]


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"temporalQ": {"timerel": "after"}}, "/temporalQ/timeAt"),
        ({"temporalQ": 5}, "/temporalQ"),
        ({"csf": "a=="}, "/csf"),
        (
            {"notification": {"endpoint": {"uri": "http://x/", "accept": "application/geo+json"}}},
            "/notification/endpoint/accept",
        ),
        ({"watchedAttributes": []}, "/watchedAttributes"),
    ],
    ids=str,
)
async def test_what_means_nothing_is_refused(
    quick: Client, members: dict[str, Any], place: str
) -> None:
    answer = await quick.post(SUBSCRIPTIONS, subscription(**members))
    assert refusal(answer) == (400, "BadRequestData", "body:" + place)


async def test_it_is_told_of_what_matches_at_once_and_of_each_change(client: Client) -> None:
    async with receiver() as where:
        await register(client, source(1), source(2, about(type="Other")))
        await client.post(SUBSCRIPTIONS, subscription(where.url))
        await register(client, source(3), source(4, about(type="Other")))
        await client.patch(at(1), {"scope": "/a"})
        await client.patch(at(2), {"information": [about(type="Gauge")]})
        await client.patch(at(3), {"information": [about(type="Other")]})
        await client.patch(at(4), {"scope": "/a"})
        await client.delete(at(1))
        await client.delete(at(3))
        assert await told(client, where) == [
            ("newlyMatching", ["1"]),
            ("newlyMatching", ["3"]),
            ("updated", ["1"]),
            ("newlyMatching", ["2"]),
            ("noLongerMatching", ["3"]),
            ("noLongerMatching", ["1"]),
        ]


async def test_a_notification_has_the_form_of_the_specification(client: Client) -> None:
    async with receiver() as where:
        await register(client, source(1, about("level", type="Gauge"), about(type="Other")))
        await client.post(SUBSCRIPTIONS, subscription(where.url))
        await settled(client)
        (got,) = where.got
    body = orjson.loads(got.body)
    assert body.keys() == {
        "id", "type", "subscriptionId", "notifiedAt", "triggerReason", "data",
    }  # fmt: skip
    assert (body["type"], body["subscriptionId"]) == ("ContextSourceNotification", S)
    assert body["data"] == [source(1, about("level", type="Gauge"))]
    notification = (await client.get(ONE)).json()["notification"]
    assert (notification["status"], notification["timesSent"]) == ("ok", 1)


async def test_json_ld_carries_the_context(client: Client) -> None:
    async with receiver() as where:
        endpoint = {"uri": where.url, "accept": "application/ld+json"}
        sent = subscription(notification={"endpoint": endpoint, "sysAttrs": True})
        await client.post(SUBSCRIPTIONS, sent)
        await register(client, source(1))
        await settled(client)
        (got,) = where.got
    (one,) = orjson.loads(got.body)["data"]
    assert one.keys() - source(1).keys() == {"@context", "createdAt", "modifiedAt"}


@pytest.mark.parametrize(
    ("members", "numbers"),
    [
        ({}, ["1", "2"]),
        ({"entities": [{"type": "*", "id": "urn:ngsi-ld:Gauge:1"}]}, ["1", "2", "4"]),
        ({"watchedAttributes": ["rain"]}, ["1", "2"]),
        (
            {
                "watchedAttributes": ["rain"],
                "notification": {"attributes": ["wind"]},
            },
            ["1"],
        ),
        ({"csf": 'basin=="Kuma"'}, ["2"]),
        ({"scopeQ": "/a/#"}, ["1"]),
        ({"temporalQ": {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}}, ["3"]),
        (
            {
                "geoQ": {
                    "georel": "near;maxDistance==2000",
                    "geometry": "Point",
                    "coordinates": [130.75, 32.2],
                }
            },
            ["2"],
        ),
    ],
    ids=str,
)
async def test_it_is_told_of_what_it_asks_for(
    quick: Client, members: dict[str, Any], numbers: list[str]
) -> None:
    async with receiver() as where:
        here = {"type": "Point", "coordinates": [130.75, 32.2]}
        await register(
            quick,
            source(1, scope="/a/b"),
            source(2, about("level", type="Gauge"), basin="Kuma", location=here),
            source(3, observationInterval={"startAt": "2020-01-01T00:00:00Z"}),
            source(4, about(type="Other", idPattern="Gauge")),
        )
        sent = subscription(where.url, **members)
        sent["notification"] = {**sent["notification"], "endpoint": {"uri": where.url}}
        await quick.post(SUBSCRIPTIONS, sent)
        assert await told(quick, where) == [("newlyMatching", numbers)]


async def test_a_changed_subscription_is_told_of_all_that_matches(client: Client) -> None:
    async with receiver() as where:
        await client.post(SUBSCRIPTIONS, subscription(where.url))
        await register(client, source(1, about(type="A")), source(2, about(type="B")))
        await client.patch(ONE, {"entities": [{"type": "A"}, {"type": "B"}]})
        await client.patch(ONE, {"entities": [{"type": "C"}]})
        assert await told(client, where) == [("newlyMatching", ["1", "2"])]


async def test_what_is_paused_or_has_expired_is_told_of_nothing(store: Store) -> None:
    clock = Ticking()
    async with receiver() as where, running(store, clock=clock) as client:
        await register(client, source(1))
        await client.post(SUBSCRIPTIONS, subscription(where.url, isActive=False))
        other = subscription(
            where.url, id="urn:ngsi-ld:Subscription:2", expiresAt="2026-01-02T04:00:00Z"
        )
        await client.post(SUBSCRIPTIONS, other)
        assert await told(client, where) == [("newlyMatching", ["1"])]
        clock.advance(hours=1)
        await register(client, source(2))
        assert await told(client, where) == [("newlyMatching", ["1"])]


async def test_it_is_told_of_expiry(store: Store) -> None:
    clock = Ticking()
    async with receiver() as where, running(store, clock=clock) as client:
        await client.post(SUBSCRIPTIONS, subscription(where.url))
        await register(client, source(1, expiresAt="2026-01-02T04:00:00Z"))
        clock.advance(hours=1)
        await client.broker.registrations.sweep()
        assert await told(client, where) == [
            ("newlyMatching", ["1"]),
            ("noLongerMatching", ["1"]),
        ]


async def test_at_intervals_it_is_told_of_all_that_match(client: Client) -> None:
    async with receiver() as where:
        await register(client, source(1))
        await client.post(SUBSCRIPTIONS, subscription(where.url, timeInterval=1))
        async with asyncio.timeout(PATIENCE):
            while len(where.got) < 2:
                await asyncio.sleep(0.01)
        await register(client, source(2))
        reasons = await told(client, where)
    assert reasons[:2] == [("newlyMatching", ["1"])] * 2


async def test_other_tenants_registrations_and_entities_are_not_told_of(client: Client) -> None:
    async with receiver() as where:
        await client.post(SUBSCRIPTIONS, subscription(where.url))
        await client.post(REGISTRATIONS, source(1), {"ngsild-tenant": "town"})
        await client.post(ENTITIES, gauge(1))
        assert await told(client, where) == []


async def test_a_refused_registration_is_not_told_of(client: Client) -> None:
    information = about("level", type="Gauge", id="urn:ngsi-ld:Gauge:1")
    async with receiver() as where:
        await register(client, source(1, information, mode="exclusive"))
        await client.post(SUBSCRIPTIONS, subscription(where.url))
        answer = await client.post(REGISTRATIONS, source(2, information, mode="exclusive"))
        assert answer.status == 409
        assert await told(client, where) == [("newlyMatching", ["1"])]


async def test_what_waits_survives_a_restart(tmp_path: Path) -> None:
    clock = Ticking()
    store = SqliteStore(tmp_path, clock=clock)
    async with running(store, clock=clock) as client:
        await client.broker.delivery.close()
        await register(client, source(1, basin="Kuma"))
        await client.post(SUBSCRIPTIONS, subscription())
        await client.patch(at(1), {"basin": "Kawabe"})
    async with running(store, clock=clock) as client:
        await client.broker.delivery.close()
        outbox = client.broker.store.outbox
        stored = await outbox.get("", S)
        assert stored is not None
        assert stored.kind == "csource"
        rows = await outbox.waiting(stored.sid)
        kept = [row.notice for row in rows]
        assert [one["triggerReason"] for one in kept if one] == ["newlyMatching", "updated"]
        assert [one["registrations"][0]["members"]["id"] for one in kept if one] == [
            registration(1)
        ] * 2
        assert (await outbox.books(stored.sid)).waiting == 2


async def test_keys_to_a_source_are_told_to_administrators_only() -> None:
    store = MemoryStore(clock=Ticking())
    secret = [{"key": "Authorization", "value": "secret"}]
    async with receiver() as where:
        async with running(store) as client:
            await register(client, source(1, contextSourceInfo=secret))
            await client.post(SUBSCRIPTIONS, subscription(where.url))
            await settled(client)
        async with running(store, guard=TripwireGuard()) as client:
            sent = subscription(where.url, id="urn:ngsi-ld:Subscription:2")
            assert (await client.post(SUBSCRIPTIONS, sent)).status == 201
            assert (await client.get(SUBSCRIPTIONS)).json()[0]["id"] == sent["id"]
            assert (await client.get(ONE)).status == 404
            await settled(client)
        open_told, guarded = [orjson.loads(one.body)["data"] for one in where.got]
    assert open_told == [source(1, contextSourceInfo=secret)]
    assert guarded == [source(1)]


class Closing(OpenGuard):
    """Refuses reading from a moment on."""

    transparent = False
    closed = False

    def allow(self, caller: Caller, tenant: str, action: Action, entity_id: str | None) -> None:
        if self.closed and action is Action.READ:
            raise Forbidden("No more.", place="caller", remedy="None.")


async def test_who_may_no_longer_read_is_told_of_no_registration() -> None:
    guard = Closing()
    async with receiver() as where, running(MemoryStore(clock=Ticking()), guard=guard) as client:
        await register(client, source(1))
        await client.post(SUBSCRIPTIONS, subscription(where.url))
        await settled(client)
        guard.closed = True
        assert (await client.patch(at(1), {"mode": "redirect"})).status == 204
        await settled(client)
        assert (await client.broker.store.outbox.books()).withheld == 1
    assert len(where.got) == 1


async def test_a_dead_letter_says_why_it_was_due(client: Client) -> None:
    await client.broker.delivery.close()
    await register(client, source(1))
    await client.post(SUBSCRIPTIONS, subscription())
    outbox = client.broker.store.outbox
    stored = await outbox.get("", S)
    assert stored is not None
    rows = await outbox.waiting(stored.sid)
    await outbox.settle([Settlement(stored.sid, rows[0].seq, Outcome.DEAD, "", 1, "Refused.")])
    letters = (await client.get(f"/ngsi-ld/ex/v1/dead-letters?subscriptionId={S}")).json()
    assert [one["triggerReason"] for one in letters] == ["newlyMatching"]
    shown = await client.get(f"/ngsi-ld/ex/v1/dead-letters/{letters[0]['id']}")
    assert shown.json()["notification"]["data"] == [source(1)]
