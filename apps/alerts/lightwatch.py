"""The lights: what they must be told, and when to say that one is wrong. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from apps.alerts.cursor import Cursor, Fault
from apps.alerts.effects import Operation, fault_entity, fault_over_operation, light_operation
from apps.alerts.faults import due, light_fault
from apps.alerts.judging import Judgement
from apps.alerts.lights import Moment, shows, wanted
from apps.alerts.mirror import Mirror
from apps.alerts.stage import NORMAL
from broker.client import Entity, value


def light_operations(
    lights: Sequence[tuple[Entity, int]],
    judgement: Judgement,
    real: datetime,
    *,
    commanded: set[str],
    drill: bool,
) -> list[Operation]:
    """Return the operations that give a station's lights their looks.

    Lights not among the `commanded` are told in any case, as after a restart. A new step is told
    as of its sample's time, anything else as of now.
    """
    step = judgement.after.state.step
    moment = Moment(step, judgement.blind, judgement.now, real, drill)
    stepped = judgement.sample is not None and step != judgement.before.state.step
    at = judgement.sample.at if stepped and judgement.sample else judgement.now
    found = []
    for light, version in lights:
        command = wanted(light, moment)
        if command is None or (shows(light, command) and light["id"] in commanded):
            continue
        found.append(light_operation(light, f"v{version}", command, at, drill=drill))
    return found


def fail_safe_operations(
    lights: Sequence[tuple[Entity, int]], real: datetime, *, drill: bool
) -> list[Operation]:
    """Return the operations that give lights whose station tells nothing their fail-safe look.

    A light that a person runs is left to them, one that was told already is not told again.
    """
    found = []
    for light, version in lights:
        command = wanted(light, Moment(NORMAL, True, real, real, drill))
        if command is not None and not shows(light, command):
            found.append(light_operation(light, f"v{version}", command, real, drill=drill))
    return found


@dataclass(frozen=True, slots=True)
class Watched:
    """What is wrong with the lights. `ends` are the alerts that are over."""

    cursor: Cursor
    operations: list[Operation]
    ends: list[str]
    real: datetime

    def all_operations(self, ended: Sequence[Entity | None]) -> list[Operation]:
        """Return the operations with those that end the alerts given."""
        over = [fault_over_operation(alert, self.real) for alert in ended if alert is not None]
        return self.operations + over


def judge_lights(mirror: Mirror, cursor: Cursor, real: datetime, *, drill: bool) -> Watched:
    """Return the cursor with what is wrong with each light, and the alerts that begin or end."""
    faults: dict[str, Fault] = {}
    operations: list[Operation] = []
    for light_id, (light, _) in mirror.lights.items():
        fault = light_fault(light, cursor.lights.get(light_id), real)
        if fault is None or value(light, "refStation") is None:
            continue
        if due(fault, real):
            alert_id = (
                f"urn:ngsi-ld:Alert:{light_id.removeprefix('urn:ngsi-ld:')}"
                f":{fault.kind}:{real.strftime('%Y%m%dT%H%M%S%f')}"
            )
            fault = replace(fault, alert=alert_id)
            entity = fault_entity(light, fault.kind, alert_id, real, drill=drill)
            operations.append({"op": "create", "entity": entity, "ifNoneMatch": "*"})
        faults[light_id] = fault
    ends = [
        known.alert
        for light_id, known in cursor.lights.items()
        if known.alert is not None and light_id not in faults
    ]
    return Watched(replace(cursor, lights=faults), operations, ends, real)
