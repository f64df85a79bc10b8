"""Where a light is: the `addressing` of an IlluminationControl. Pure.

    sacn  {"universe": 1, "startChannel": 1, "fixtures": 12, "channels": "rgb" or "drgb",
           "host": "10.1.0.20" (multicast if missing), "port": 5568, "interface": "10.1.0.2",
           "preview": false, "readBack": "http://10.1.0.20" (a WLED that takes the stream)}
    wled  {"url": "http://10.1.0.20", "segment": 0}

sACN goes one way: without `readBack` nobody knows what the light shows, and it says `sent`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from adapters.bridge_light.e131 import MOST_SLOTS, PORT, UNIVERSES
from adapters.bridge_light.look import Rgb
from broker.client import Entity, value

WIDTHS: Final = {"rgb": 3, "drgb": 4}


class NoAddress(ValueError):
    """A light's `addressing` cannot be used; the text names the member."""


@dataclass(frozen=True, slots=True)
class Sacn:
    """A stretch of a universe. `channels`: red, green, blue, with a dimmer before (`drgb`)."""

    universe: int
    start: int = 1
    fixtures: int = 1
    channels: str = "rgb"
    host: str | None = None
    port: int = PORT
    interface: str | None = None
    preview: bool = False
    read_back: str | None = None

    def slots(self, colour: Rgb) -> bytes:
        """Return the universe's levels that show a colour on every fixture."""
        dimmer = b"\xff" if self.channels == "drgb" else b""
        return bytes(self.start - 1) + (dimmer + bytes(colour)) * self.fixtures


@dataclass(frozen=True, slots=True)
class Wled:
    """A segment of a WLED controller."""

    url: str
    segment: int = 0


def address_of(light: Entity) -> Sacn | Wled | None:
    """Return where a light is, None for a light of another adapter. Raises NoAddress."""
    protocol, given = value(light, "protocol"), value(light, "addressing")
    if protocol not in ("sacn", "wled") or given is None:
        return None
    if not isinstance(given, dict):
        raise NoAddress("addressing is not an object")
    if protocol == "wled":
        url = given.get("url")
        if not isinstance(url, str):
            raise NoAddress("addressing/url is missing")
        return Wled(url.rstrip("/"), _whole(given, "segment", 0, range(64)))
    channels = given.get("channels", "rgb")
    if not isinstance(channels, str) or channels not in WIDTHS:
        raise NoAddress("addressing/channels is neither rgb nor drgb")
    address = Sacn(
        universe=_whole(given, "universe", None, UNIVERSES),
        start=_whole(given, "startChannel", 1, range(1, MOST_SLOTS + 1)),
        fixtures=_whole(given, "fixtures", 1, range(1, 171)),
        channels=channels,
        host=_text(given, "host"),
        port=_whole(given, "port", PORT, range(1, 65_536)),
        interface=_text(given, "interface"),
        preview=given.get("preview") is True,
        read_back=_text(given, "readBack"),
    )
    if len(address.slots((0, 0, 0))) > MOST_SLOTS:
        raise NoAddress("addressing: the fixtures do not fit into one universe")
    return address


def _whole(given: dict[str, Any], name: str, default: int | None, allowed: range) -> int:
    found = given.get(name, default)
    if not isinstance(found, int) or isinstance(found, bool) or found not in allowed:
        raise NoAddress(f"addressing/{name} is not {allowed.start} to {allowed.stop - 1}")
    return found


def _text(given: dict[str, Any], name: str) -> str | None:
    found = given.get(name)
    if found is not None and not isinstance(found, str):
        raise NoAddress(f"addressing/{name} is not a text")
    return found
