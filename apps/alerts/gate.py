"""The quality gate: which measurements the stage engine may believe. Pure.

    future      measured more than `future` seconds after now: the clock is wrong, nothing is kept
    outOfRange  not between `lowest` and `highest` metres
    atLeast     above `highest`, where the water was near it before: counts as `highest`
    suspect     a jump of more than `jump` metres a minute, until `confirmations` further samples
                agree with it; the river has then really jumped
    stuck       the same number for `stuck_samples` and `stuck_seconds`, while another gauge of
                the river moved or this one stands above normal
    good        anything else that the adapter calls good (or simulated)

What the adapter itself calls bad (missing, maintenance, …) stays so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from apps.alerts.stage import GOOD, Sample

AT_LEAST: Final = "atLeast"
FUTURE: Final = "future"
MOVE: Final = 0.20
"""Metres by which a gauge must differ from where it last stood to count as moving."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a station's levels can be; from its `qualityGate`, in metres and seconds."""

    lowest: float = -10.0
    highest: float = 30.0
    jump: float = 1.0
    confirmations: int = 2
    stuck_samples: int = 10
    stuck_seconds: float = 10_800.0
    future: float = 300.0


@dataclass(frozen=True, slots=True)
class Memory:
    """What the gate remembers: the last level believed, a jump on trial, since when it is still."""

    level: float | None = None
    at: datetime | None = None
    trial: float | None = None
    trial_at: datetime | None = None
    agreeing: int = 0
    still: float | None = None
    still_since: datetime | None = None
    still_samples: int = 0
    anchor: float | None = None
    moved_at: datetime | None = None


def judge(
    memory: Memory,
    sample: Sample,
    limits: Limits,
    now: datetime,
    *,
    high: bool = False,
    others_moved_at: datetime | None = None,
) -> tuple[Memory, Sample]:
    """Return the memory after a sample, and the sample with the quality it deserves.

    `high` says that the station stands above normal, `others_moved_at` when another gauge of
    the river last moved.
    """
    if (sample.at - now).total_seconds() > limits.future:
        return memory, replace(sample, quality=FUTURE)
    if sample.quality not in GOOD | {"outOfRange"}:
        return memory, sample
    over = sample.level > limits.highest or (
        sample.quality == "outOfRange" and sample.level > (limits.lowest + limits.highest) / 2
    )
    if not over and (sample.quality == "outOfRange" or sample.level < limits.lowest):
        return _unbelieved(memory, sample), replace(sample, quality="outOfRange")
    if over:
        return _over_range(memory, sample, limits)
    memory = _stillness(memory, sample)
    if _far(memory.level, memory.at, sample, limits):
        memory = _on_trial(memory, sample, limits)
        if memory.agreeing < limits.confirmations:
            return memory, replace(sample, quality="suspect")
    memory = _believed(memory, sample)
    if _stuck(memory, sample, limits, high, others_moved_at):
        return memory, replace(sample, quality="stuck")
    return memory, sample


def _over_range(memory: Memory, sample: Sample, limits: Limits) -> tuple[Memory, Sample]:
    """A blocked sensor reads like very high water: only water that was near is believed."""
    top = replace(sample, level=limits.highest, quality=AT_LEAST)
    if memory.level is None or _far(memory.level, memory.at, top, limits):
        return _unbelieved(memory, sample), replace(sample, quality="outOfRange")
    return _believed(memory, top), top


def _unbelieved(memory: Memory, sample: Sample) -> Memory:
    """Let no time pass for the level last believed: what was not believed is no way up."""
    return memory if memory.at is None else replace(memory, at=sample.at)


def _far(level: float | None, at: datetime | None, sample: Sample, limits: Limits) -> bool:
    if level is None or at is None:
        return False
    minutes = max(1.0, (sample.at - at).total_seconds() / 60)
    return abs(sample.level - level) > limits.jump * minutes


def _on_trial(memory: Memory, sample: Sample, limits: Limits) -> Memory:
    agrees = memory.trial is not None and not _far(memory.trial, memory.trial_at, sample, limits)
    return replace(
        _unbelieved(memory, sample),
        trial=sample.level,
        trial_at=sample.at,
        agreeing=memory.agreeing + 1 if agrees else 0,
    )


def _believed(memory: Memory, sample: Sample) -> Memory:
    moved = memory.anchor is None or abs(sample.level - memory.anchor) >= MOVE
    return replace(
        memory,
        level=sample.level,
        at=sample.at,
        trial=None,
        trial_at=None,
        agreeing=0,
        anchor=sample.level if moved else memory.anchor,
        moved_at=sample.at if moved and memory.anchor is not None else memory.moved_at,
    )


def _stillness(memory: Memory, sample: Sample) -> Memory:
    if memory.still is not None and memory.still == sample.level:
        return replace(memory, still_samples=memory.still_samples + 1)
    return replace(memory, still=sample.level, still_since=sample.at, still_samples=1)


def _stuck(
    memory: Memory,
    sample: Sample,
    limits: Limits,
    high: bool,
    others_moved_at: datetime | None,
) -> bool:
    since = memory.still_since
    if since is None or memory.still_samples < limits.stuck_samples:
        return False
    if (sample.at - since).total_seconds() < limits.stuck_seconds:
        return False
    return high or (others_moved_at is not None and others_moved_at > since)


def limits_from(given: object, sensor_height: object = None) -> Limits:
    """Return a station's limits: its `qualityGate` over the defaults.

    Without a `highest` of its own the sensor's height is the limit. Raises ValueError.
    """
    if given is not None and not isinstance(given, dict):
        raise ValueError("qualityGate is not an object")
    names = {
        "lowest": "lowest",
        "highest": "highest",
        "jump": "jump",
        "confirmations": "confirmations",
        "stuckSamples": "stuck_samples",
        "stuckSeconds": "stuck_seconds",
        "futureSeconds": "future",
    }
    found: dict[str, Any] = {}
    if isinstance(sensor_height, int | float) and not isinstance(sensor_height, bool):
        found["highest"] = float(sensor_height)
    for name, number in (given or {}).items():
        if name not in names or not isinstance(number, int | float) or isinstance(number, bool):
            raise ValueError(f"qualityGate/{name} is not a number that is known")
        found[names[name]] = number
    return Limits(**found)


def memory_to_plain(memory: Memory) -> dict[str, Any]:
    """Return the memory as plain JSON data without nulls."""
    plain: dict[str, Any] = {}
    for name in Memory.__slots__:
        kept = getattr(memory, name)
        if kept is not None:
            plain[name] = kept.isoformat() if isinstance(kept, datetime) else kept
    return plain


def memory_from_plain(plain: dict[str, Any] | None) -> Memory:
    """Return the memory kept by `memory_to_plain`; an empty one for None."""
    times = {"at", "trial_at", "still_since", "moved_at"}
    kept: dict[str, Any] = {
        name: datetime.fromisoformat(part) if name in times else part
        for name, part in (plain or {}).items()
    }
    return Memory(**kept)
