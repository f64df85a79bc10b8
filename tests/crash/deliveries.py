"""Twenty subscriptions on receivers that fail, hang and restart, held against the change feed."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import orjson
from aiohttp import web
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.crash.feed import Follower
from tests.crash.http import Api
from tests.crash.model import ACCOUNT, ITEM, TRANSFER
from tests.crash.tally import Tally
from tests.support import free_port
from tests.support.receivers import HOST, Got, Receiver, listening
from tests.support.tools import require_tool

SUBSCRIPTIONS = 20
OVER_MQTT = 6
TIMEOUT_MS = 300
PATIENCE = 240.0
"""Seconds for everything to arrive once all receivers are well."""

TRIGGERS = ["entityCreated", "entityUpdated", "entityDeleted"]
Change = tuple[str, str]
"""An entity and the time of its change: no two changes of an entity have one time."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One notification as it came."""

    change: Change
    id: str
    attempt: int


@dataclass(slots=True)
class Deliveries:
    """The receivers of a run and what came to them, by subscription."""

    folder: Path
    draw: Random
    tally: Tally
    got: dict[str, list[Arrival]] = field(default_factory=dict)
    well: bool = False
    _http: list[Receiver] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _mqtt_port: int = 0
    _mqtt: mqtt.Client | None = None
    _mosquitto: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the receivers, and what disturbs them."""
        for reply in (self._good, self._flaky, self._hanging, self._good, self._closing):
            one = Receiver(reply=reply)
            await one.start()
            self._http.append(one)
        self._mqtt_port = free_port()
        await self._start_mosquitto()
        self._mqtt = self._listen()
        self._tasks = [
            asyncio.create_task(self._restart_http(self._http[3])),
            asyncio.create_task(self._restart_mosquitto()),
        ]

    async def stop(self) -> None:
        """Stop all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._mqtt is not None:
            await asyncio.to_thread(self._mqtt.loop_stop)
        for one in self._http:
            await one.end()
        await self._stop_mosquitto()

    async def subscribe(self, api: Api) -> None:
        """Create the subscriptions."""
        for number in range(SUBSCRIPTIONS):
            name = str(number)
            self.got[name] = []
            body = {
                "id": f"urn:ngsi-ld:Subscription:{name}",
                "type": "Subscription",
                "entities": [_selector(number)],
                "notificationTrigger": TRIGGERS,
                "notification": {"endpoint": self._endpoint(number), "sysAttrs": number % 2 == 0},
            }
            await api.call("POST", "/ngsi-ld/v1/subscriptions", body)

    async def check_books(self, api: Api) -> list[str]:
        """Return where the books do not balance."""
        told = await _books(api)
        accounts = [told["all"], *(one["books"] for one in told["subscriptions"])]
        self.tally.add("balances", len(accounts))
        return [f"the books do not balance: {books}" for books in accounts if not _balances(books)]

    async def drain(self, api: Api) -> list[str]:
        """Let all receivers be well, wait until nothing waits, and return what is wrong then."""
        self.well = True
        end = asyncio.get_running_loop().time() + PATIENCE
        while (books := (await _books(api))["all"])["waiting"]:
            if asyncio.get_running_loop().time() > end:
                return [f"still waiting after {PATIENCE:.0f} s: {books}"]
            await asyncio.sleep(0.2)
        await asyncio.sleep(1.0)
        ends = ("dead", "expired", "cancelled", "withheld", "superseded")
        lost = {name: books[name] for name in ends}
        return [f"not all were delivered: {lost}"] if any(lost.values()) else []

    def check(self, follower: Follower) -> list[str]:
        """Hold what came against the change feed: all of it, in order, repeats marked."""
        wrong: list[str] = []
        for name, arrivals in self.got.items():
            due = [change for change in follower.log if _concerns(int(name), change[0])]
            wrong += [f"subscription {name}: {text}" for text in compare(due, arrivals)]
            self.tally.add("notifications due", len(due))
            self.tally.add("notifications that came", len(arrivals))
            self.tally.add("of these repeats", len(arrivals) - len(due))
        return wrong

    def _endpoint(self, number: int) -> dict[str, Any]:
        if number < SUBSCRIPTIONS - OVER_MQTT:
            uri = self._http[number % len(self._http)].url.replace("/notify", f"/{number}")
            return {"uri": uri, "timeout": TIMEOUT_MS}
        info = {"MQTT-QoS": str(1 + number % 2)}
        if number % 3:
            info["MQTT-Version"] = "mqtt3.1.1"
        return {
            "uri": f"mqtt://{HOST}:{self._mqtt_port}/crash/{number}",
            "timeout": 5 * TIMEOUT_MS,
            "notifierInfo": [{"key": key, "value": value} for key, value in info.items()],
        }

    def _came(self, got: Got) -> None:
        arrival = _arrival(got.json(), got.headers.get("Machi-Attempt"))
        self.got[got.path.strip("/")].append(arrival)

    async def _good(self, got: Got) -> web.StreamResponse:
        self._came(got)
        return web.Response()

    async def _flaky(self, got: Got) -> web.StreamResponse:
        self._came(got)
        failing = not self.well and self.draw.random() < 0.02
        return web.Response(status=self.draw.choice([500, 503, 429]) if failing else 200)

    async def _hanging(self, got: Got) -> web.StreamResponse:
        self._came(got)
        if not self.well and self.draw.random() < 0.01:
            await asyncio.sleep(3 * TIMEOUT_MS / 1000)
        return web.Response()

    async def _closing(self, got: Got) -> web.StreamResponse:
        self._came(got)
        if not self.well and self.draw.random() < 0.01:
            raise ConnectionResetError
        return web.Response()

    async def _restart_http(self, one: Receiver) -> None:
        while True:
            await asyncio.sleep(self.draw.uniform(0.5, 3.0))
            if not self.well:
                await one.stop()
                await asyncio.sleep(self.draw.uniform(0.0, 0.5))
                await one.start()
                self.tally.add("restarts of receivers")

    async def _restart_mosquitto(self) -> None:
        while True:
            await asyncio.sleep(self.draw.uniform(3.0, 8.0))
            if not self.well:
                await self._stop_mosquitto()
                await asyncio.sleep(self.draw.uniform(0.0, 0.5))
                await self._start_mosquitto()
                self.tally.add("restarts of receivers")

    async def _start_mosquitto(self) -> None:
        config = self.folder / "mosquitto.conf"
        lines = [
            "user root", f"listener {self._mqtt_port} {HOST}", "allow_anonymous true",
            "persistence true", f"persistence_location {self.folder}/", "max_queued_messages 0",
        ]  # fmt: skip
        config.write_text("\n".join(lines) + "\n")
        quiet = asyncio.subprocess.DEVNULL
        self._mosquitto = await asyncio.create_subprocess_exec(
            require_tool("mosquitto"), "-c", str(config), stdout=quiet, stderr=quiet
        )
        await listening(self._mqtt_port)

    async def _stop_mosquitto(self) -> None:
        if self._mosquitto is not None:
            with contextlib.suppress(ProcessLookupError):
                self._mosquitto.terminate()
            await self._mosquitto.wait()

    def _listen(self) -> mqtt.Client:
        """Take what comes over MQTT, in a session that outlives Mosquitto's restarts."""
        loop = asyncio.get_running_loop()
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, "crash", clean_session=False, protocol=mqtt.MQTTv311
        )
        heard = self._heard

        def connected(one: mqtt.Client, *told: Any) -> None:
            one.subscribe("crash/+", qos=2)

        def came(one: mqtt.Client, told: Any, message: mqtt.MQTTMessage) -> None:
            loop.call_soon_threadsafe(heard, message)

        client.on_connect = connected
        client.on_message = came
        client.reconnect_delay_set(1, 1)
        client.connect_async(HOST, self._mqtt_port)
        client.loop_start()
        return client

    def _heard(self, message: mqtt.MQTTMessage) -> None:
        """Take a message. What Mosquitto itself repeats (DUP) is no repeat of the broker's."""
        told = orjson.loads(message.payload)
        name = message.topic.removeprefix("crash/")
        arrival = _arrival(told["body"], told["metadata"].get("Machi-Attempt"))
        if not (message.dup and arrival in self.got[name]):
            self.got[name].append(arrival)


