"""Whatever an attribute says, the chain goes on: nobody's slip may silence a town's alerts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.cursor import Cursor, Watch
from apps.alerts.drill import drill_clock
from apps.alerts.judging import judge_station
from apps.alerts.lights import FAIL_SAFE, look_for
from apps.alerts.lightwatch import judge_lights, light_operations
from apps.alerts.mirror import Mirror
from apps.alerts.moments import moment_of
from apps.alerts.outcome import plan
from apps.alerts.stage import tables_from
from broker.client import Entity, timestamp
from machi.seed.town import town_entities
from tests.apps.alerts.chain import LIGHT, STATION

NOW = datetime(2026, 7, 4, tzinfo=UTC)
TOWN = {entity["id"]: entity for entity in town_entities()}
NAIVE = "2022-04-16T00:00:00"
WORDS = st.sampled_from(
    ["", "x", NAIVE, f"{NAIVE}Z", "9999-12-31T23:59:59Z", "NaN", "#FF0000", "blink", "sunset"]
)
MEMBERS = st.sampled_from(
    [
        *("steps", "step", "level", "stage", "looks", "normal", "failSafe", "colour", "effect"),
        *("brightness", "validFrom", "validTo", "futureSeconds", "jump", "from", "to"),
        *("coordinates", "ja"),
    ]
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=3),
    max_leaves=8,
)
NAMES = {
    STATION: [
        *("stageTable", "qualityGate", "staleAfterSeconds", "sensorHeight", "location", "name"),
        *("drillRun", "riverName", "quality", "operationStatus", "stage", "stageStep"),
    ],
    LIGHT: [
        *("lookTable", "schedule", "location", "overrideUntil", "mode", "commandStatus", "name"),
        *("refStation", "colour", "blinkPeriodMs"),
    ],
}


def three_minutes(station: Entity, light: Entity) -> Watch | None:
    """Let a minute pass three times, and all that the app makes of it; return what it keeps."""
    watch: Watch | None = None
    mirror = Mirror({station["id"]: (station, 1)}, {light["id"]: (light, 1)})
    for minute in range(3):
        now = NOW + timedelta(minutes=minute)
        level = {"type": "Property", "value": 3.5, "observedAt": timestamp(now)}
        seen = {"waterLevel": level, **station}
        judgement = judge_station(seen, watch, {}, now, take=True, quiet=True)
        planned = plan(judgement, drill=False, place=minute)
        planned.operations([])
        light_operations([(light, 1)], judgement, now, commanded=set(), drill=False)
        judge_lights(mirror, Cursor(), now, drill=False)
        watch = planned.watch
    return watch


@given(data=st.data(), of=st.sampled_from([STATION, LIGHT]), content=ANYTHING)
def test_any_value_of_any_attribute_is_judged(data: st.DataObject, of: str, content: Any):
    name = data.draw(st.sampled_from(NAMES[of]))
    kind = data.draw(st.sampled_from(["value", "json", "languageMap", "object"]))
    odd = {**TOWN[of], name: {"type": "Property", kind: content}}
    judged = three_minutes(*({**TOWN, of: odd}[entity_id] for entity_id in (STATION, LIGHT)))
    assert judged is not None


@pytest.mark.parametrize(
    "table",
    [
        [{"looks": []}],
        [{"looks": {"danger": {"effect": "steady"}}}],
        [{"looks": {"danger": {"colour": "red"}}}],
        [{"looks": {"danger": {"colour": "#FF0000", "brightness": "full"}}}],
        [{"looks": {"danger": {"colour": "#FF0000", "effect": "strobe"}}}],
        [{"validFrom": NAIVE, "looks": {"danger": {"colour": "#FF0000"}}}],
    ],
)
def test_look_that_cannot_be_read_is_the_fail_safe_one(table: object):
    assert look_for("danger", table, NOW) is FAIL_SAFE


@pytest.mark.parametrize("odd", [{"validFrom": NAIVE}, {"hysteresis": "NaN"}])
def test_table_with_a_time_nowhere_or_a_number_that_is_none_is_refused(odd: dict[str, Any]):
    steps = [{"step": "danger", "level": 3.4, "stage": 4}]
    with pytest.raises(ValueError, match="stageTable/0"):
        tables_from([{"steps": steps, **odd}])


def test_level_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="stageTable/0"):
        tables_from([{"steps": [{"step": "danger", "level": "NaN", "stage": 4}]}])


@pytest.mark.parametrize("text", [NAIVE, "x", "", None, 5])
def test_time_without_an_offset_is_none(text: object):
    with pytest.raises(ValueError):
        moment_of(text)


@given(odd=ANYTHING, name=st.sampled_from(["startedAt", "expectedEnd", "playedUntil", "speed"]))
def test_drill_that_cannot_be_read_is_none_and_any_other_tells_a_time(odd: Any, name: str):
    moments = dict.fromkeys(("startedAt", "expectedEnd", "playedFrom", "playedUntil"), f"{NAIVE}Z")
    parts = {**moments, "speed": 1e308, "drillState": "running", name: odd}
    entity = {"id": "urn:drill", "type": "Drill"}
    clock = drill_clock({**entity, **{n: {"value": part} for n, part in parts.items()}})
    assert clock is None or clock.played_from <= clock.time(NOW)
