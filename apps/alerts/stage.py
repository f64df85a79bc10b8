"""The stage engine: from a row of water levels to the stage a station is in. Pure.

A station's `stageTable` lists threshold tables, each valid for a time, because towns change
their thresholds. A table names its steps from low to high, each with the level where it begins:

    up    a step is confirmed by `holdUpSamples` good samples in a row at or above its level,
          spanning at least `holdUpSeconds`; steps may be jumped over
    early the lowest step is also confirmed, far below its level, by as many good samples in a row
          at which the water has risen by more than `fastRise` metres within ten minutes
    down  one step at a time, when every good sample of `holdDownSeconds` lay below the present
          step's level less `hysteresis`
    hold  samples of bad quality, or not newer than the last, change nothing; a silence longer
          than the hold down does not count for it

All times are those of the measurements. With the default of two samples a light turns at the
second sample at or above the published threshold, so that one wild sample turns nothing.

Steps are not warning levels: the alert level (1 to 5) that belongs to a step is in the table,
and level 5 (災害発生) is refused in one, since only people confirm it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import isfinite
from typing import Any, Final

from apps.alerts.moments import moment_of
from apps.alerts.rise import Trace, risen, traced

NORMAL: Final = "normal"
GOOD: Final = frozenset({"good", "simulated"})
COUNTS: Final = GOOD | {"atLeast"}
"""Qualities that may change a stage: good ones, and water above what the gauge can measure."""
HIGHEST_STAGE: Final = 4


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a threshold table: from `level` metres up, alert level `stage` (0 to 5)."""

    name: str
    level: float
    stage: int


