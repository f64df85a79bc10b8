"""From each member of a subscription, over the API, to what its receiver gets (§5.8.6, §7.2)."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiomqtt
import orjson
import pytest

from broker.store.memory import MemoryStore
from broker.store.outbox import Books
from broker.subscriptions.delivery.recipient import Recipient
from tests.broker.api.data import CORE, ENTITIES, V1, gauge, urn
from tests.support import free_port
from tests.support.asgi import Client, Ticking, running
from tests.support.patience import PATIENCE
from tests.support.receivers import (
    HOST,
    Got,
    Receiver,
    Reply,
    accept,
    answer,
    hang,
    mosquitto,
    receiver,
)

SUBSCRIPTIONS = f"{V1}/subscriptions"
S = "urn:ngsi-ld:Subscription:s"
ONE = f"{ENTITIES}/{urn(1)}"


class Town:
    """A broker, and a receiver that a subscription to gauges tells."""

    def __init__(self, client: Client, receiver: Receiver) -> None:
        self.client = client
        self.receiver = receiver

    async def subscribe(
        self,
        endpoint: dict[str, Any] | None = None,
        notification: dict[str, Any] | None = None,
        **members: Any,
    ) -> None:
        body = {
            "id": S,
            "type": "Subscription",
            "entities": [{"type": "Gauge"}],
            "notification": {
                "endpoint": {"uri": self.receiver.url, **(endpoint or {})},
                **(notification or {}),
            },
            **members,
        }
        made = await self.client.post(SUBSCRIPTIONS, body)
        assert made.status == 201, made.body

    async def create(self, **members: Any) -> None:
        made = await self.client.post(ENTITIES, gauge(**members))
        assert made.status == 201, made.body

    async def change(self, **attributes: Any) -> None:
        made = await self.client.patch(f"{ONE}/attrs", attributes)
        assert made.status == 204, made.body

    async def shown(self) -> dict[str, Any]:
        told: dict[str, Any] = (await self.client.get(f"{SUBSCRIPTIONS}/{S}")).json()
        return told

    async def got(self, count: int = 1) -> Got:
        return (await self.receiver.wait_for(count, 30))[count - 1]

    async def until(self, **figures: int) -> Books:
        """Return the books once they have these figures."""
        async with asyncio.timeout(PATIENCE):
            while True:
                books = await self.client.broker.store.outbox.books()
                assert books.balanced
                if all(getattr(books, name) == figure for name, figure in figures.items()):
                    return books
                await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def town(reply: Reply = accept) -> AsyncIterator[Town]:
    async with receiver(reply) as one, running(MemoryStore(clock=Ticking())) as client:
        yield Town(client, one)


TWO = [
    {"type": "Property", "value": 1.5},
    {"type": "Property", "value": 2, "datasetId": "urn:x:2"},
]
NAMES = {"type": "LanguageProperty", "languageMap": {"ja": "川", "en": "river"}}
SIMPLE = {"format": "simplified"}


@pytest.mark.parametrize(
    ("notification", "members", "told"),
    [
        ({}, {}, gauge(level={"type": "Property", "value": 1.5})),
        ({"format": "normalized"}, {}, gauge(level={"type": "Property", "value": 1.5})),
        ({"format": "concise"}, {}, gauge()),
        ({"format": "keyValues"}, {}, gauge()),
        (SIMPLE, {}, gauge()),
        ({**SIMPLE, "attributes": ["name"]}, {}, {"id": urn(1), "type": "Gauge"}),
        ({**SIMPLE, "pick": ["id", "level"]}, {}, {"id": urn(1), "level": 1.5}),
        ({**SIMPLE, "omit": ["level"]}, {}, {"id": urn(1), "type": "Gauge"}),
    ],
)
async def test_format_and_projection(
    notification: dict[str, Any], members: dict[str, Any], told: dict[str, Any]
) -> None:
    async with town() as one:
        await one.subscribe(notification=notification, **members)
        await one.create()
        assert (await one.got()).entity == told


NEWER = {
    "scope": "/a",
    "state": {"type": "VocabProperty", "vocab": "open"},
    "level": [{**each, "observedAt": "2026-01-01T00:00:00Z"} for each in TWO],
}


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("1.9", {"scope": "/a", "state": {"vocab": "open"}}),
        ("1.7", {"scope": "/a", "state": "open"}),
        ("1.3", {"state": "open"}),
    ],
)
async def test_notifications_keep_to_the_version_that_was_asked_for(
    version: str, told: dict[str, Any]
) -> None:
    async with town() as one:
        await one.subscribe(notification=SIMPLE, ngsildConformance=version)
        await one.create(**{**NEWER, "level": 1.5})
        assert (await one.got()).entity == {**gauge(), **told}
        await one.client.patch(f"{SUBSCRIPTIONS}/{S}", {"ngsildConformance": "1.0"})
        await one.change(**{name: NEWER[name] for name in ("level", "state")})
        assert (await one.got(2)).entity == {**gauge(), "state": "open"}


LINK = {"type": "Relationship", "object": urn(2)}


@pytest.mark.parametrize(
    ("notification", "told"),
    [
        (
            {"join": "inline", "pick": ["id", "next{level}"]},
            [{"id": urn(1), "next": {"level": 7}}],
        ),
        (
            {"join": "inline", "omit": ["level", "next{id,type}"]},
            [{"id": urn(1), "type": "Gauge", "next": {"level": 7}}],
        ),
        (
            {"join": "flat", "pick": ["id", "next{id}"]},
            [{"id": urn(1), "next": urn(2)}, {"id": urn(2)}],
        ),
    ],
)
async def test_a_projection_says_what_linked_entities_show(
    notification: dict[str, Any], told: list[dict[str, Any]]
) -> None:
    async with town() as one:
        await one.client.post(ENTITIES, gauge(2, level=7))
        await one.subscribe(notification={**SIMPLE, **notification})
        await one.create(next=LINK)
        assert (await one.got()).json()["data"] == told


async def test_dataset_and_language() -> None:
    async with town() as one:
        await one.subscribe(notification=SIMPLE, datasetId=["urn:x:2"])
        await one.create(level=TWO)
        assert (await one.got()).entity["level"] == 2
    async with town() as one:
        await one.subscribe(notification=SIMPLE, lang="ja")
        await one.create(name=NAMES)
        assert (await one.got()).entity["name"] == "川"


async def test_sys_attrs_and_show_changes() -> None:
    async with town() as one:
        await one.subscribe(notification={"sysAttrs": True, "showChanges": True})
        await one.create()
        await one.change(level=2)
        entity = (await one.got(2)).entity
    assert entity["level"]["value"] == 2
    assert entity["level"]["previousValue"] == 1.5
    assert entity["createdAt"] < entity["modifiedAt"]


@pytest.mark.parametrize(
    ("accept", "context"),
    [("application/json", None), ("application/ld+json", CORE)],
)
async def test_accept_and_headers_of_the_receiver(accept: str, context: str | None) -> None:
    async with town() as one:
        info = [{"key": "X-Town", "value": "Hitoyoshi"}, {"key": "Authorization", "value": "t"}]
        await one.subscribe({"accept": accept, "receiverInfo": info})
        await one.create()
        got = await one.got()
    assert got.headers["Content-Type"] == accept
    assert (got.headers["X-Town"], got.headers["Authorization"]) == ("Hitoyoshi", "t")
    assert got.entity.get("@context") == context
    assert ("Link" in got.headers) is (context is None)


async def test_geojson() -> None:
    async with town() as one:
        await one.subscribe({"accept": "application/geo+json"})
        await one.create(location={"type": "GeoProperty", "value": POINT})
        told = (await one.got()).json()["data"]
    assert told["type"] == "FeatureCollection"
    assert told["features"][0]["geometry"] == POINT


POINT = {"type": "Point", "coordinates": [130.76, 32.21]}


async def test_timeout_ends_a_try_that_hangs_and_cooldown_is_the_pause_after_it() -> None:
    async with town(hang) as one:
        await one.subscribe({"timeout": 200, "cooldown": 3_600_000})
        (stored,) = await one.client.broker.store.outbox.all()
        known = await one.client.broker.delivery.know(stored.sid)
        assert isinstance(known, Recipient)
        assert (known.timeout, known.cooldown) == (0.2, 3600)
        await one.create()
        async with asyncio.timeout(PATIENCE):
            while "timesFailed" not in (told := await one.shown())["notification"]:
                await asyncio.sleep(0.005)
    notification = told["notification"]
    assert (notification["status"], notification["timesSent"]) == ("failed", 1)
    assert "lastFailure" in notification


async def test_counters_and_status_tell_how_it_went() -> None:
    async with town(answer(410)) as one:
        await one.subscribe()
        await one.create()
        await one.until(dead=1)
        failed = (await one.shown())["notification"]
        one.receiver.reply = accept
        await one.change(level=2)
        await one.until(delivered=1)
        well = (await one.shown())["notification"]
    assert (failed["status"], failed["timesSent"], failed["timesFailed"]) == ("failed", 1, 1)
    assert (well["status"], well["timesSent"], well["timesFailed"]) == ("ok", 2, 1)
    assert well["lastNotification"] == well["lastSuccess"] > well["lastFailure"]


async def test_throttling_pause_and_expiry_keep_changes_from_the_receiver() -> None:
    async with town() as one:
        await one.subscribe(throttling=3600)
        await one.create()
        await one.change(level=2)
        assert (await one.until(delivered=1)).throttled == 1
    async with town() as one:
        await one.subscribe(isActive=False)
        await one.create()
        assert (await one.shown())["status"] == "paused"
        await one.client.patch(f"{SUBSCRIPTIONS}/{S}", {"isActive": True})
        await one.change(level=2)
        assert (await one.got()).entity["level"]["value"] == 2
        assert (await one.until(delivered=1)).queued == 1


async def test_time_interval_tells_all_that_fits() -> None:
    async with town() as one:
        await one.create()
        await one.client.post(ENTITIES, gauge(2, level=7))
        await one.client.post(ENTITIES, gauge(3, level=0))
        await one.subscribe(notification=SIMPLE, timeInterval=1, q="level>0")
        told = (await one.got()).json()["data"]
    assert told == [gauge(), gauge(2, level=7)]


@pytest.mark.parametrize("version", ["mqtt3.1.1", "mqtt5.0"])
@pytest.mark.parametrize("qos", ["0", "1", "2"])
async def test_mqtt_in_each_version_and_quality(tmp_path: Path, version: str, qos: str) -> None:
    port = free_port()
    async with (
        mosquitto(port, tmp_path),
        aiomqtt.Client(HOST, port) as subscriber,
        town() as one,
    ):
        await subscriber.subscribe("town/#", qos=2)
        endpoint = {
            "uri": f"mqtt://{HOST}:{port}/town/gauges",
            "notifierInfo": [
                {"key": "MQTT-Version", "value": version},
                {"key": "MQTT-QoS", "value": qos},
            ],
            "receiverInfo": [{"key": "X-Town", "value": "Hitoyoshi"}],
        }
        await one.subscribe(endpoint)
        await one.create()
        async with asyncio.timeout(PATIENCE):
            message = await anext(subscriber.messages)
        await one.until(delivered=1)
    assert (str(message.topic), message.qos) == ("town/gauges", int(qos))
    told = orjson.loads(message.payload)
    assert told["metadata"]["X-Town"] == "Hitoyoshi"
    assert told["body"]["data"][0]["id"] == urn(1)
