"""A device's clock that runs ahead, shown on its Device entity as `clockAheadSeconds`."""

from __future__ import annotations

from adapters.common.registry import Registration
from adapters.common.times import utc_now
from adapters.common.writer import measured, set_attributes
from broker.client import value

ATTRIBUTE = "clockAheadSeconds"


async def show_clock_ahead(device: Registration, seconds: float) -> None:
    """Say on the Device by how much its clock is ahead."""
    attribute = measured(round(seconds), utc_now(), unitCode="SEC")
    device.device[ATTRIBUTE] = attribute
    await set_attributes(device.client, device.device_id, {ATTRIBUTE: attribute})


def clock_right(device: Registration) -> dict[str, object]:
    """Return the attribute that takes the mark back; nothing where there is none."""
    if not value(device.device, ATTRIBUTE, 0):
        return {}
    device.device[ATTRIBUTE] = measured(0, utc_now(), unitCode="SEC")
    return {ATTRIBUTE: device.device[ATTRIBUTE]}