def _arrival(body: dict[str, Any], attempt: str | None) -> Arrival:
    change = (body["data"][0]["id"], body["notifiedAt"])
    return Arrival(change, body["id"], int(attempt or 1))


def compare(due: list[Change], arrivals: Iterable[Arrival]) -> list[str]:
    """Hold arrivals against what was due; return what is wrong (pure)."""
    wrong: list[str] = []
    ids: dict[Change, str] = {}
    for arrival in arrivals:
        known = ids.get(arrival.change)
        if known is None:
            ids[arrival.change] = arrival.id
        elif known != arrival.id:
            wrong.append(f"{arrival.change} came as {known} and as {arrival.id}")
        elif arrival.attempt < 2:
            wrong.append(f"{arrival.change} came again and does not say so")
    if len(set(ids.values())) != len(ids):
        wrong.append("two changes came under one id")
    wrong += [f"{change} never came" for change in due if change not in ids][:5]
    wrong += [f"{change} was not due" for change in ids.keys() - set(due)][:5]
    wanted = set(due)
    order = [change for change in ids if change in wanted]
    if not wrong and order != due:
        place = next(n for n, (a, b) in enumerate(zip(order, due, strict=True)) if a != b)
        wrong.append(f"out of order: {order[place]} came where {due[place]} was due")
    return wrong


def _selector(number: int) -> dict[str, str]:
    kind, client = _part(number)
    pattern = f"^urn:ngsi-ld:{kind}:{client}"
    return {"type": kind, "idPattern": pattern}


def _part(number: int) -> tuple[str, str]:
    """Return the type, and the beginning of the ids behind it, a subscription is about."""
    if number < 14:
        return ITEM, f"c{number % 8}:"
    if number < 18:
        return TRANSFER, f"c{number % 8}:"
    return ACCOUNT, str(number - 18)


def _concerns(number: int, entity_id: str) -> bool:
    kind, client = _part(number)
    return entity_id.startswith(f"urn:ngsi-ld:{kind}:{client}")


async def _books(api: Api) -> dict[str, Any]:
    _, answer = await api.call("GET", f"/ngsi-ld/ex/v1/books?limit={SUBSCRIPTIONS}")
    found: dict[str, Any] = orjson.loads(answer)
    return found


def _balances(books: dict[str, Any]) -> bool:
    ends = ("delivered", "dead", "expired", "cancelled", "withheld", "superseded", "waiting")
    return bool(books["balanced"] and books["queued"] == sum(books[name] for name in ends))
