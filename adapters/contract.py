"""The adapter contract: what every folder under `adapters/` offers, whatever it speaks.

A folder holds a `MANIFEST`, pure decoding (bytes in, readings out), commands where the device
takes any, health, and a fake device for tests and demonstrations. Decoding never does input or
output. What all adapters share (spool, quarantine, orders, connections) is in `adapters.common`;
`docs/adapters.md` says what each level of the quality scale owes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Protocol

Json = Any


class AdapterError(Exception):
    """Root of what adapters raise."""


class BadPayload(AdapterError):
    """A message cannot be understood, or says something impossible. Kept apart, never forwarded.

    `place` points at the fault: `body:/deduplicationId`, `data:byte 3`; `device` is the address
    of the device, where the message says so much.
    """

    def __init__(self, reason: str, *, place: str, device: str = "") -> None:
        super().__init__(f"{reason} [{place}]")
        self.reason = reason
        self.place = place
        self.device = device


class UnknownDevice(AdapterError):
    """No Device entity in the broker claims this device."""


class CannotRun(AdapterError):
    """An adapter cannot start as it is set up; the text says why and what to do."""


class CommandFailed(AdapterError):
    """A device, or the way to it, did not take a command; the text says why and is shown."""


class UnsupportedCommand(CommandFailed):
    """The adapter's devices do not take this command; the manifest lists those they take."""


class Level(IntEnum):
    """The quality scale of `docs/adapters.md`; each level owes what the ones below it owe."""

    BRONZE = 1
    SILVER = 2
    GOLD = 3
    PLATINUM = 4


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an adapter is.

    `codecs` are its modules that decode and encode, which do no input or output; `topics` MQTT
    filters; `commands` the names of command attributes its devices take; `sources` the documents
    its decoding follows; `proofs` the test modules that show, from
    silver up, what its level promises.
    """

    name: str
    title: str
    level: Level
    protocols: tuple[str, ...]
    codecs: tuple[str, ...]
    topics: tuple[str, ...]
    entity_types: tuple[str, ...]
    sources: tuple[str, ...]
    proofs: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it came over the wire.

    `received` (UTC) and `ticket` (the same for every replay of this very message) are given by
    the spool; a decoder uses them only where the message itself says no time and no identity.
    """

    topic: str
    payload: bytes
    received: str = ""
    ticket: str = ""


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
    argument: Json
    key: str


class Status(StrEnum):
    """What has become of a command, in the words of the FIWARE IoT agents."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    OK = "OK"
    ERROR = "ERROR"
    EXPIRED = "EXPIRED"


@dataclass(slots=True)
class Health:
    """What became of the messages, and whether the wire is connected."""

    connected: bool = False
    wire: str = ""
    received: int = 0
    waiting: int = 0
    written: int = 0
    repeated: int = 0
    bad: int = 0
    unknown: int = 0
    ahead: int = 0
    refused: int = 0
    forgotten: int = 0
    flooded: int = 0
    last_fault: str = ""


class Adapter(Protocol):
    """What the host asks of an adapter."""

    manifest: Manifest
    health: Health

    def decode(self, message: Message) -> Sequence[Reading]:
        """Return what the message says, oldest first; nothing where it carries no measurement.

        Pure. Raises BadPayload.
        """
        ...

    async def write(self, reading: Reading) -> bool:
        """Write a reading to the broker; False where it is not newer than what is there.

        Safe to repeat. Raises UnknownDevice, BadPayload and the broker client's errors.
        """
        ...

    def sender(self, message: Message) -> str:
        """Return the address of the device that a message is from, empty where it does not say.

        Pure. Raises nothing: the message may be one that cannot be read.
        """
        ...

    async def knows(self, device: str) -> bool:
        """Say whether a device with this address is one of the adapter's."""
        ...

    async def forgets(self, device: str) -> bool:
        """Say whether messages of a device that cannot be used are forgotten instead of held."""
        ...

    async def clock_ahead(self, reading: Reading, seconds: float) -> None:
        """Show on the device that its clock is ahead; the reading itself is not written."""
        ...

    async def run(self) -> None:
        """Do what the adapter does besides taking messages, until cancelled."""
        ...


class FakeDevice(Protocol):
    """A device made of software, speaking the real wire format."""

    def message(self, observed_at: str, **values: Json) -> Message:
        """Return the message the device would send for a measurement at that time."""
        ...
