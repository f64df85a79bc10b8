"""The river gauge adapter: uplinks in, water levels in the broker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adapters.common.base import DeviceAdapter
from adapters.common.host import Host
from adapters.common.registry import Registration, Registry, by_attribute
from adapters.common.times import from_epoch
from adapters.common.writer import write_newest
from adapters.contract import BadPayload, Message, Reading, UnknownDevice
from adapters.river_gauge import chirpstack, dragino, milesight, things_stack
from adapters.river_gauge.level import Mount, device_attributes, station_attributes
from adapters.river_gauge.lorawan import Uplink
from adapters.river_gauge.manifest import MANIFEST
from broker.client import Entity, value

MILESIGHT_PORT = 85
DRAGINO_PORT = 2


def build(host: Host) -> RiverGauge:
    """Return the adapter for a host."""
    return RiverGauge(Registry(host.clients, MANIFEST.name, by_attribute("devEui")), host.health)


class RiverGauge(DeviceAdapter):
    """Adapter of river gauges (contract: `adapters.contract.Adapter`).

    The newest measurement wins by its own time: late, repeated and re-sent uplinks change
    nothing. A drill's uplink counts only in the run that its station is in, and no real station is
    in any.
    """

    manifest = MANIFEST

    def decode(self, message: Message) -> Sequence[Reading]:
        """Return the distances and battery in an uplink, values stored by the sensor first."""
        if message.topic.startswith("v3/"):
            return _readings(things_stack.parse_uplink(message.payload))
        if message.topic.endswith("/event/status"):
            readings = _status(message.payload)
        else:
            readings = _readings(chirpstack.parse_uplink(message.payload))
        if any(reading.device != self.named(message.topic) for reading in readings):
            # Who may publish for one device may not speak for another.
            raise BadPayload("its topic names another device", place="body:/deviceInfo/devEui")
        return readings

    def named(self, topic: str) -> str:
        """Return the DevEUI in a topic of ChirpStack; The Things Stack has names of its own."""
        parts = topic.split("/")
        return parts[3].lower() if parts[0] == "application" and len(parts) > 3 else ""

    async def write(self, reading: Reading) -> bool:
        """Write a reading to its station, or to its Device where it has no distance."""
        device = await self.registry.find(reading.device)
        if reading.tags.get("simulated") and not device.simulated:
            raise BadPayload("made up in the network server's console", place="body:/simulated")
        beside = {**device_attributes(reading), **self.clock_right(device)}
        if "distance_mm" not in reading.values:
            own = Registration(
                device.address, device.device_id, device.device_id, device.client, device.device
            )
            return await write_newest(own, reading.key, lambda entity: beside)

        def attributes(station: Entity) -> dict[str, Any] | None:
            if value(station, "drillRun") != reading.tags.get("run"):
                return None
            return station_attributes(reading, _mount(station, device))

        return await write_newest(device, reading.key, attributes, beside)


def _mount(station: Entity, device: Registration) -> Mount:
    height, tilt = value(station, "sensorHeight"), value(station, "sensorTilt", 0)
    if not isinstance(height, int | float):
        raise UnknownDevice(f"{device.target_id} has no sensorHeight; set it in metres")
    return Mount(float(height), device.simulated, float(tilt))


def _status(payload: bytes) -> Sequence[Reading]:
    status = chirpstack.parse_status(payload)
    if status.battery is None:
        return ()
    values = {"battery_percent": status.battery}
    return (Reading(status.dev_eui, status.key, status.time, values),)


def _readings(uplink: Uplink) -> Sequence[Reading]:
    try:
        measurements = _measurements(uplink)
    except BadPayload as fault:
        raise BadPayload(fault.reason, place=fault.place, device=uplink.dev_eui) from fault
    tags = dict(uplink.tags)
    if uplink.simulated:
        tags["simulated"] = "true"
    return [
        Reading(uplink.dev_eui, uplink.key + suffix, at or uplink.time, values, tags)
        for suffix, at, values in measurements
    ]


def _measurements(uplink: Uplink) -> list[tuple[str, str, dict[str, Any]]]:
    """Return (suffix of the key, own time or "", values) for each measurement of an uplink.

    The makers' default ports tell the payloads apart: 85 Milesight, 2 Dragino.
    """
    if uplink.f_port == DRAGINO_PORT:
        told = dragino.decode(uplink.data)
        return [("", "", {"distance_mm": told.distance_mm, "battery_mv": told.battery_mv})]
    if uplink.f_port != MILESIGHT_PORT:
        raise BadPayload(f"no decoder for fPort {uplink.f_port}", place="body:/fPort")
    measured = milesight.decode(uplink.data)
    found: list[tuple[str, str, dict[str, Any]]] = [
        (f":{when}", from_epoch(when, place="data"), {"distance_mm": distance})
        for when, distance in measured.history
    ]
    values: dict[str, Any] = {}
    if measured.distance_mm is not None:
        values["distance_mm"] = measured.distance_mm
    if measured.battery_percent is not None:
        values["battery_percent"] = measured.battery_percent
    if values:
        found.append(("", "", values))
    return found
