"""Play a flood into the drill tenant, on the wire: uplinks over MQTT, at N times the speed.

The measurements keep the times of the flood. Everything that shows the drill says 【訓練】.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

import aiomqtt

from adapters.common.mqtt_client import MqttClient
from adapters.contract import Message
from adapters.river_gauge.fake import FakeGauge
from apps.alerts.cursor import CURSOR_ID, cursor_from
from apps.alerts.stage import NORMAL
from apps.portal.texts import light_words
from broker.client import Client, ClientError, Entity, NotFound, Retry, observed_at, value
from machi.errors import NotReachable
from machi.flood import FloodSample
from machi.key import key_for
from machi.seed.parts import urn
from machi.seed.plant import reset_drill
from machi.seed.town import DRILL_ID, gauges

JST = timezone(timedelta(hours=9))
MARK = "【訓練】"
SETTLE = 20.0
PROGRESS = timedelta(minutes=10)
SHOWN = "hitoyoshi"
LIGHT = urn("IlluminationControl", "mizunote")

Publish = Callable[[Message], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Transition:
    """A stage as the broker showed it: the step, the river's time, the level in metres."""

    step: str
    at: datetime
    level: float
    colour: str
    effect: str


@dataclass(slots=True)
class Replay:
    """One play of a flood. `monotonic` and `sleep` are replaceable for tests.

    `patience` is how many seconds the chain has, after the last level was sent, to take it.
    """

    drill: Client
    publish: Publish
    samples: list[FloodSample]
    speed: float
    say: Callable[[str], None]
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    patience: float = SETTLE
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    transitions: list[Transition] = field(default_factory=list)

    async def play(self) -> list[Transition]:
        """Reset the drill, send every sample at its time, and return the stages seen."""
        begun = datetime.now(UTC)
        await reset_drill(self.drill, self.run, [self._drill_entity("running", begun)], begun)
        watcher = asyncio.create_task(self._watch())
        try:
            await self._send()
            await self._settle()
            state = "finished"
        except BaseException:
            state = "stopped"
            raise
        finally:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
            await self._end(state, begun)
        return self.transitions

    async def _send(self) -> None:
        devices = {g.local: FakeGauge(g.drill_dev_eui, g.local, g.sensor_height) for g in gauges()}
        zero, first = self.monotonic(), self.samples[0].at
        told: datetime | None = None
        last = self._last_shown()
        for sample in self.samples:
            pause = (sample.at - first).total_seconds() / self.speed - (self.monotonic() - zero)
            if pause > 0:
                await self.sleep(pause)
            tags = {"run": self.run, "provenance": sample.provenance, "scenario": "kuma-2020"}
            text = sample.at.isoformat()
            message = devices[sample.station].message(
                text, level=sample.level, battery=100, tags=tags
            )
            await self.publish(message)
            if sample.station != SHOWN:
                continue
            if sample.at == last:
                self.say(f"{_line(sample)}; the gauge sends nothing after this")
            elif told is None or sample.at - told >= PROGRESS:
                told = sample.at
                self.say(_line(sample))

    async def _settle(self) -> None:
        """Wait until the alerts app has taken the last sample of the shown station."""
        last = self._last_shown()
        deadline = self.monotonic() + self.patience
        while last is not None and not await self._taken(last):
            if self.monotonic() > deadline:
                self.say(
                    f"{MARK} The last levels did not reach the alerts app within "
                    f"{self.patience:g} s. Are the gauge adapter and the alerts app running?"
                )
                break
            await self.sleep(0.1)
        await self._turned(await self.drill.retrieve(LIGHT))

    def _last_shown(self) -> datetime | None:
        return max((s.at for s in self.samples if s.station == SHOWN), default=None)

    async def _taken(self, last: datetime) -> bool:
        try:
            cursor = cursor_from(await self.drill.retrieve(CURSOR_ID), "")
        except NotFound:
            return False
        watch = cursor.watches.get(urn("RiverLevelStation", SHOWN))
        return (
            watch is not None
            and watch.run == self.run
            and watch.state.last is not None
            and watch.state.last >= last
        )

    async def _watch(self) -> None:
        async for event in self.drill.stream(type="IlluminationControl", id=LIGHT):
            if event.entity is not None:
                await self._turned(event.entity)

    async def _turned(self, light: Entity) -> None:
        step, since = value(light, "step"), observed_at(light, "step")
        known = self.transitions[-1].step if self.transitions else NORMAL
        if since is None or step == known:
            return
        turned = Transition(
            step,
            datetime.fromisoformat(since),
            self._level_at(datetime.fromisoformat(since)),
            value(light, "colour"),
            value(light, "effect"),
        )
        self.transitions.append(turned)
        self.say(
            f"{MARK} {_clock(turned.at)}  人吉 {turned.level:5.2f} m  {turned.step}: "
            f"the bridge light turns {light_words(turned.colour, turned.effect, 'en')}"
        )

    def _level_at(self, at: datetime) -> float:
        return next(
            (s.level for s in self.samples if s.station == SHOWN and s.at == at), float("nan")
        )

    async def _end(self, state: str, begun: datetime) -> None:
        """Show the drill as ended, unless another play has begun in its place."""
        with contextlib.suppress(ClientError):
            shown, version = await self.drill.retrieve_with_version(DRILL_ID)
            if value(shown, "run") != self.run:
                self.say(f"{MARK} Another play has begun; this one is over.")
                return
            entity = self._drill_entity(state, begun)
            await self.drill.transactions([{"op": "replace", "entity": entity, "ifMatch": version}])

    def _drill_entity(self, state: str, begun: datetime) -> Entity:
        first, last = self.samples[0].at, self.samples[-1].at
        length = (last - first).total_seconds() / self.speed
        return {
            "id": DRILL_ID,
            "type": "Drill",
            "scenario": {"type": "Property", "value": "kuma-2020"},
            "run": {"type": "Property", "value": self.run},
            "drillState": {"type": "Property", "value": state},
            "startedAt": {"type": "Property", "value": begun.isoformat()},
            "expectedEnd": {
                "type": "Property",
                "value": (begun + timedelta(seconds=length + SETTLE)).isoformat(),
            },
            "playedFrom": {"type": "Property", "value": first.isoformat()},
            "playedUntil": {"type": "Property", "value": last.isoformat()},
            "speed": {"type": "Property", "value": self.speed},
            "operationStatus": {"type": "Property", "value": "test"},
        }


