"""How often simulated devices report: often at first, for who begins to listen a little later."""

from __future__ import annotations

from collections.abc import Iterator


def pauses(every: float) -> Iterator[float]:
    """Yield the seconds between reports: one, then twice as long each time, up to `every`."""
    pause = 1.0
    while True:
        yield min(pause, every)
        pause = min(pause * 2, every)
