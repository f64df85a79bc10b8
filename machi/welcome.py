"""What `machi up` says once the town is up."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from machi.access import Handed
from machi.settings import HOST, TownSettings


def welcome(
    settings: TownSettings,
    handed: Handed | None,
    people: list[tuple[str, str, str]],
    seconds: float,
) -> list[str]:
    """Return the lines; `people` are accounts made just now, whose passwords are shown once."""
    ports = ""
    if (settings.broker_port, settings.mqtt_port) != (1026, 1883):
        ports = f" --broker {settings.broker} --mqtt-port {settings.mqtt_port}"
    return [
        f"the town is up in {seconds:.1f} s",
        f"  page     http://localhost:{settings.portal_port}",
        f"  staff    http://localhost:{settings.staff_port}",
        f"  bookings http://localhost:{settings.bookings_port}",
        f"  counter  http://localhost:{settings.bookings_port + 1}",
        f"  Kijiko   http://localhost:{settings.kijiko_port}",
        f"  treasury http://localhost:{settings.kijiko_port + 1}",
        *_consent(settings),
        f"  broker   http://localhost:{settings.broker_port}/ngsi-ld/v1/entities?type=EvacuationShelter",
        f"  MQTT     {HOST}:{settings.mqtt_port}",
        f"play the flood of 4 July 2020:  {_program()} replay kuma-2020 --speed 600{ports}",
        *_keys(settings, handed),
        *_accounts(settings, people),
        "stop with Ctrl-C",
    ]


def _consent(settings: TownSettings) -> list[str]:
    if settings.auth == "off":
        return []
    return [f"  consent  http://localhost:{settings.consent_port}"]


def _keys(settings: TownSettings, handed: Handed | None) -> list[str]:
    if handed is None:
        return ["--auth off: whoever reaches the broker may do everything"]
    lines = ["open data needs no key; this one of the demo writes, as in the README:"]
    lines.append(f"  KEY={handed.demo}")
    if settings.data != Path("data"):
        lines.append(f"for the command line:  export MACHI_DATA={settings.data.resolve()}")
    return lines


def _accounts(settings: TownSettings, people: list[tuple[str, str, str]]) -> list[str]:
    if not people:
        return []
    operator = f"http://localhost:{settings.broker_port}/operator"
    lines = [f"accounts of the demo, for these pages and {operator}; passwords are shown once:"]
    return lines + [f"  {name:<14} {role:<16} {password}" for name, role, password in people]


def _program() -> str:
    """Return how this command can be called again from here."""
    if shutil.which("machi"):
        return "machi"
    own = Path(sys.executable).parent / "machi"
    here = Path.cwd()
    return str(own.relative_to(here) if own.is_relative_to(here) else own)