@dataclass(frozen=True, slots=True)
class Table:
    """Thresholds and holds valid from `valid_from` until before `valid_to` (None: open).

    `fast_rise` is in metres within ten minutes; None where a rise alone begins no step.
    """

    steps: tuple[Step, ...]
    hysteresis: float = 0.15
    hold_up_samples: int = 2
    hold_up_seconds: float = 0.0
    hold_down_seconds: float = 1800.0
    fast_rise: float | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None

    def valid_at(self, moment: datetime) -> bool:
        """Say whether the table applies at a moment."""
        return (self.valid_from is None or self.valid_from <= moment) and (
            self.valid_to is None or moment < self.valid_to
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """A measurement: level in metres, its time, its quality in RiverLevelStation's terms."""

    at: datetime
    level: float
    quality: str = "good"


@dataclass(frozen=True, slots=True)
class Rise:
    """A step on its way to be confirmed: since when and by how many samples."""

    since: datetime
    samples: int


@dataclass(frozen=True, slots=True)
class State:
    """What the engine remembers of a station.

    `heard` is the time of the last good sample, `trace` what came in the last ten minutes, `fast`
    how many samples in a row found the water rising fast.
    """

    step: str = NORMAL
    since: datetime | None = None
    last: datetime | None = None
    heard: datetime | None = None
    rising: dict[str, Rise] = field(default_factory=dict)
    below_since: datetime | None = None
    trace: Trace = ()
    fast: int = 0


def table_at(tables: Sequence[Table], moment: datetime) -> Table | None:
    """Return the table that applies at a moment; of several the one that began last."""
    valid = [table for table in tables if table.valid_at(moment)]
    if not valid:
        return None
    return max(valid, key=lambda t: t.valid_from.timestamp() if t.valid_from else float("-inf"))


def advance(state: State, tables: Sequence[Table], sample: Sample) -> State:
    """Return the state after a sample.

    Without a table that applies, the present step is held; where a new table has dropped it,
    the level alone decides.
    """
    if state.last is not None and sample.at <= state.last:
        return state
    table = table_at(tables, sample.at)
    if sample.quality not in COUNTS:
        return replace(state, last=sample.at)
    if table is None:
        return replace(state, last=sample.at, heard=sample.at)
    state = _traced(state, table, sample)
    names = [step.name for step in table.steps]
    if state.step != NORMAL and state.step not in names:
        return _begun(state, _highest(table, sample.level), sample, {})
    present = names.index(state.step) if state.step in names else -1
    rising = _rising(state.rising, table, present, sample)
    confirmed = _confirmed(rising, table, sample.at)
    if confirmed is None and present < 0 and names and state.fast >= table.hold_up_samples:
        confirmed = names[0]
    if confirmed is not None:
        above = names[names.index(confirmed) + 1 :]
        return _begun(state, confirmed, sample, {n: rising[n] for n in above if n in rising})
    silence = sample.at - state.heard if state.heard is not None else None
    if silence is not None and silence.total_seconds() > table.hold_down_seconds:
        state = replace(state, below_since=None)
    heard = replace(state, last=sample.at, heard=sample.at, rising=rising)
    return _descend(heard, table, present, sample)


def step_named(table: Table | None, name: str) -> Step:
    """Return a step of a table; the normal step where the table has none of that name."""
    steps = table.steps if table else ()
    return next((step for step in steps if step.name == name), Step(NORMAL, float("-inf"), 0))


def _traced(state: State, table: Table, sample: Sample) -> State:
    trace = traced(state.trace, sample.at, sample.level)
    fast = table.fast_rise is not None and risen(trace, sample.level) > table.fast_rise
    return replace(state, trace=trace, fast=state.fast + 1 if fast else 0)


def _begun(state: State, step: str, sample: Sample, rising: dict[str, Rise]) -> State:
    at = sample.at
    return State(step, at, at, at, rising=rising, trace=state.trace, fast=state.fast)


def _highest(table: Table, level: float) -> str:
    reached = [step.name for step in table.steps if level >= step.level]
    return reached[-1] if reached else NORMAL


def _rising(before: dict[str, Rise], table: Table, present: int, sample: Sample) -> dict[str, Rise]:
    rising: dict[str, Rise] = {}
    for step in table.steps[present + 1 :]:
        if sample.level >= step.level:
            known = before.get(step.name)
            rising[step.name] = Rise(
                known.since if known else sample.at, (known.samples if known else 0) + 1
            )
    return rising


def _confirmed(rising: dict[str, Rise], table: Table, now: datetime) -> str | None:
    for step in reversed(table.steps):
        rise = rising.get(step.name)
        if (
            rise is not None
            and rise.samples >= table.hold_up_samples
            and (now - rise.since).total_seconds() >= table.hold_up_seconds
        ):
            return step.name
    return None


def _descend(state: State, table: Table, present: int, sample: Sample) -> State:
    if present < 0:
        return state
    if sample.level >= table.steps[present].level - table.hysteresis or state.fast:
        return replace(state, below_since=None)
    since = state.below_since or sample.at
    if (sample.at - since).total_seconds() < table.hold_down_seconds:
        return replace(state, below_since=since)
    lower = table.steps[present - 1].name if present else NORMAL
    return replace(state, step=lower, since=sample.at, below_since=sample.at)


def tables_from(entries: object) -> tuple[Table, ...]:
    """Return the tables in a station's `stageTable` value. Raises ValueError, naming the entry."""
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise ValueError("stageTable is not a list")
    tables = []
    for index, entry in enumerate(entries):
        try:
            tables.append(_table(entry))
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise ValueError(f"stageTable/{index}: {error!r}") from error
    return tuple(tables)


def _table(entry: dict[str, Any]) -> Table:
    steps = [Step(str(s["step"]), _number(s["level"]), int(s["stage"])) for s in entry["steps"]]
    above = [step.name for step in steps if step.stage > HIGHEST_STAGE]
    if above:
        raise ValueError(f"{above[0]}: level 5 is confirmed by people only")
    defaults, fast_rise = Table(()), entry.get("fastRise")
    return Table(
        steps=tuple(sorted(steps, key=lambda step: step.level)),
        hysteresis=_number(entry.get("hysteresis", defaults.hysteresis)),
        hold_up_samples=int(entry.get("holdUpSamples", defaults.hold_up_samples)),
        hold_up_seconds=_number(entry.get("holdUpSeconds", defaults.hold_up_seconds)),
        hold_down_seconds=_number(entry.get("holdDownSeconds", defaults.hold_down_seconds)),
        fast_rise=None if fast_rise is None else _number(fast_rise),
        valid_from=_valid(entry.get("validFrom")),
        valid_to=_valid(entry.get("validTo")),
    )


def _number(given: Any) -> float:
    number = float(given)
    if not isfinite(number):
        raise ValueError(f"{given!r} is no number")
    return number


def _valid(text: object) -> datetime | None:
    return None if text is None else moment_of(text)


def state_to_plain(state: State) -> dict[str, Any]:
    """Return the state as plain JSON data without nulls, to be kept in an entity."""
    times = {
        "since": state.since,
        "last": state.last,
        "heard": state.heard,
        "belowSince": state.below_since,
    }
    return {
        "step": state.step,
        **{name: moment.isoformat() for name, moment in times.items() if moment is not None},
        "rising": {
            name: {"since": rise.since.isoformat(), "samples": rise.samples}
            for name, rise in state.rising.items()
        },
        "trace": [[at.isoformat(), level] for at, level in state.trace],
        "fast": state.fast,
    }


def state_from_plain(plain: dict[str, Any] | None) -> State:
    """Return the state kept by `state_to_plain`; the initial state for None."""
    if plain is None:
        return State()
    rising = {
        name: Rise(datetime.fromisoformat(rise["since"]), rise["samples"])
        for name, rise in plain["rising"].items()
    }
    return State(
        step=plain["step"],
        since=_moment(plain.get("since")),
        last=_moment(plain.get("last")),
        heard=_moment(plain.get("heard")),
        rising=rising,
        below_since=_moment(plain.get("belowSince")),
        trace=tuple((datetime.fromisoformat(at), level) for at, level in plain.get("trace", ())),
        fast=plain.get("fast", 0),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
