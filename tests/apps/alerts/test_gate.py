"""The quality gate: what the stage engine may believe."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.gate import (
    Limits,
    Memory,
    judge,
    limits_from,
    memory_from_plain,
    memory_to_plain,
)
from apps.alerts.stage import NORMAL, Sample, State, Step, Table, advance

START = datetime(2020, 7, 3, 16, 0, tzinfo=UTC)
LIMITS = Limits(highest=10.5)
STEPS = (Step("caution", 3.0, 2), Step("danger", 3.4, 4), Step("designHighWater", 4.07, 4))


def verdicts(levels: list[float], limits: Limits = LIMITS, quality: str = "good", **more):
    """Return the verdict on each level, one a minute."""
    memory, found = Memory(), []
    for number, level in enumerate(levels):
        at = START + timedelta(minutes=number)
        memory, judged = judge(memory, Sample(at, level, quality), limits, at, **more)
        found.append(judged.quality)
    return found


def stages(levels: list[float]) -> list[str]:
    """Return the step after each level, one a minute, through the gate and the engine."""
    memory, state, found = Memory(), State(), []
    for number, level in enumerate(levels):
        at = START + timedelta(minutes=number)
        memory, judged = judge(memory, Sample(at, level), LIMITS, at)
        state = advance(state, (Table(STEPS),), judged)
        found.append(state.step)
    return found


def test_spike_is_suspect_and_the_river_after_it_is_believed():
    assert verdicts([1.5, 9.9, 1.5]) == ["good", "suspect", "good"]


def test_jump_is_believed_once_two_further_samples_agree():
    assert verdicts([1.5, 4.5, 4.5, 4.6]) == ["good", "suspect", "suspect", "good"]


def test_samples_that_disagree_with_each_other_are_never_believed():
    assert verdicts([1.5, *[9.0, 5.0] * 10])[1:] == ["suspect"] * 20


@pytest.mark.parametrize("level", [-10.1, -30.0])
def test_level_below_what_can_be_is_out_of_range(level: float):
    assert verdicts([1.0, level]) == ["good", "outOfRange"]


def test_water_over_the_sensor_counts_as_at_least_its_height():
    memory = Memory(level=10.2, at=START)
    at = START + timedelta(minutes=1)
    _, judged = judge(memory, Sample(at, 10.4, "outOfRange"), LIMITS, at)
    assert (judged.quality, judged.level) == ("atLeast", 10.5)


def test_blocked_sensor_is_no_high_water_however_long_it_lasts():
    memory = Memory(level=1.2, at=START)
    for minute in range(1, 600):
        at = START + timedelta(minutes=minute)
        memory, judged = judge(memory, Sample(at, 10.4, "outOfRange"), LIMITS, at)
        assert judged.quality == "outOfRange"


def test_clock_in_the_future_is_not_believed_and_leaves_no_trace():
    known = Memory(level=1.0, at=START)
    memory, judged = judge(known, Sample(START + timedelta(seconds=301), 9.0), LIMITS, START)
    assert judged.quality == "future"
    assert memory == known
    _, within = judge(known, Sample(START + timedelta(seconds=300), 1.0), LIMITS, START)
    assert within.quality == "good"


def test_same_number_for_hours_is_stuck_only_where_the_river_moves():
    same = [1.234] * 200
    assert set(verdicts(same)) == {"good"}
    assert verdicts(same, high=True)[-1] == "stuck"
    assert verdicts(same, others_moved_at=START + timedelta(hours=1))[-1] == "stuck"
    assert set(verdicts(same, others_moved_at=START - timedelta(hours=1))) == {"good"}


def test_gauge_that_moves_again_is_no_longer_stuck():
    assert verdicts([*[3.5] * 200, 3.51], high=True)[-2:] == ["stuck", "good"]


@pytest.mark.parametrize("quality", ["missing", "maintenance", "stale", "suspect"])
def test_what_the_adapter_calls_bad_stays_bad(quality: str):
    assert set(verdicts([1.0, 9.0], quality=quality)) == {quality}


@given(seed=st.integers(0, 10_000), step=st.sampled_from(STEPS))
def test_noise_of_ten_centimetres_for_a_day_changes_the_stage_at_most_twice(seed: int, step: Step):
    noise = random.Random(seed)
    day = stages([step.level + noise.uniform(-0.10, 0.10) for _ in range(1440)])
    assert sum(one != other for one, other in pairwise([NORMAL, *day])) <= 2


@given(calm=st.lists(st.floats(1.0, 1.9), min_size=2, max_size=30), data=st.data())
def test_a_spike_of_one_or_two_samples_changes_no_stage(calm: list[float], data: st.DataObject):
    place = data.draw(st.integers(1, len(calm)))
    spike = data.draw(st.lists(st.floats(3.0, 10.0), min_size=1, max_size=2))
    assert set(stages([*calm[:place], *spike, *calm[place:]])) == {NORMAL}


@given(levels=st.lists(st.floats(-20, 40), max_size=60))
def test_memory_goes_through_plain_data_unchanged(levels: list[float]):
    kept = carried = Memory()
    for number, level in enumerate(levels):
        at = START + timedelta(minutes=number)
        kept, _ = judge(kept, Sample(at, level), LIMITS, at)
        carried, _ = judge(
            memory_from_plain(memory_to_plain(carried)), Sample(at, level), LIMITS, at
        )
    assert carried == kept


@given(levels=st.lists(st.floats(-20, 40), min_size=1, max_size=60))
def test_nothing_believed_lies_outside_the_range(levels: list[float]):
    for level, quality in zip(levels, verdicts(levels), strict=True):
        if quality == "good":
            assert LIMITS.lowest <= level <= LIMITS.highest


def test_limits_are_the_stations_own_over_its_sensors_height():
    assert limits_from(None, 10.5) == LIMITS
    assert limits_from({"highest": 9, "jump": 2}, 10.5) == replace(LIMITS, highest=9, jump=2)


@pytest.mark.parametrize("given_", [[], {"jump": "fast"}, {"jump": True}, {"speed": 1}])
def test_limits_that_cannot_be_read_are_refused(given_: object):
    with pytest.raises(ValueError, match="qualityGate"):
        limits_from(given_)
