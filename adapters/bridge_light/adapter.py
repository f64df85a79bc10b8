"""The bridge light adapter: the lights of every tenant, driven and read back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from adapters.bridge_light.addressing import NoAddress, Sacn, Wled, address_of
from adapters.bridge_light.keeper import Keeper, Timing, report_attributes
from adapters.bridge_light.lamp import Means, lamp_for
from adapters.bridge_light.look import Look, NoLook, Verdict, fail_safe_of, look_of
from adapters.bridge_light.manifest import MANIFEST
from adapters.bridge_light.memory import Memory
from adapters.common.host import Host
from adapters.common.times import utc_now
from adapters.contract import BadPayload, Message, Reading
from broker.client import Client, ClientError, Entity, NotFound, PreconditionFailed, value

log = logging.getLogger("adapters")

LIGHT = "IlluminationControl"
HOLD = 1800.0
"""Seconds without the broker for which a light keeps its look; then it fails safe."""
PAUSE = 2.0
TIMING = Timing()


def build(host: Host) -> BridgeLight:
    """Return the adapter for a host."""
    return BridgeLight(host)


@dataclass(slots=True)
class Kept:
    """A light under way: its entity as last seen, its address, and what drives it."""

    entity: Entity
    version: str | None
    address: Sacn | Wled
    keeper: Keeper
    task: asyncio.Task[None]

    def passed(self, version: str) -> None:
        """Note a version of the entity; the stream may have brought a newer one already."""
        if not self.is_past(version):
            self.version = version

    def is_past(self, version: str) -> bool:
        """Say whether a version of the entity is older than the one last seen."""
        return self.version is not None and int(version[1:]) < int(self.version[1:])


class BridgeLight:
    """Adapter of colour lights (contract: `adapters.contract.Adapter`). Takes no messages.

    After a start each light is commanded at once to what it last should show, from the
    adapter's own memory, and then follows the broker. Without the broker it keeps its look for
    half an hour, then it fails safe; never back to an ordinary look.
    """

    manifest = MANIFEST

    def __init__(self, host: Host, *, timing: Timing = TIMING, hold: float = HOLD) -> None:
        self.health = host.health
        self._host = host
        self._timing = timing
        self._hold = hold
        self._kept: dict[tuple[str, str], Kept] = {}

    def decode(self, message: Message) -> Sequence[Reading]:
        """Refuse: lights send no messages."""
        raise BadPayload("lights send no messages", place="topic")

    async def write(self, reading: Reading) -> bool:
        """Write nothing: lights send no messages."""
        return False

    def sender(self, message: Message) -> str:
        """Name nobody: lights send no messages."""
        return ""

    async def forgets(self, device: str) -> bool:
        """Say no: lights send no messages."""
        return False

    async def knows(self, device: str) -> bool:
        """Say no: lights send no messages."""
        return False

    async def clock_ahead(self, reading: Reading, seconds: float) -> None:
        """Do nothing: lights send no messages."""

    async def run(self) -> None:
        """Drive the lights of every tenant until cancelled."""
        path = self._host.settings.state / MANIFEST.name / "lights.db"
        async with aiohttp.ClientSession() as session:
            with contextlib.closing(Memory(path)) as memory:
                means = Means(session, self._host.reach, memory.cid)
                try:
                    async with asyncio.TaskGroup() as tasks:
                        for client in self._host.clients:
                            tasks.create_task(self._tenant(client, memory, means))
                finally:
                    for kept in self._kept.values():
                        kept.task.cancel()
                    ended = [kept.task for kept in self._kept.values()]
                    await asyncio.gather(*ended, return_exceptions=True)

    async def _tenant(self, client: Client, memory: Memory, means: Means) -> None:
        for light in await memory.lights(client.tenant):
            self._take(client, light, None, means)
        silence = asyncio.create_task(self._fail_safe_later(client.tenant))
        try:
            while True:
                try:
                    async for event in client.stream(type=LIGHT):
                        if event.kind == "lost":
                            self.health.connected = False
                            silence.cancel()
                            silence = asyncio.create_task(self._fail_safe_later(client.tenant))
                        elif event.kind in {"open", "reset"}:
                            # A broker that is lost again before it has said how its lights
                            # stand is no broker: the silence is over when it has.
                            if silence.done():
                                silence = asyncio.create_task(self._fail_safe_later(client.tenant))
                            await self._refresh(client, memory, means)
                            if silence.done():
                                await self._refresh(client, memory, means)
                            silence.cancel()
                            self.health.connected = True
                        elif event.kind in {"delete", "leave"}:
                            await self._drop(client.tenant, event.id, memory)
                        elif event.entity is not None:
                            self._take(client, event.entity, f"v{event.version}", means)
                            await memory.keep(client.tenant, event.entity)
                except ClientError as fault:
                    log.warning("cannot follow the lights of %r: %s", client.tenant, fault)
                await asyncio.sleep(PAUSE)
        finally:
            silence.cancel()

    async def _refresh(self, client: Client, memory: Memory, means: Means) -> None:
        """Take every light as it stands now; let go of those that are gone."""
        try:
            present = await client.query(type=LIGHT)
        except NotFound:
            present = []
        for listed in present:
            light, version = await client.retrieve_with_version(listed["id"])
            self._take(client, light, version, means)
            await memory.keep(client.tenant, light)
        ids = {light["id"] for light in present}
        gone = {light["id"] for light in await memory.lights(client.tenant)} - ids
        for light_id in gone:
            await self._drop(client.tenant, light_id, memory)

    def _take(self, client: Client, light: Entity, version: str | None, means: Means) -> None:
        key = (client.tenant, light["id"])
        try:
            address = address_of(light)
        except NoAddress as fault:
            log.warning("%s cannot be driven: %s", light["id"], fault)
            address = None
        kept = self._kept.get(key)
        if kept is not None and version is not None and kept.is_past(version):
            return
        if kept is not None and (kept.address != address or kept.task.done()):
            kept.task.cancel()
            del self._kept[key]
            kept = None
        if address is None:
            return
        if kept is None:
            kept = self._start(client, light, address, means)
            self._kept[key] = kept
        kept.entity = light
        if version is not None:
            kept.passed(version)
        kept.keeper.want(_wanted(light), again=value(light, "commandStatus") == "pending")

    def _start(self, client: Client, light: Entity, address: Sacn | Wled, means: Means) -> Kept:
        async def report(verdict: Verdict) -> bool:
            return await self._report(client, light["id"], verdict)

        lamp = lamp_for(address, f"machi {light['id'].rpartition(':')[2]}", means)
        keeper = Keeper(lamp, report, timing=self._timing, monotonic=time.monotonic)
        return Kept(light, None, address, keeper, asyncio.create_task(keeper.run()))

    async def _report(self, client: Client, light_id: str, verdict: Verdict) -> bool:
        """Write what a light shows; False where it has been given another look meanwhile."""
        kept = self._kept.get((client.tenant, light_id))
        if kept is None or kept.version is None:
            return False
        operation = {
            "op": "append",
            "id": light_id,
            "attrs": report_attributes(verdict, utc_now()),
            "ifMatch": kept.version,
        }
        try:
            [result] = await client.transactions([operation])
        except (PreconditionFailed, NotFound):
            # The stream is about to bring the light as it stands now; that is reported then.
            self.health.repeated += 1
            return False
        except ClientError as fault:
            self.health.last_fault = f"a light's report was not taken: {type(fault).__name__}"
            log.warning("%s: %s", light_id, fault)
            return False
        kept.passed(f"v{str(result['version']).removeprefix('v')}")
        self.health.written += 1
        return True

    async def _drop(self, tenant: str, light_id: str, memory: Memory) -> None:
        kept = self._kept.pop((tenant, light_id), None)
        if kept is not None:
            kept.task.cancel()
        await memory.forget(tenant, light_id)

    async def _fail_safe_later(self, tenant: str) -> None:
        await asyncio.sleep(self._hold)
        for (of, _), kept in self._kept.items():
            if of == tenant:
                kept.keeper.want(fail_safe_of(kept.entity))


def _wanted(light: Entity) -> Look:
    try:
        return look_of(light)
    except NoLook as fault:
        log.warning("%s fails safe: %s", light["id"], fault)
        return fail_safe_of(light)
