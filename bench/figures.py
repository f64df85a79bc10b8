"""Measured figures, and what they are held against."""

from dataclasses import dataclass, field
from statistics import median

from bench.wrk import Cell


@dataclass(frozen=True, slots=True)
class Target:
    """A bound the median (or with `worst` every value) must keep."""

    value: float
    at_least: bool = True
    worst: bool = False

    def met(self, values: list[float]) -> bool:
        """Say whether the values keep the bound."""
        worst = min if self.at_least else max
        judged = worst(values) if self.worst else median(values)
        return judged >= self.value if self.at_least else judged <= self.value

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.value:,g}"


@dataclass(slots=True)
class Figure:
    """One thing measured several times."""

    name: str
    unit: str
    target: Target | None = None
    values: list[float] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """Return `met`, `missed`, or a dash where there is no target."""
        if self.target is None:
            return "–"
        return "met" if self.target.met(self.values) else "**missed**"

    @property
    def spread(self) -> tuple[float, float, float]:
        """Return minimum, median and maximum."""
        return min(self.values), median(self.values), max(self.values)


@dataclass(slots=True)
class Rate:
    """An operation against the bare server under the same load, round by round."""

    name: str
    target: Target | None
    broker: list[Cell] = field(default_factory=list)
    bare: list[Cell] = field(default_factory=list)

    @property
    def ratio(self) -> Figure:
        """Return broker ÷ bare in requests per CPU-second, one value per round."""
        pairs = zip(self.broker, self.bare, strict=True)
        values = [broker.per_cpu / bare.per_cpu for broker, bare in pairs]
        return Figure(self.name, "ratio", self.target, values)


def number(value: float) -> str:
    """Write a figure with as many digits as mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}"
