"""A key box made of software, with a clock of its own that may go wrong."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.key_box.box import Answer, Box

MILLION = 1_000_000


@dataclass(slots=True)
class FakeBox:
    """A box whose clock was set right at a moment and has drifted since.

    `ppm` is the error of its crystal in parts per million: 20 is ten minutes a year.
    """

    box: Box
    set_right: float
    ppm: float = 0.0

    def clock(self, now: float) -> float:
        """Return what the box takes for the time, in seconds since 1970."""
        return now + (now - self.set_right) * self.ppm / MILLION

    def enter(self, typed: str, now: float) -> Answer:
        """Type a PIN at a true time."""
        return self.box.enter(typed, self.clock(now))

    def shut(self, now: float) -> str:
        """Put the key back at a true time; return the receipt it shows."""
        return self.box.shut(self.clock(now))

    def visit(self, now: float) -> float:
        """Set the clock right; return by how many seconds it was ahead."""
        ahead = self.clock(now) - now
        self.set_right = now
        return ahead
