"""The alerts app: follows river stations through the broker's API and commits what follows."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from apps.alerts.cursor import CURSOR_ID, Cursor, Watch, cursor_from
from apps.alerts.effects import Change, Operation
from apps.alerts.evacuation import TYPE as EVACUATION
from apps.alerts.evacuation import draft_operations
from apps.alerts.judging import Judgement, judge_station, why_no_thresholds
from apps.alerts.lightwatch import fail_safe_operations, judge_lights, light_operations
from apps.alerts.mirror import TYPES, Mirror
from apps.alerts.outcome import Plan, plan
from apps.shell.together import together
from broker.client import (
    Client,
    ClientError,
    Entity,
    Event,
    NotFound,
    PreconditionFailed,
    timestamp,
    value,
)

log = logging.getLogger("apps.alerts")

TRIES = 5
PAUSE = 2.0
TICK = 1.0
QUIET = 5.0
"""Seconds without news of a station before it may count as silent: a drill's hours fly by."""
MEASURED = frozenset(("waterLevel", "quality"))
"""Attributes that are news of a station; what the app itself writes there is none."""


def utc_now() -> datetime:
    """Return the time on the wall."""
    return datetime.now(UTC)


class Alerts:
    """The app in one tenant. `drill` marks everything it writes there as a drill.

    Each sample is taken once: what it causes (stage, lights, alerts) and the cursor commit in one
    transaction. Between samples a tick looks at what time alone changes: silence, the lights'
    schedule, the end of an override. After a restart each light is commanded anew.
    """

    def __init__(
        self,
        client: Client,
        *,
        drill: bool = False,
        ready: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._drill = drill
        self._ready = ready
        self._sleep = sleep
        self._clock = clock
        self._monotonic = monotonic
        self._cursor = Cursor()
        self._mirror = Mirror()
        self._heard: dict[str, float] = {}
        self._commanded: set[str] = set()
        self._troubles: dict[str, str] = {}
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Follow the tenant's stations until cancelled; begin again after a failure."""
        while True:
            following = asyncio.Event()
            try:
                await together(self._follow(following), self._tick(following))
            except PreconditionFailed:
                log.info("the cursor moved elsewhere; reading it again")
            except ClientError as error:
                log.warning("cannot follow tenant %r: %s", self._client.tenant, error)
            except Exception:
                # Other tenants are served by this process too.
                log.exception("a fault of ours; following tenant %r anew", self._client.tenant)
            await self._sleep(PAUSE)

    async def _follow(self, following: asyncio.Event) -> None:
        await self.load()
        async for event in self._client.stream(type=TYPES, after=self._cursor.seq):
            async with self._turn:
                await self.take(event)
            if event.kind == "open":
                following.set()

    async def _tick(self, following: asyncio.Event) -> None:
        await following.wait()
        while True:
            await self._sleep(TICK)
            async with self._turn:
                await self.look()

    async def load(self) -> None:
        """Read the cursor from the broker."""
        try:
            entity, version = await self._client.retrieve_with_version(CURSOR_ID)
            self._cursor = cursor_from(entity, version)
        except NotFound:
            self._cursor = Cursor()

    async def take(self, event: Event) -> None:
        """Take one event of the stream. Raises PreconditionFailed where the cursor has moved."""
        if event.kind in {"open", "reset"}:
            await self._mirror.read(self._client)
        if event.kind == "reset" or (event.kind == "open" and self._cursor.seq is None):
            # What the stations show now stands in for the events that were never seen.
            for station, _ in list(self._mirror.stations.values()):
                await self._judge(station, event.seq)
        elif event.kind in {"enter", "update", "leave", "delete"}:
            self._mirror.take(event)
            if event.entity is not None and event.id in self._mirror.stations:
                if MEASURED.intersection(event.changed):
                    self._heard[event.id] = self._monotonic()
                await self._judge(event.entity, event.seq)
        if event.kind == "open":
            self._ready()

    async def look(self) -> None:
        """Look at what time alone changes. Raises PreconditionFailed as `take` does."""
        for station, _ in list(self._mirror.stations.values()):
            await self._judge(station, None)
        watched = judge_lights(self._mirror, self._cursor, self._clock(), drill=self._drill)
        if watched.cursor != self._cursor or watched.operations:
            ended = [await self._alert(alert_id) for alert_id in watched.ends]
            await self._commit(watched.cursor, watched.all_operations(ended))
        await self._fail_safe(self._mirror.lights_of_nothing())

    async def _judge(self, station: Entity, seq: int | None) -> None:
        """Judge a station. One that cannot be judged harms no other, and its lights fail safe."""
        station_id = station["id"]
        try:
            await self._judged(station, seq)
        except ClientError:
            raise
        except Exception as fault:
            if self._troubles.get(station_id) != repr(fault):
                log.exception("%s cannot be judged; its lights fail safe", station_id)
            self._troubles[station_id] = repr(fault)
            await self._fail_safe(self._mirror.lights_of(station_id))
        else:
            self._troubles.pop(station_id, None)

    async def _fail_safe(self, lights: Sequence[tuple[Entity, int]]) -> None:
        operations = fail_safe_operations(lights, self._clock(), drill=self._drill)
        if not operations:
            return
        try:
            await self._commit(self._cursor, operations)
        except PreconditionFailed as refusal:
            if refusal.problem.get("operation") == 0:
                raise
            for operation in operations:
                await self._mirror.read_light(self._client, operation["id"])

    async def _judged(self, station: Entity, seq: int | None) -> None:
        station_id = station["id"]
        known = self._cursor.watches.get(station_id)
        river = value(station, "riverName")
        others = {
            name: self._cursor.watches[name]
            for name, (other, _) in self._mirror.stations.items()
            if name != station_id
            and value(other, "riverName") == river
            and name in self._cursor.watches
        }
        judgement = judge_station(
            station,
            known,
            others,
            self._now(station, known),
            take=seq is not None,
            quiet=self._quiet(station_id),
        )
        drill = self._drill or value(station, "operationStatus") in {"drill", "test"}
        planned = plan(judgement, drill=drill, place=seq if seq is not None else self._cursor.seq)
        await self._carry_out(judgement, planned, known, seq, drill=drill)

    async def _carry_out(
        self,
        judgement: Judgement,
        planned: Plan,
        known: Watch | None,
        seq: int | None,
        *,
        drill: bool,
    ) -> None:
        station_id = judgement.station["id"]
        cursor = self._cursor.advanced(seq, station_id, planned.watch)
        for _ in range(TRIES):
            ended = [await self._alert(alert_id) for alert_id in planned.ends]
            drafts = await self._drafts(planned.change, cursor.seq or 0)
            lights = light_operations(
                self._mirror.lights_of(station_id),
                judgement,
                self._clock(),
                commanded=self._commanded,
                drill=drill,
            )
            if planned.watch == known and not lights:
                return
            try:
                await self._commit(cursor, planned.operations(ended) + drafts + lights)
            except PreconditionFailed as refusal:
                if refusal.problem.get("operation") == 0:
                    raise
                for operation in lights:
                    await self._mirror.read_light(self._client, operation["id"])
                continue
            except NotFound:
                # The event may tell of what has been deleted since.
                await self._mirror.read(self._client)
                if station_id not in self._mirror.stations:
                    return
                continue
            self._commanded |= {light["id"] for light, _ in self._mirror.lights_of(station_id)}
            _tell(judgement, planned, drill=drill)
            return
        raise ClientError(f"the lights of {station_id} changed {TRIES} times while writing")

    def _now(self, station: Entity, known: Watch | None) -> datetime:
        """Return the river's time: a drill's own clock, else the wall's."""
        if value(station, "drillRun") is None:
            return self._clock()
        played = self._mirror.drill_time(self._clock())
        if played is not None:
            return played
        last = known.state.last if known is not None else None
        return last or self._clock()

    def _quiet(self, station_id: str) -> bool:
        heard = self._heard.setdefault(station_id, self._monotonic())
        return self._monotonic() - heard >= QUIET

    async def _commit(self, cursor: Cursor, operations: list[Operation]) -> None:
        results = await self._client.transactions(
            [cursor.operation(), *operations], idempotency_key=f"alerts-{uuid.uuid4()}"
        )
        versions = [int(str(result["version"]).removeprefix("v")) for result in results]
        self._cursor = replace(cursor, version=f"v{versions[0]}")
        for operation, version in zip(operations, versions[1:], strict=True):
            light = self._mirror.lights.get(operation.get("id", ""))
            if light is not None and version > light[1]:
                entity = {**light[0], **operation["attrs"]}
                self._mirror.lights[operation["id"]] = (entity, version)

    async def _drafts(self, change: Change | None, place: int) -> list[Operation]:
        if change is None:
            return []
        q = f'refStation=="{change.station["id"]}"'
        found = await self._client.query(type=EVACUATION, q=q)
        known = [await self._client.retrieve_with_version(one["id"]) for one in found]
        return draft_operations(change, known, place)

    async def _alert(self, alert_id: str) -> Entity | None:
        try:
            return await self._client.retrieve(alert_id)
        except NotFound:
            return None


def _tell(judgement: Judgement, planned: Plan, *, drill: bool) -> None:
    mark = "【訓練】" if drill else ""
    name = judgement.station["id"]
    if planned.change is not None:
        change = planned.change
        log.info(
            "%s%s is at step %s since %s (%.2f m)",
            mark,
            name,
            change.step.name,
            timestamp(change.at),
            change.level,
        )
    for kind in planned.begun:
        why = f" ({why_no_thresholds(judgement.station)})" if kind == "noThresholds" else ""
        log.warning("%s%s: %s%s", mark, name, kind, why)
