"""What adapters of reporting devices have in common."""

from __future__ import annotations

from adapters.common.clock import clock_right, show_clock_ahead
from adapters.common.registry import Registration, Registry
from adapters.contract import Health, Manifest, Reading, UnknownDevice


class DeviceAdapter:
    """An adapter whose devices are Device entities. Subclasses decode and write."""

    manifest: Manifest

    def __init__(self, registry: Registry, health: Health | None = None) -> None:
        self.health = health or Health()
        self.registry = registry

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

    async def run(self) -> None:
        """Do nothing besides taking messages."""

    def clock_right(self, device: Registration) -> dict[str, object]:
        """Return what takes back an earlier mark of a clock that was ahead."""
        return clock_right(device)
