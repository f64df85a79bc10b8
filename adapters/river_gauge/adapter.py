"""The river gauge adapter: uplinks in, water levels in the broker."""

from __future__ import annotations

import logging

from adapters.contract import (
    BadPayload,
    Command,
    Health,
    Message,
    Reading,
    UnknownDevice,
    UnsupportedCommand,
)
from adapters.river_gauge import milesight
from adapters.river_gauge.chirpstack import parse_uplink
from adapters.river_gauge.level import Mount, device_attributes, is_newer, station_attributes
from adapters.river_gauge.manifest import MANIFEST
from adapters.river_gauge.registry import Registration, Registry
from broker.client import ClientError, NotFound, PreconditionFailed, observed_at, value

log = logging.getLogger("adapters.river_gauge")

TRIES = 8
"""How often a write is made afresh where the station changed between reading and writing."""


class RiverGauge:
    """Adapter of river gauges (contract: `adapters.contract.Adapter`).

    The newest measurement wins by its own time: late, repeated and re-sent uplinks change
    nothing. A drill's uplink counts only in the run that its station is in.
    """

    manifest = MANIFEST

    def __init__(self, registry: Registry) -> None:
        self.health = Health()
        self._registry = registry

    def decode(self, message: Message) -> Reading | None:
        """Return the distance and battery in an uplink; None where it carries no distance."""
        uplink = parse_uplink(message.payload)
        measured = milesight.decode(uplink.data)
        if measured.distance_mm is None:
            return None
        values: dict[str, int] = {"distance_mm": measured.distance_mm}
        if measured.battery_percent is not None:
            values["battery_percent"] = measured.battery_percent
        return Reading(uplink.dev_eui, uplink.deduplication_id, uplink.time, values, uplink.tags)

    async def ingest(self, message: Message) -> None:
        """Write an uplink's measurement to the broker; log and count what cannot be used."""
        self.health.received += 1
        try:
            reading = self.decode(message)
            if reading is not None:
                await self._write(reading, await self._registry.find(reading.device))
        except BadPayload as fault:
            self.health.bad += 1
            self._fault(f"unusable message on {message.topic}: {fault}")
        except UnknownDevice as fault:
            self.health.unknown += 1
            self._fault(str(fault))
        except ClientError as fault:
            self.health.bad += 1
            self._fault(f"the broker did not take a measurement on {message.topic}: {fault}")

    async def command(self, command: Command) -> str:
        """Refuse: river gauges take no orders."""
        raise UnsupportedCommand(f"{self.manifest.name} takes no commands, not {command.name!r}")

    def _fault(self, text: str) -> None:
        # What a device sends must not be able to end a line of the log and begin its own.
        text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
        self.health.last_fault = text
        log.warning("%s", text)

    async def _write(self, reading: Reading, device: Registration) -> None:
        for attempt in range(TRIES):
            try:
                station, version = await device.client.retrieve_with_version(device.station_id)
            except NotFound as error:
                raise UnknownDevice(
                    f"{device.device_id} belongs to {device.station_id}, which is not in the broker"
                ) from error
            mount = _mount(station, device)
            run = value(station, "drillRun")
            if run is not None and run != reading.tags.get("run"):
                self._repeated(f"uplink {reading.key} belongs to another drill run")
                return
            if not is_newer(reading.observed_at, observed_at(station, "waterLevel")):
                self._repeated(f"uplink {reading.key} is not newer than the station")
                return
            operations = _operations(reading, device, mount, version)
            try:
                await device.client.transactions(
                    operations, idempotency_key=f"{reading.key}:{attempt}"
                )
            except PreconditionFailed:
                continue
            self.health.written += 1
            return
        raise ClientError(f"{device.station_id} changed {TRIES} times while writing")

    def _repeated(self, text: str) -> None:
        self.health.repeated += 1
        log.debug("%s", text)


def _mount(station: dict[str, object], device: Registration) -> Mount:
    height = value(station, "sensorHeight")
    if not isinstance(height, int | float):
        raise UnknownDevice(f"{device.station_id} has no sensorHeight; set it in metres")
    return Mount(float(height), device.simulated)


def _operations(
    reading: Reading, device: Registration, mount: Mount, version: str
) -> list[dict[str, object]]:
    operations: list[dict[str, object]] = [
        {
            "op": "append",
            "id": device.station_id,
            "attrs": station_attributes(reading, mount),
            "ifMatch": version,
        }
    ]
    if attributes := device_attributes(reading):
        operations.append({"op": "append", "id": device.device_id, "attrs": attributes})
    return operations
