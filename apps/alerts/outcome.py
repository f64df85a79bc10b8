"""From a judgement to the operations it asks for: stage, alerts, faults. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from apps.alerts.cursor import Watch
from apps.alerts.effects import (
    Change,
    Operation,
    alert_entity,
    end_operation,
    fault_entity,
    fault_over_operation,
    quality_operation,
    station_operation,
)
from apps.alerts.judging import Judgement, rising, tables_of
from apps.alerts.stage import NORMAL, step_named, table_at
from broker.client import Entity


@dataclass(frozen=True, slots=True)
class Plan:
    """What a judgement does. `ends` are the alerts to read before `operations` can be made."""

    judgement: Judgement
    watch: Watch
    drill: bool
    change: Change | None = None
    begun: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    ends: tuple[str, ...] = field(default=())

    def operations(self, ended: Sequence[Entity | None]) -> list[Operation]:
        """Return the operations, given the alerts named by `ends`; those gone are left out."""
        present = {alert["id"]: alert for alert in ended if alert is not None}
        at, station = self.judgement.now, self.judgement.station
        before = self.judgement.before
        found: list[Operation] = []
        if self.change is not None:
            found.append(station_operation(self.change))
            previous = present.get(before.alert or "")
            if self.watch.alert is not None:
                found.append(_create(alert_entity(self.change, self.watch.alert, previous)))
            if previous is not None:
                found.append(end_operation(self.change, previous))
        if self.watch.quality is not None and self.watch.quality != before.quality:
            found.append(quality_operation(station["id"], self.watch.quality, at))
        for kind in self.begun:
            alert = fault_entity(station, kind, self.watch.faults[kind], at, drill=self.drill)
            found.append(_create(alert))
        for kind in self.over:
            past = present.get(before.faults[kind])
            if past is not None:
                found.append(fault_over_operation(past, at))
        return found


def plan(judgement: Judgement, *, drill: bool, place: int | None) -> Plan:
    """Return what a judgement asks for. `place` in the feed makes the ids of new alerts."""
    before, after = judgement.before, judgement.after
    change = _change(judgement, drill=drill)
    alert = before.alert
    ends: list[str] = []
    if change is not None:
        if before.alert is not None:
            ends.append(before.alert)
        alert = None
        if change.step.name != NORMAL:
            alert = f"{_alert_id(judgement.station)}:{place or 0}"
    begun = tuple(sorted(judgement.faults - set(before.faults)))
    over = tuple(sorted(set(before.faults) - judgement.faults))
    ends += [before.faults[kind] for kind in over]
    faults = {kind: before.faults[kind] for kind in before.faults if kind not in over}
    for kind in begun:
        faults[kind] = f"{_alert_id(judgement.station)}:{kind}:{_stamp(judgement.now)}"
    watch = replace(after, alert=alert, faults=faults)
    return Plan(judgement, watch, drill, change, begun, over, tuple(ends))


def _change(judgement: Judgement, *, drill: bool) -> Change | None:
    sample, step = judgement.sample, judgement.after.state.step
    if sample is None or step == judgement.before.state.step:
        return None
    table = table_at(tables_of(judgement.station), sample.at)
    return Change(
        judgement.station,
        step_named(table, step),
        rising(judgement),
        sample.at,
        sample.level,
        drill,
    )


def _alert_id(entity: Entity) -> str:
    return f"urn:ngsi-ld:Alert:{entity['id'].removeprefix('urn:ngsi-ld:')}"


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%S%f")


def _create(entity: Entity) -> Operation:
    return {"op": "create", "entity": entity, "ifNoneMatch": "*"}