async def replay(
    samples: list[FloodSample],
    *,
    speed: float,
    broker: str,
    mqtt_host: str,
    mqtt_port: int,
    tenant: str,
    say: Callable[[str], None],
) -> list[Transition]:
    """Play samples into a running town. Raises NotReachable where a part of it is not running."""
    retry, key = Retry(attempts=3), key_for(broker)
    async with Client(broker, tenant=tenant, name="replay", key=key, retry=retry) as drill:
        try:
            await drill.query(type="RiverLevelStation", limit=1)
        except ClientError as error:
            raise NotReachable(
                f"The broker at {broker} does not serve the drill tenant {tenant!r}: {error}",
                remedy="Start the town first (machi up), or name its broker with --broker.",
            ) from error
        try:
            async with MqttClient(
                mqtt_host, mqtt_port, protocol=aiomqtt.ProtocolVersion.V311
            ) as mqtt:

                async def publish(message: Message) -> None:
                    await mqtt.publish(message.topic, message.payload, qos=1)

                return await Replay(drill, publish, samples, speed, say).play()
        except aiomqtt.MqttError as error:
            raise NotReachable(
                f"The MQTT broker at {mqtt_host}:{mqtt_port} is away: {error}",
                remedy="Start the town first (machi up), or name it with --mqtt-host/--mqtt-port.",
            ) from error


def _line(sample: FloodSample) -> str:
    return f"{MARK} {_clock(sample.at)}  人吉 {sample.level:5.2f} m  ({sample.provenance})"


def _clock(at: datetime) -> str:
    return at.astimezone(JST).strftime("%m-%d %H:%M")
