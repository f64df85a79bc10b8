"""What a station's state becomes by a sample or by time passing. Pure."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from apps.alerts.cursor import Watch
from apps.alerts.faults import doubts, gauge_faults, silent
from apps.alerts.gate import FUTURE, Limits, Memory, judge, limits_from
from apps.alerts.metres import metres_of
from apps.alerts.stage import (
    NORMAL,
    Sample,
    State,
    Table,
    advance,
    step_named,
    table_at,
    tables_from,
)
from broker.client import Entity, observed_at, value

log = logging.getLogger("apps.alerts")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A station's watch before and after, and what is wrong with the gauge.

    `sample` is set where a sample was taken. `blind` says that nobody knows how high the water
    stands, or what that means: it decides about the fail-safe look.
    """

    station: Entity
    before: Watch
    after: Watch
    now: datetime
    sample: Sample | None
    blind: bool
    faults: frozenset[str]


def judge_station(
    station: Entity,
    known: Watch | None,
    others: Mapping[str, Watch],
    now: datetime,
    *,
    take: bool,
    quiet: bool,
) -> Judgement:
    """Return the judgement of a station as it stands at a moment of the river.

    `take` says that its measurement may be taken: those of the stream are, one after the other.

    `others` are the other gauges of its river. `quiet` says that nothing has come for a while
    on the wall's clock: only then may a gauge count as silent.
    """
    run = value(station, "drillRun")
    before = known if known is not None and known.run == run else Watch(run=run, seen=now)
    before = _in_time(before, _limits(station), now)
    sample = sample_of(station) if take else None
    if sample is not None and before.state.last is not None and sample.at <= before.state.last:
        sample = None
    after = before if sample is None else _taken(station, before, others, now, sample)
    is_silent = silent(after, station, now) and (quiet or "silent" in before.faults)
    faults = gauge_faults(after, now) | ({"silent"} if is_silent else set())
    if _without_thresholds(station, now):
        faults.add("noThresholds")
    blind = bool(faults & {"silent", "noThresholds"})
    return Judgement(station, before, after, now, sample, blind, frozenset(faults))


def tables_of(station: Entity) -> tuple[Table, ...]:
    """Return a station's threshold tables; none where they cannot be read, which holds its step."""
    try:
        return tables_from(value(station, "stageTable"))
    except ValueError:
        return ()


def why_no_thresholds(station: Entity) -> str:
    """Return in words why a station that has threshold tables can go by none."""
    try:
        tables_from(value(station, "stageTable"))
    except ValueError as error:
        return str(error)
    return "no table of stageTable is valid now"


def sample_of(station: Entity) -> Sample | None:
    """Return the measurement a station shows; none where its unit is not known."""
    at, level = observed_at(station, "waterLevel"), metres_of(station)
    if at is None or level is None:
        return None
    quality = str(value(station, "quality", "good"))
    return Sample(datetime.fromisoformat(at), level, quality)


def rising(judgement: Judgement) -> bool:
    """Say whether the new step is above the old one."""
    at = judgement.sample.at if judgement.sample else judgement.now
    table = table_at(tables_of(judgement.station), at)
    after, before = judgement.after.state.step, judgement.before.state.step
    return step_named(table, after).level > step_named(table, before).level


def _without_thresholds(station: Entity, now: datetime) -> bool:
    """Say whether a station that has threshold tables can go by none now; one may have none."""
    given = value(station, "stageTable")
    return given not in (None, []) and table_at(tables_of(station), now) is None


def _in_time(watch: Watch, limits: Limits, now: datetime) -> Watch:
    """Begin anew, in the step it has, where what is remembered lies ahead of now.

    A clock was wrong then: no measurement would be newer until that time has come.
    """
    latest = watch.state.last or watch.seen
    if latest is None or (latest - now).total_seconds() <= limits.future:
        return watch
    since = watch.state.since
    state = State(watch.state.step, min(since, now) if since is not None else None)
    return replace(watch, state=state, gate=Memory(), doubts=(), seen=now)


def _taken(
    station: Entity,
    before: Watch,
    others: Mapping[str, Watch],
    now: datetime,
    sample: Sample,
) -> Watch:
    moved = [watch.gate.moved_at for watch in others.values() if watch.run == before.run]
    memory, judged = judge(
        before.gate,
        sample,
        _limits(station),
        now,
        high=before.state.step != NORMAL,
        others_moved_at=max((moment for moment in moved if moment is not None), default=None),
    )
    if judged.quality == FUTURE:
        return replace(before, quality=FUTURE)
    return replace(
        before,
        gate=memory,
        quality=judged.quality,
        doubts=doubts(before.doubts, judged.quality, judged.at),
        state=advance(before.state, tables_of(station), judged),
    )


def _limits(station: Entity) -> Limits:
    height = value(station, "sensorHeight")
    try:
        return limits_from(value(station, "qualityGate"), height)
    except ValueError as error:
        log.warning("%s is judged by the ordinary limits: %s", station["id"], error)
        return limits_from(None, height)
