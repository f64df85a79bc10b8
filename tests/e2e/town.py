"""A whole town in processes of its own, on free ports and an empty folder."""

import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support import free_port
from tests.support.ports import free_port_pair
from tests.support.server import Server


@dataclass
class Town:
    """A running town and where its parts listen."""

    server: Server
    broker_port: int
    mqtt_port: int
    portal_port: int
    staff_port: int

    @property
    def broker(self) -> str:
        """Return the URL of the broker."""
        return f"http://127.0.0.1:{self.broker_port}"

    @property
    def page(self) -> str:
        """Return the URL of the page."""
        return f"http://localhost:{self.portal_port}"

    @property
    def staff(self) -> str:
        """Return the URL of the staff page."""
        return f"http://localhost:{self.staff_port}"

    def replay_command(self, *options: str) -> list[str]:
        """Return the command that plays the flood into this town."""
        where = ["--broker", self.broker, "--mqtt-port", str(self.mqtt_port)]
        return [sys.executable, "-m", "machi", "replay", "kuma-2020", *where, *options]


def town_in(folder: Path, mqtt_port: int | None = None) -> Town:
    """Return a town that is not started yet, with its data in `folder`.

    With `mqtt_port` it uses the MQTT broker that listens there instead of one of its own.
    """
    broker, mqtt, portal, staff = (free_port() for _ in range(4))
    mqtt = mqtt_port or mqtt
    command = [sys.executable, "-m", "machi", "up", "--data", str(folder / "data")]
    command += ["--broker-port", str(broker), "--mqtt-port", str(mqtt)]
    command += ["--portal-port", str(portal), "--light-port", str(free_port_pair())]
    command += ["--staff-port", str(staff)]
    command += ["--no-mqtt"] if mqtt_port else []
    return Town(Server(command, portal, folder / "town.log"), broker, mqtt, portal, staff)
