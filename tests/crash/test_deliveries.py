"""What came to receivers, judged: each kind of fault is found."""

import pytest

from tests.crash.deliveries import Arrival, compare

A, B, C = ("urn:x:1", "t1"), ("urn:x:2", "t2"), ("urn:x:1", "t3")


def came(change: tuple[str, str], id: str = "", attempt: int = 1) -> Arrival:
    return Arrival(change, id or f"id {change[1]}", attempt)


GOOD = [came(A), came(B), came(B, attempt=2), came(C)]


def test_all_in_order_with_marked_repeats_is_right() -> None:
    assert compare([A, B, C], GOOD) == []


def test_a_late_repeat_of_an_earlier_one_is_right() -> None:
    assert compare([A, B, C], [*GOOD, came(A, attempt=3)]) == []


@pytest.mark.parametrize(
    ("arrivals", "words"),
    [
        (GOOD[1:], "never came"),
        ([*GOOD, came(("urn:x:9", "t"))], "was not due"),
        ([*GOOD, came(A)], "does not say so"),
        ([*GOOD, came(A, "other", 2)], "came as"),
        ([came(A), came(C), came(B)], "out of order"),
        ([came(A, "x"), came(B, "x"), came(C)], "under one id"),
    ],
)
def test_a_fault_is_found(arrivals: list[Arrival], words: str) -> None:
    (wrong,) = compare([A, B, C], arrivals)
    assert words in wrong
