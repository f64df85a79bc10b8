"""The offline PIN: what it is computed from, when a box takes it, and how likely a guess is."""

import hmac
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.key_box.box import PAUSES, TRIES, Box, Why
from adapters.key_box.offline_pin import (
    DIGITS,
    DURATIONS,
    HOUR,
    LEADERS,
    VARIANCES,
    NoWindow,
    Tolerance,
    Window,
    block_pin,
    box_key,
    candidates,
    emergency_pin,
    odds,
    pin,
    receipt,
    window,
)

KEY = b"k" * 32
START = 490_000
"""Hours since 1970: a morning in November 2025."""

keys = st.binary(min_size=32, max_size=32)
windows = st.builds(
    Window,
    start=st.integers(400_000, 900_000),
    hours=st.sampled_from(DURATIONS),
    variance=st.integers(0, VARIANCES - 1),
)
tolerances = st.builds(
    Tolerance,
    early=st.integers(0, 1800),
    late=st.integers(0, 1800),
    drift=st.integers(0, 900),
)


def opens(key: bytes, of: Window, now: float, tolerance: Tolerance) -> bool:
    """Say whether a box takes the PIN of a window for that of this very window."""
    answer = Box(key, tolerance).enter(pin(key, of), now)
    return answer.opens and answer.window == of


@given(keys, windows)
def test_pin_is_the_truncated_hmac_of_hour_duration_and_variance(key: bytes, of: Window):
    message = struct.pack(">BIBB", 1, of.start, DURATIONS.index(of.hours), of.variance)
    digest = hmac.new(key, message, "sha256").digest()
    place = digest[-1] & 15
    (number,) = struct.unpack(">Q", digest[place : place + 8])
    assert pin(key, of) == f"{(number & (1 << 63) - 1) % 10**9:09d}"


@given(keys, windows, tolerances)
def test_pin_opens_from_the_first_second_to_before_the_last(
    key: bytes, of: Window, tolerance: Tolerance
):
    first = of.begins - tolerance.early - tolerance.drift
    after = of.ends + tolerance.late + tolerance.drift
    assert opens(key, of, first, tolerance)
    assert opens(key, of, after - 1, tolerance)
    assert not opens(key, of, first - 1, tolerance)
    assert not opens(key, of, after, tolerance)


@given(keys, windows, tolerances, st.data())
def test_pin_opens_in_all_its_time_however_wrong_the_clock_is_within_the_drift(
    key: bytes, of: Window, tolerance: Tolerance, data: st.DataObject
):
    first, after = of.begins - tolerance.early, of.ends + tolerance.late
    now = data.draw(st.integers(first, after - 1))
    wrong = data.draw(st.integers(-tolerance.drift, tolerance.drift))
    assert opens(key, of, now + wrong, tolerance)


@given(keys, windows, tolerances, st.data())
def test_clock_within_the_drift_opens_no_more_than_twice_the_drift_outside(
    key: bytes, of: Window, tolerance: Tolerance, data: st.DataObject
):
    wrong = data.draw(st.integers(-tolerance.drift, tolerance.drift))
    outside = data.draw(st.integers(1, 10**6))
    before = of.begins - tolerance.early - 2 * tolerance.drift - outside
    behind = of.ends + tolerance.late + 2 * tolerance.drift + outside
    assert not opens(key, of, before + wrong, tolerance)
    assert not opens(key, of, behind + wrong, tolerance)


@given(keys, keys, windows)
def test_each_box_and_each_epoch_has_pins_of_its_own(one: bytes, other: bytes, of: Window):
    keys_of = {box_key(one, "a"), box_key(one, "b"), box_key(one, "a", 1), box_key(other, "a")}
    assert len(keys_of) == (4 if one != other else 3)
    assert len({pin(key, of) for key in keys_of}) == len(keys_of)


@given(windows)
def test_who_booked_the_same_hours_later_has_another_pin(of: Window):
    assert len({pin(KEY, Window(of.start, of.hours, v)) for v in range(VARIANCES)}) == VARIANCES


