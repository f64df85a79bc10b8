"""A whole town in processes of its own, on free ports and an empty folder."""

import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from consent.identity.at_hand import at_hand
from tests.support import free_port
from tests.support.patience import PATIENCE
from tests.support.ports import free_port_pair, free_ports_in_a_row
from tests.support.server import Server


@dataclass
class Town:
    """A running town and where its parts listen."""

    server: Server
    broker_port: int
    mqtt_port: int
    portal_port: int
    staff_port: int
    data: Path
    bookings_port: int = 0

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

    @property
    def bookings(self) -> str:
        """Return the URL of the bookings."""
        return f"http://localhost:{self.bookings_port}"

    @property
    def counter(self) -> str:
        """Return the URL of the bookings' counter."""
        return f"http://localhost:{self.bookings_port + 1}"

    @property
    def key(self) -> str:
        """Return the operator's key, which a running town keeps beside its data."""
        return at_hand(self.data, "operator") or ""

    @property
    def environment(self) -> dict[str, str]:
        """Return what commands for this town are told by."""
        return {**os.environ, "MACHI_DATA": str(self.data)}

    def people(self) -> dict[str, str]:
        """Return the passwords of the demo's accounts by name, as the town showed them once."""
        told = re.findall(
            r"\|   (\S+) +\S+ +((?:[a-z2-9]{4}-){3}[a-z2-9]{4})$", self.said(), re.MULTILINE
        )
        return dict(told)

    def said(self) -> str:
        """Return what the town has said, once it is up."""
        deadline = time.monotonic() + PATIENCE
        while "stop with Ctrl-C" not in (said := self.server.log.read_text()):
            if time.monotonic() > deadline:
                raise TimeoutError(said[-2000:])
            time.sleep(0.02)
        return said

    def replay_command(self, *options: str) -> list[str]:
        """Return the command that plays the flood into this town."""
        where = ["--broker", self.broker, "--mqtt-port", str(self.mqtt_port)]
        return [sys.executable, "-m", "machi", "replay", "kuma-2020", *where, *options]


def town_in(folder: Path, mqtt_port: int | None = None) -> Town:
    """Return a town that is not started yet, with its data in `folder`.

    With `mqtt_port` it uses the MQTT broker that listens there instead of one of its own.
    """
    broker, mqtt, portal, staff = (free_port() for _ in range(4))
    mqtt, bookings = mqtt_port or mqtt, free_ports_in_a_row(7)
    command = [sys.executable, "-m", "machi", "up", "--data", str(folder / "data")]
    command += ["--broker-port", str(broker), "--mqtt-port", str(mqtt)]
    command += ["--portal-port", str(portal), "--light-port", str(free_port_pair())]
    command += ["--staff-port", str(staff), "--bookings-port", str(bookings)]
    command += ["--consent-port", str(bookings + 3), "--kijiko-port", str(bookings + 4)]
    command += ["--cloud-port", str(bookings + 6)]
    command += ["--no-mqtt"] if mqtt_port else []
    server = Server(command, portal, folder / "town.log")
    return Town(server, broker, mqtt, portal, staff, folder / "data", bookings)
