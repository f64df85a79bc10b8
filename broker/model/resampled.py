"""Values that stand for a period: how an instance says so (pure).

Retention makes one instance of many. It is observed at the beginning of the period, its value is
the mean, or the newest value where there were no numbers, and a sub-attribute carries the figures:

    "resampled": {"type": "JsonProperty", "json": {"period": "PT1H", "count": 6, "numbers": 6,
                                                   "min": 1.2, "mean": 1.4, "max": 1.7}}
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from broker.model.entity import DEFAULT, Instance

RESAMPLED: Final = "https://machi.example/ns#resampled"
"""The sub-attribute's name."""

_UNITS: Final = (("D", 86_400), ("H", 3600), ("M", 60))


class Figures(Protocol):
    """What an instance stands for (`broker.store.history.Resampled`)."""

    @property
    def period(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def numbers(self) -> int: ...
    @property
    def minimum(self) -> float | None: ...
    @property
    def mean(self) -> float | None: ...
    @property
    def maximum(self) -> float | None: ...


def marked_by(instance: Instance, figures: Figures) -> Instance:
    """Return an instance that says what it stands for."""
    told: dict[str, Any] = {
        "period": duration(figures.period),
        "count": figures.count,
        "numbers": figures.numbers,
    }
    if figures.mean is not None:
        told |= {"min": figures.minimum, "mean": figures.mean, "max": figures.maximum}
    mark = {DEFAULT: {"type": "JsonProperty", "json": told}}
    return {**instance, "attrs": {**instance.get("attrs", {}), RESAMPLED: mark}}


def duration(microseconds: int) -> str:
    """Return a whole number of seconds as an ISO 8601 duration of one unit."""
    seconds = microseconds // 1_000_000
    for unit, length in _UNITS:
        if seconds % length == 0:
            amount = seconds // length
            return f"P{amount}D" if unit == "D" else f"PT{amount}{unit}"
    return f"PT{seconds}S"
