"""The alerts app: follows river stations through the broker's API and commits what follows."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from apps.alerts.cursor import CURSOR_ID, Cursor, Watch, cursor_from
from apps.alerts.effects import (
    Change,
    Light,
    Operation,
    alert_entity,
    end_operation,
    light_operations,
    station_operation,
)
from apps.alerts.stage import (
    NORMAL,
    Sample,
    State,
    Table,
    advance,
    step_named,
    table_at,
    tables_from,
)
from broker.client import (
    Client,
    ClientError,
    Entity,
    Event,
    NotFound,
    PreconditionFailed,
    observed_at,
    timestamp,
    value,
)

log = logging.getLogger("apps.alerts")

TRIES = 5
PAUSE = 2.0
STATION = "RiverLevelStation"


class Alerts:
    """The app in one tenant. `drill` marks everything it writes there as a drill.

    Each event of a station is taken once: what it causes (stage, light, alert) and the cursor
    commit in one transaction. After a restart it goes on behind the last event taken.
    """

    def __init__(
        self,
        client: Client,
        *,
        drill: bool = False,
        ready: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._drill = drill
        self._ready = ready
        self._sleep = sleep
        self._cursor = Cursor()

    async def run(self) -> None:
        """Follow the tenant's stations until cancelled; begin again after a failure."""
        while True:
            try:
                await self._follow()
            except PreconditionFailed:
                log.info("the cursor moved elsewhere; reading it again")
            except ClientError as error:
                log.warning("cannot follow tenant %r: %s", self._client.tenant, error)
            await self._sleep(PAUSE)

    async def _follow(self) -> None:
        await self.load()
        async for event in self._client.stream(type=STATION, after=self._cursor.seq):
            await self.take(event)

    async def load(self) -> None:
        """Read the cursor from the broker."""
        try:
            entity, version = await self._client.retrieve_with_version(CURSOR_ID)
            self._cursor = cursor_from(entity, version)
        except NotFound:
            self._cursor = Cursor()

    async def take(self, event: Event) -> None:
        """Take one event of the stream. Raises PreconditionFailed where the cursor has moved."""
        if event.kind == "open":
            self._ready()
        if event.kind == "reset" or (event.kind == "open" and self._cursor.seq is None):
            # What the stations show now stands in for the events that were never seen.
            for station in await self._client.query(type=STATION):
                await self._judge(station, event.seq)
        elif event.kind in {"enter", "update"} and event.entity is not None:
            await self._judge(event.entity, event.seq)

    async def _judge(self, station: Entity, seq: int) -> None:
        known = self._cursor.watches.get(station["id"], Watch())
        run = value(station, "drillRun")
        if run != known.run:
            known = Watch(run=run)
        tables = _tables(station)
        sample = _sample(station)
        state = advance(known.state, tables, sample) if sample else known.state
        watch = Watch(state, run, known.alert)
        if watch == self._cursor.watches.get(station["id"]):
            return
        if sample is None or state.step == known.state.step:
            await self._commit(self._cursor.advanced(seq, station["id"], watch), [])
            return
        change = self._change(station, known.state, state, tables, sample)
        await self._effect(change, watch, seq)

    def _change(
        self,
        station: Entity,
        before: State,
        after: State,
        tables: tuple[Table, ...],
        sample: Sample,
    ) -> Change:
        table = table_at(tables, sample.at)
        step = step_named(table, after.step)
        rising = step.level > step_named(table, before.step).level
        marked = value(station, "operationStatus") in {"drill", "test"}
        return Change(station, step, rising, sample.at, sample.level, self._drill or marked)

    async def _effect(self, change: Change, watch: Watch, seq: int) -> None:
        station_id = change.station["id"]
        alert_id = None
        if change.step.name != NORMAL:
            alert_id = f"urn:ngsi-ld:Alert:{station_id.removeprefix('urn:ngsi-ld:')}:{seq}"
        cursor = self._cursor.advanced(seq, station_id, Watch(watch.state, watch.run, alert_id))
        for _ in range(TRIES):
            operations = [station_operation(change)]
            operations += light_operations(change, await self._lights(station_id))
            if watch.alert is not None and await self._exists(watch.alert):
                operations.append(end_operation(change, watch.alert))
            if alert_id is not None:
                alert = alert_entity(change, alert_id)
                operations.append({"op": "create", "entity": alert, "ifNoneMatch": "*"})
            try:
                await self._commit(cursor, operations)
            except PreconditionFailed as refusal:
                if refusal.problem.get("operation") == 0:
                    raise
                continue
            log.info(
                "%s%s is at step %s since %s (%.2f m)",
                "【訓練】" if change.drill else "",
                station_id,
                change.step.name,
                timestamp(change.at),
                change.level,
            )
            return
        raise ClientError(f"the lights of {station_id} changed {TRIES} times while writing")

    async def _commit(self, cursor: Cursor, operations: list[Operation]) -> None:
        results = await self._client.transactions(
            [cursor.operation(), *operations], idempotency_key=f"alerts-{uuid.uuid4()}"
        )
        self._cursor = replace(cursor, version=f"v{str(results[0]['version']).removeprefix('v')}")

    async def _lights(self, station_id: str) -> list[Light]:
        found = await self._client.query(
            type="IlluminationControl", q=f'refStation=="{station_id}"'
        )
        return [Light(*await self._client.retrieve_with_version(light["id"])) for light in found]

    async def _exists(self, entity_id: str) -> bool:
        try:
            await self._client.retrieve(entity_id)
        except NotFound:
            return False
        return True


def _sample(station: Entity) -> Sample | None:
    at, level = observed_at(station, "waterLevel"), value(station, "waterLevel")
    if at is None or not isinstance(level, int | float) or isinstance(level, bool):
        return None
    quality = str(value(station, "quality", "good"))
    return Sample(datetime.fromisoformat(at), float(level), quality)


def _tables(station: Entity) -> tuple[Table, ...]:
    try:
        return tables_from(value(station, "stageTable"))
    except ValueError as error:
        log.warning("%s holds its stage: %s", station["id"], error)
        return ()
