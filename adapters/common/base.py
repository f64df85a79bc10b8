"""What adapters of reporting devices have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from adapters.common.clock import clock_right, show_clock_ahead
from adapters.common.erasure import ASKED
from adapters.common.registry import Registration, Registry
from adapters.contract import BadPayload, Health, Manifest, Message, Reading, UnknownDevice
from broker.client import ClientError, value


class DeviceAdapter(ABC):
    """An adapter whose devices are Device entities. Subclasses decode and write."""

    manifest: Manifest

    def __init__(self, registry: Registry, health: Health | None = None) -> None:
        self.health = health or Health()
        self.registry = registry

    @abstractmethod
    def decode(self, message: Message) -> Sequence[Reading]:
        """Return what a message says (contract: `adapters.contract.Adapter`)."""

    def sender(self, message: Message) -> str:
        """Return the device that a message's wrapping names, or else that its content names."""
        return self.named(message.topic) or self._told(message)

    def named(self, topic: str) -> str:
        """Return the address of the device that a topic names, empty where it names none."""
        return ""

    def _told(self, message: Message) -> str:
        try:
            return next((reading.device for reading in self.decode(message)), "")
        except BadPayload as fault:
            return fault.device
        except Exception:  # a message may be held because decoding it fails
            return ""

    async def forgets(self, device: str) -> bool:
        """Say whether the person whom a device tells of has it forgotten."""
        try:
            return value((await self.registry.find(device)).device, ASKED) is not None
        except (UnknownDevice, ClientError):
            return False

    async def knows(self, device: str) -> bool:
        """Say whether a device with this address is one of the adapter's."""
        try:
            await self.registry.find(device)
        except UnknownDevice:
            return False
        return True

    async def clock_ahead(self, reading: Reading, seconds: float) -> None:
        """Show on the device that its clock is ahead."""
        await show_clock_ahead(await self.registry.find(reading.device), seconds)

    async def run(self) -> None:  # noqa: B027 (most adapters do no more)
        """Do nothing besides taking messages."""

    def clock_right(self, device: Registration) -> dict[str, object]:
        """Return what takes back an earlier mark of a clock that was ahead."""
        return clock_right(device)
