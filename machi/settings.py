"""What `machi up` is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class TownSettings:
    """Ports, data folder, what to leave out, and whether keys are asked for (`auth`)."""

    broker_port: int = 1026
    mqtt_port: int = 1883
    portal_port: int = 8080
    light_port: int = 5568
    data: Path = field(default_factory=lambda: Path("data"))
    devices: bool = True
    staff_port: int = 8081
    mqtt: bool = True
    auth: str = "embedded"
    bookings_port: int = 8082
    """The citizens' pages; the next two ports are the counter's page and the simulated payments."""
    consent_port: int = 8085
    kijiko_port: int = 8086
    """The phones' pages of the town's money; the next port is the staff's."""

    cloud_port: int = 8088
    """The simulated cloud of the vendor of locks."""

    @property
    def broker(self) -> str:
        """Return the URL of the town's broker."""
        return f"http://{HOST}:{self.broker_port}"
