"""The adapter contract: what every folder under `adapters/` offers, whatever it speaks.

A folder holds a `MANIFEST`, pure decoding (bytes in, `Reading` out), commands where the device
takes any, health, and a fake device for tests and demonstrations. Decoding never does input or
output; an adapter's runner owns the connection and the broker client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

Json = Any


class AdapterError(Exception):
    """Root of what adapters raise."""


class BadPayload(AdapterError):
    """A message cannot be understood, or says something impossible. Counted, never forwarded.

    `place` points at the fault: `body:/deduplicationId`, `data:byte 3`.
    """

    def __init__(self, reason: str, *, place: str) -> None:
        super().__init__(f"{reason} [{place}]")
        self.reason = reason
        self.place = place


class UnknownDevice(AdapterError):
    """No Device entity in the broker claims this device."""


class UnsupportedCommand(AdapterError):
    """The adapter's devices do not take this command; the manifest lists those they take."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an adapter is. `topics` are MQTT filters; `commands` the names `command` takes."""

    name: str
    title: str
    protocols: tuple[str, ...]
    topics: tuple[str, ...]
    entity_types: tuple[str, ...]
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it came over the wire."""

    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """What one message says, in the device's own terms.

    `device` is the device's address on its network (LoRaWAN: DevEUI, lower case); `key` is the
    same for every repetition of the message; `observed_at` is when it was measured, not when it
    arrived, in UTC as NGSI-LD writes it; `values` by field name (`distance_mm`,
    `battery_percent`); `tags` as set by the device's network server.
    """

    device: str
    key: str
    observed_at: str
    values: Mapping[str, Json]
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """An order to a device: `entity_id` names it; `key` makes a repeated order harmless."""

    entity_id: str
    name: str
    arguments: Mapping[str, Json]
    key: str


@dataclass(slots=True)
class Health:
    """What became of the messages, and whether the wire is connected."""

    connected: bool = False
    received: int = 0
    written: int = 0
    repeated: int = 0
    bad: int = 0
    unknown: int = 0
    last_fault: str = ""


class Adapter(Protocol):
    """What the runner, the supervisor and staff pages ask of an adapter."""

    manifest: Manifest
    health: Health

    def decode(self, message: Message) -> Reading | None:
        """Return what the message says; None where it carries no measurement.

        Pure. Raises BadPayload.
        """
        ...

    async def ingest(self, message: Message) -> None:
        """Decode a message and write it to the broker. Never raises for a fault of the message."""
        ...

    async def command(self, command: Command) -> str:
        """Send an order to a device; return its id. Raises UnsupportedCommand."""
        ...


class FakeDevice(Protocol):
    """A device made of software, speaking the real wire format."""

    def message(self, observed_at: str, **values: Json) -> Message:
        """Return the message the device would send for a measurement at that time."""
        ...
