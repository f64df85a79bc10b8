"""The stage engine: up at once confirmed, down in steps, deaf to noise, spikes and bad data."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.stage import (
    NORMAL,
    Sample,
    State,
    Step,
    Table,
    advance,
    state_from_plain,
    state_to_plain,
    table_at,
    tables_from,
)

START = datetime(2020, 7, 3, 16, 0, tzinfo=UTC)
STEPS = (Step("caution", 3.0, 2), Step("danger", 3.4, 4), Step("designHighWater", 4.07, 4))
TABLES = (Table(STEPS),)
NAMES = [NORMAL, *(step.name for step in STEPS)]


def minute(number: float) -> datetime:
    """Return a moment so many minutes into the test."""
    return START + timedelta(minutes=number)


def play(
    levels: list[float],
    state: State | None = None,
    quality: str = "good",
    tables: tuple[Table, ...] = TABLES,
) -> list[State]:
    """Return the states after each level, one a minute."""
    states = []
    current = state or State()
    begin = (current.last or minute(-1)) + timedelta(minutes=1)
    for number, level in enumerate(levels):
        sample = Sample(begin + timedelta(minutes=number), level, quality)
        current = advance(current, tables, sample)
        states.append(current)
    return states


def steps(levels: list[float]) -> list[str]:
    """Return the steps after each level, one a minute."""
    return [state.step for state in play(levels)]


def at_step(name: str) -> State:
    """Return the state of a station that has reached a step."""
    level = next((step.level for step in STEPS if step.name == name), 1.0)
    return play([level, level])[-1]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_step_begins_at_the_second_sample_at_its_published_threshold(step: Step):
    assert [name == step.name for name in steps([1.0, step.level, step.level])] == [
        False,
        False,
        True,
    ]


def test_level_just_below_the_threshold_never_begins_the_step():
    assert set(steps([2.999] * 10)) == {NORMAL}


def test_steps_may_be_jumped_over():
    assert steps([1.0, 4.5, 4.5]) == [NORMAL, NORMAL, "designHighWater"]


def test_a_jump_confirms_the_highest_step_all_samples_reached():
    assert steps([3.1, 4.5]) == [NORMAL, "caution"]
    assert steps([3.1, 4.5, 4.5]) == [NORMAL, "caution", "designHighWater"]


def test_hold_up_seconds_must_pass_too():
    table = Table(STEPS, hold_up_seconds=300)
    state = State()
    reached = []
    for number in range(7):
        state = advance(state, (table,), Sample(minute(number), 3.1))
        reached.append(state.step)
    assert reached == [NORMAL] * 5 + ["caution"] * 2


def test_descent_goes_one_step_at_a_time_each_after_its_hold():
    state = at_step("designHighWater")
    first = state.last
    assert first is not None
    changes = []
    for after in play([1.0] * 100, state):
        if after.step != state.step and after.since is not None:
            changes.append((after.step, (after.since - first).total_seconds() / 60))
            state = after
    assert changes == [("danger", 31), ("caution", 61), (NORMAL, 91)]


def test_level_within_the_hysteresis_holds_the_step():
    assert {s.step for s in play([3.26] * 120, at_step("danger"))} == {"danger"}


def test_one_sample_above_the_hysteresis_starts_the_descent_anew():
    states = play([1.0] * 29 + [3.39] + [1.0] * 29, at_step("danger"))
    assert {state.step for state in states} == {"danger"}


FAST = (Table(STEPS, fast_rise=0.5),)


def early(levels: list[float], state: State | None = None) -> list[str]:
    """Return the steps after each level, one a minute, where a fast rise begins the lowest."""
    return [one.step for one in play(levels, state, tables=FAST)]


def test_fast_rise_begins_the_lowest_step_at_its_second_sample_far_below_the_level():
    assert early([1.0, 1.3, 1.6, 1.9]) == [NORMAL, NORMAL, NORMAL, "caution"]
    assert steps([1.0, 1.3, 1.6, 1.9]) == [NORMAL] * 4


def test_rise_that_takes_longer_than_ten_minutes_begins_nothing():
    assert set(early([1.0 + 0.049 * number for number in range(40)])) == {NORMAL}


def test_jump_that_is_gone_at_the_next_sample_is_no_fast_rise():
    assert set(early([1.0, 1.6, 1.0, 1.6, 1.0, 1.6])) == {NORMAL}


def test_early_step_is_kept_while_the_water_rises_fast_and_left_after_the_hold():
    (*_, begun) = play([1.0, 1.3, 1.6, 1.9], tables=FAST)
    rising = play([1.9 + 0.06 * number for number in range(1, 14)], begun, tables=FAST)
    assert {state.step for state in rising} == {"caution"}
    still = early([2.68] * 60, rising[-1])
    assert still.index(NORMAL) in range(30, 45)


def test_fast_rise_above_the_lowest_step_goes_by_levels_alone():
    assert early([3.1, 3.1, 3.39, 3.39, 3.39])[-1] == "caution"
    assert early([3.1, 3.1, 3.5, 3.7])[-1] == "danger"


@given(noise=st.lists(st.floats(-0.10, 0.10), min_size=1, max_size=200), level=st.floats(1, 2.8))
def test_noise_of_ten_centimetres_is_no_fast_rise(noise: list[float], level: float):
    assert set(early([level + one for one in noise])) == {NORMAL}


@pytest.mark.parametrize("quality", ["missing", "stale", "stuck", "suspect", "outOfRange"])
def test_bad_quality_holds_the_step(quality: str):
    high = at_step("danger")
    assert {s.step for s in play([0.0] * 200, high, quality)} == {"danger"}
    assert {s.step for s in play([9.0] * 200, State(), quality)} == {NORMAL}


def test_simulated_measurements_count():
    assert play([3.1, 3.1], quality="simulated")[-1].step == "caution"


def test_sample_that_is_not_newer_changes_nothing():
    state = at_step("caution")
    assert state.last is not None
    for at in (state.last, state.last - timedelta(hours=1)):
        assert advance(state, TABLES, Sample(at, 9.0)) == state


levels = st.floats(0.0, 12.0, allow_nan=False)


@given(noise=st.lists(st.floats(-0.10, 0.10), min_size=2, max_size=400))
def test_noise_around_a_threshold_changes_the_stage_at_most_once(noise: list[float]):
    reached = [NORMAL, *steps([3.40 + n for n in noise])]
    danger = [name for name in reached if name == "danger"]
    assert reached == [name for name in reached if name != "danger"] + danger


@given(calm=st.lists(st.floats(0.0, 2.99), min_size=1, max_size=40), spike=levels, data=st.data())
def test_a_single_spike_changes_nothing(calm: list[float], spike: float, data: st.DataObject):
    place = data.draw(st.integers(0, len(calm)))
    assert set(steps([*calm[:place], spike, *calm[place:]])) == {NORMAL}


@given(series=st.lists(levels, max_size=200))
def test_the_stage_never_falls_more_than_one_step_at_once(series: list[float]):
    reached = [NAMES.index(name) for name in [NORMAL, *steps(series)]]
    assert all(after >= before - 1 for before, after in itertools.pairwise(reached))


@given(series=st.lists(levels, min_size=2, max_size=200))
def test_the_stage_is_never_above_what_two_samples_in_a_row_reached(series: list[float]):
    pairs = itertools.pairwise(series)
    highest = max(sum(min(pair) >= step.level for step in STEPS) for pair in pairs)
    assert max(NAMES.index(name) for name in steps(series)) <= highest


@given(series=st.lists(st.tuples(levels, st.sampled_from(["good", "missing"])), max_size=100))
def test_state_goes_through_plain_data_unchanged(series: list[tuple[float, str]]):
    kept = carried = State()
    for number, (level, quality) in enumerate(series):
        sample = Sample(minute(number), level, quality)
        kept = advance(kept, FAST, sample)
        carried = advance(state_from_plain(state_to_plain(carried)), FAST, sample)
    assert carried == kept


def test_table_counts_from_its_first_to_before_its_last_moment():
    old = Table(STEPS, valid_to=minute(0))
    new = Table(STEPS[1:], valid_from=minute(0))
    assert table_at((old, new), minute(-1)) is old
    assert table_at((old, new), minute(0)) is new
    assert table_at((new,), minute(-1)) is None


def test_no_table_holds_the_step():
    later = (Table(STEPS, valid_from=minute(10_000)),)
    assert advance(at_step("danger"), later, Sample(minute(100), 0.0)).step == "danger"


def test_a_table_without_the_present_step_decides_by_level_alone():
    only_top = (Table(STEPS[2:]),)
    assert advance(at_step("danger"), only_top, Sample(minute(100), 3.5)).step == NORMAL
    assert advance(at_step("danger"), only_top, Sample(minute(100), 4.5)).step == "designHighWater"


def test_tables_are_read_from_an_attribute():
    entry = {
        "validFrom": "2022-04-16T00:00:00+09:00",
        "hysteresis": 0.2,
        "holdDownSeconds": 600,
        "steps": [
            {"step": "danger", "level": 3.4, "stage": 4},
            {"step": "caution", "level": 3, "stage": 2},
        ],
    }
    (table,) = tables_from([entry])
    assert [step.name for step in table.steps] == ["caution", "danger"]
    assert (table.hysteresis, table.hold_down_seconds, table.hold_up_samples) == (0.2, 600, 2)


@pytest.mark.parametrize("entries", [{}, [{}], [{"steps": [{"step": "a"}]}], [7]])
def test_a_table_that_cannot_be_read_names_its_place(entries: object):
    with pytest.raises(ValueError, match="stageTable"):
        tables_from(entries)


def test_level_five_is_in_no_table():
    steps = [{"step": "disaster", "level": 6.0, "stage": 5}]
    with pytest.raises(ValueError, match="level 5"):
        tables_from([{"steps": steps}])


def test_silence_is_no_part_of_the_descent():
    low = play([1.0], at_step("danger"))[-1]
    assert low.last is not None
    after = advance(low, TABLES, Sample(low.last + timedelta(hours=2), 1.0))
    assert after.step == "danger"
    later = advance(after, TABLES, Sample(low.last + timedelta(hours=2, minutes=30), 1.0))
    assert later.step == "caution"


def test_water_over_the_sensor_raises_the_stage():
    assert play([10.5, 10.5], quality="atLeast")[-1].step == "designHighWater"
