"""Rates and quotas of clients."""

from hypothesis import given
from hypothesis import strategies as st

from consent.identity.meter import Meter
from consent.identity.model import Client

DAY = 86_400.0
NOON = 20_000 * DAY + DAY / 2
SLOW = Client("slow", rate=1.0)


def test_client_without_limits_never_waits():
    meter = Meter()
    assert {meter.wait(Client("free"), NOON) for _ in range(1000)} == {0}


def test_burst_is_let_through_and_then_the_rate_holds():
    meter = Meter()
    assert [meter.wait(SLOW, NOON) for _ in range(11)] == [0] * 10 + [1]
    assert meter.wait(SLOW, NOON + 1) == 0
    assert meter.wait(SLOW, NOON + 1) == 1


def test_slow_rate_says_how_long_to_wait():
    meter, client = Meter(), Client("slower", rate=0.1)
    for _ in range(10):
        meter.wait(client, NOON)
    assert meter.wait(client, NOON) == 10


def test_quota_ends_with_the_day():
    meter, client = Meter(), Client("some", quota=2)
    assert [meter.wait(client, NOON) for _ in range(3)] == [0, 0, DAY / 2]
    assert meter.wait(client, NOON + DAY / 2) == 0


def test_clock_that_jumps_back_gives_nothing_away():
    meter = Meter()
    for _ in range(10):
        meter.wait(SLOW, NOON)
    assert meter.wait(SLOW, NOON - 1000) == 1


@given(st.lists(st.floats(0, 5), max_size=200), st.floats(0.1, 20))
def test_no_more_than_burst_and_rate_come_through_in_any_time(gaps: list[float], rate: float):
    meter, client, now, through = Meter(), Client("any", rate=rate), NOON, 0
    for gap in gaps:
        now += gap
        through += meter.wait(client, now) == 0
    assert through <= client.burst + rate * (now - NOON) + 1e-6
