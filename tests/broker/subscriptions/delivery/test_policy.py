"""What follows from a try, and when a breaker opens and closes."""

from hypothesis import given
from hypothesis import strategies as st

from broker.subscriptions.delivery.answer import judge, retry_after
from broker.subscriptions.delivery.breaker import Breaker, State
from broker.subscriptions.delivery.policy import Again, Dead, Fate, Policy, Tried, decide, pause

POLICY = Policy()
DRAWS = st.floats(0, 1, exclude_max=True)
DAY = 86_400.0


def after(fate: Fate, attempts: int, age: float = 0.0, **more: float) -> Again | Dead:
    tried = Tried(fate, "Why.", more.get("asked", 0.0))
    return decide(POLICY, tried, attempts, age, more.get("cooldown", 0.0), more.get("draw", 0.0))


def waits(verdict: Again | Dead) -> float:
    assert isinstance(verdict, Again)
    return verdict.pause


@given(st.integers(1, 10_000), DRAWS)
def test_pauses_stay_between_half_the_shortest_and_the_longest(failed: int, draw: float) -> None:
    assert POLICY.shortest / 2 <= pause(POLICY, failed, draw) <= POLICY.longest


@given(st.integers(1, 100), DRAWS)
def test_pauses_grow(failed: int, draw: float) -> None:
    assert pause(POLICY, failed, draw) <= pause(POLICY, failed + 1, draw)


def test_chance_spreads_pauses_over_half_their_length() -> None:
    assert pause(POLICY, 3, 0.0) == 1.0
    assert pause(POLICY, 3, 0.5) == 1.5


def test_a_silent_receiver_is_tried_for_a_day() -> None:
    assert isinstance(after(Fate.NO_ANSWER, 2000, DAY - 1), Again)
    assert after(Fate.NO_ANSWER, 2000, DAY) == Dead("Why. Tried 2000 times in 24 hours.")


def test_a_clock_set_forward_kills_nothing() -> None:
    assert isinstance(after(Fate.NO_ANSWER, 3, 400 * DAY), Again)


def test_a_refusal_is_believed_after_some_tries() -> None:
    assert isinstance(after(Fate.REFUSED, 7), Again)
    assert after(Fate.REFUSED, 8) == Dead("Why. Refused 8 times.")


def test_gone_is_final_at_once() -> None:
    assert after(Fate.GONE, 1) == Dead("Why.")


def test_cooldown_and_retry_after_lengthen_a_pause_and_never_shorten_it() -> None:
    assert waits(after(Fate.NOT_NOW, 1, cooldown=30)) == 30
    assert waits(after(Fate.NOT_NOW, 1, asked=40, cooldown=30)) == 40
    assert waits(after(Fate.NOT_NOW, 9, cooldown=1, asked=1)) == 30


def test_retry_after_is_seconds_or_nothing() -> None:
    assert [retry_after(text) for text in ("7", "x", "-1", "9999999", "²")] == [7, 0, 0, 0, 0]


def test_an_unknown_status_has_words_too() -> None:
    assert judge(599).words == "The receiver answers 599."
    assert judge(503).words == "The receiver answers 503 Service Unavailable."


def opened() -> Breaker:
    breaker = Breaker(POLICY)
    for _ in range(POLICY.failures):
        assert breaker.admits(100.0)
        breaker.silent(100.0, 0.0)
    return breaker


def test_a_breaker_opens_after_some_tries_without_answer() -> None:
    assert opened().state is State.OPEN


def test_an_open_breaker_admits_one_probe_when_its_time_has_come() -> None:
    breaker = opened()
    assert not breaker.admits(breaker.until - 0.001)
    assert breaker.admits(breaker.until)
    assert not breaker.admits(breaker.until + 1000)


def test_an_answer_to_the_probe_closes_it() -> None:
    breaker = opened()
    breaker.admits(breaker.until)
    assert breaker.answered()
    assert breaker.admits(0.0)
    assert not breaker.answered()


def test_a_silent_probe_keeps_it_open_for_longer() -> None:
    breaker = opened()
    first = breaker.until - 100.0
    breaker.admits(breaker.until)
    breaker.silent(200.0, 0.0)
    assert breaker.until - 200.0 == 2 * first
    assert not breaker.admits(200.0)


def test_an_answer_between_failures_starts_the_count_anew() -> None:
    breaker = Breaker(POLICY)
    for _ in range(10):
        breaker.silent(0.0, 0.0)
        breaker.answered()
    assert breaker.state is State.CLOSED
