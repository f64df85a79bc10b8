"""How long history is kept, and what becomes of it then (pure). All times are microseconds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Step:
    """To what moments are resampled, and how old they may get; None for ever. Microseconds."""

    period: int
    keep: int | None = None


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long moments are kept as they were told (`raw`), and what becomes of them then.

    Each step takes over what is too old for the one before; what is too old for the last is
    forgotten. Each period is a multiple of the one before, and each `keep` longer.
    """

    raw: int | None = None
    steps: tuple[Step, ...] = ()

    def spans(self, now: int) -> list[Span]:
        """Return what is due, the oldest first."""
        if self.raw is None:
            return []
        spans: list[Span] = []
        keep: int | None = self.raw
        period = 1
        for step in self.steps:
            assert keep is not None
            spans.append(Span((now - keep) // step.period * step.period, step.period))
            keep, period = step.keep, step.period
        if keep is not None:
            spans.append(Span((now - keep) // period * period, None))
        return spans[::-1]


@dataclass(frozen=True, slots=True)
class Span:
    """Moments before `end`, and not in the span before it, are resampled to `period`.

    Periods begin at multiples of their length. Without a period moments are forgotten.
    """

    end: int
    period: int | None


Decide: TypeAlias = Callable[[Sequence[str], str], Keeping | None]
"""From an entity's types and an attribute to how long it is kept; None for ever."""
