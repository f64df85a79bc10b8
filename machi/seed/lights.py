"""The town's simulated lights: where they listen, and what their entities say of it."""

from __future__ import annotations

from typing import Any, Final

from machi.seed.parts import urn

HOST: Final = "127.0.0.1"
FIXTURES: Final = 12
LIGHT: Final = urn("IlluminationControl", "mizunote")


def light_port(first: int, *, drill: bool) -> int:
    """Return the port (UDP and TCP) of the town's or the drill's simulated light."""
    return first + 1 if drill else first


def universe(*, drill: bool) -> int:
    """Return the sACN universe of the town's or the drill's light."""
    return 2 if drill else 1


def addressing(first: int, *, drill: bool) -> dict[str, Any]:
    """Return the `addressing` of a simulated light: sACN to it, and its colours asked back."""
    port = light_port(first, drill=drill)
    return {
        "simulated": True,
        "universe": universe(drill=drill),
        "fixtures": FIXTURES,
        "host": HOST,
        "port": port,
        "readBack": f"http://{HOST}:{port}",
    }