@given(st.integers(400_000, 900_000), st.integers(1, 40))
def test_hours_become_a_window_or_are_refused(start: int, hours: int):
    begins, ends = start * HOUR, (start + hours) * HOUR
    if hours in DURATIONS:
        assert window(begins, ends) == Window(start, hours)
    else:
        with pytest.raises(NoWindow, match="tooLong"):
            window(begins, ends)
    with pytest.raises(NoWindow, match="offTheHour"):
        window(begins + 1800, ends)


@given(tolerances, st.floats(1.6e9, 3e9))
def test_candidates_are_exactly_the_windows_that_contain_the_moment(
    tolerance: Tolerance, now: float
):
    early, late = tolerance.early + tolerance.drift, tolerance.late + tolerance.drift
    hour = int(now // HOUR)
    wanted = {
        Window(start, hours)
        for hours in DURATIONS
        for start in range(hour - 27, hour + 3)
        if start * HOUR - early <= now < (start + hours) * HOUR + late
    }
    found = list(candidates(now, tolerance))
    assert set(found) == wanted
    assert len(found) == len(wanted)


def test_a_guess_opens_in_one_of_three_million():
    in_the_middle = odds(START * HOUR + 1800, Tolerance())
    assert in_the_middle == (sum(DURATIONS) * VARIANCES + LEADERS) / 10**DIGITS == 3.22e-7
    assert max(odds(START * HOUR + s, Tolerance()) for s in range(0, HOUR, 60)) < 3.7e-7


def test_who_guesses_gets_fifty_tries_a_day():
    box, now, tries = Box(KEY), START * HOUR, 0
    while now < (START + 24) * HOUR:
        answer = box.enter("000000000", now)
        assert answer.why is Why.WRONG
        tries += 1
        now += answer.wait
    assert tries == 50
    assert tries * odds(START * HOUR, Tolerance()) < 2e-5


def test_box_waits_longer_after_each_five_wrong_pins_and_a_right_one_ends_it():
    box, now = Box(KEY), START * HOUR
    for wanted in (*PAUSES, PAUSES[-1]):
        waits = [box.enter("000000000", now).wait for _ in range(TRIES)]
        assert waits == [0] * (TRIES - 1) + [wanted]
        early = box.enter(pin(KEY, Window(START, 12)), now + wanted - 1)
        assert (early.opens, early.why, early.wait) == (False, Why.HELD_BACK, 1)
        now += wanted
    assert box.enter(pin(KEY, Window(START, 12)), now).opens
    assert box.enter("000000000", now).wait == 0
    assert box.wrong == 1


@pytest.mark.parametrize("typed", ["", "12345678", "1234567890", "١٢٣٤٥٦٧٨٩", "12345678x"])
def test_what_is_no_pin_is_a_wrong_one(typed: str):
    assert Box(KEY).enter(typed, START * HOUR).why is Why.WRONG


@given(keys, st.integers(0, LEADERS - 1), st.floats(1.6e9, 3e9))
def test_pin_of_an_area_leader_opens_at_any_time(key: bytes, leader: int, now: float):
    answer = Box(key).enter(emergency_pin(key, leader), now)
    assert (answer.opens, answer.why) == (True, Why.EMERGENCY)


def test_a_box_has_sixteen_leaders_and_no_more():
    assert len({emergency_pin(KEY, leader) for leader in range(LEADERS)}) == LEADERS
    with pytest.raises(NoWindow, match="tooMany"):
        emergency_pin(KEY, LEADERS)


@given(keys, windows)
def test_block_pin_ends_the_pin_of_its_window_and_no_other(key: bytes, of: Window):
    box = Box(key)
    assert box.enter(block_pin(key, of), of.begins).why is Why.NOW_BLOCKED
    assert box.enter(pin(key, of), of.begins).why is Why.BLOCKED
    other = Window(of.start, of.hours, (of.variance + 1) % VARIANCES)
    assert box.enter(pin(key, other), of.begins).opens


def test_receipt_tells_the_minute_the_key_came_back():
    shown = Box(KEY).shut(START * HOUR + 61)
    minutes = range(START * 60 - 30, START * 60 + 30)
    assert [m for m in minutes if receipt(KEY, m) == shown] == [START * 60 + 1]
