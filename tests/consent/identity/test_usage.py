"""Counts of what keys ask, and the limits of addresses without one."""

from pathlib import Path

import pytest

from broker.errors import TooManyRequests, Unauthorized
from broker.guard import ANYONE, Caller
from consent.guard import PolicyGuard
from consent.identity.addresses import nameless
from consent.identity.limits import Limits
from consent.identity.meter import Meter
from consent.identity.model import Client
from consent.identity.usage import FILE, Count, Usage
from tests.support.asgi import Ticking
from tests.support.policies import Known

NOON = 20_000 * 86_400.0 + 43_200


def test_counts_outlive_a_restart_with_those_over_a_limit(tmp_path: Path):
    usage = Usage(tmp_path)
    for refused in (False, False, True):
        usage.note(20_000, "portal", "1f2e3d4c", refused=refused)
    usage.close()
    again = Usage(tmp_path)
    assert again.of_key(20_000, "portal", "1f2e3d4c") == Count(2, 1)
    assert again.asked(20_000, "portal") == 2
    assert again.asked(20_001, "portal") == 0
    again.close()


def test_file_is_its_owners_only(tmp_path: Path):
    Usage(tmp_path).close()
    assert (tmp_path / FILE).stat().st_mode & 0o077 == 0


def test_quota_goes_on_where_it_was_before_a_restart():
    usage, client = Usage(), Client("some", quota=3)
    for _ in range(2):
        usage.note(20_000, "some", "1f2e3d4c", refused=False)
    meter = Meter(usage.asked)
    assert [meter.wait(client, NOON) > 0 for _ in range(2)] == [False, True]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
    ],
)
def test_addresses_of_one_household_count_together(one: str, other: str, same: bool):
    first, second = nameless(one, 5.0), nameless(other, 5.0)
    assert first is not None
    assert (first == second) is same


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "", "a socket"])
def test_this_machine_and_the_unknown_have_no_limit(address: str):
    assert nameless(address, 5.0) is None


def guard(rate: float | None = 5.0) -> PolicyGuard:
    """Return a guard at a time that stands."""
    return PolicyGuard(Known(Client("portal")), [], Ticking(), lambda: NOON, rate=rate)


def test_address_without_a_key_is_held_to_a_rate_and_told_when_to_ask_again():
    one = guard()
    for _ in range(10):
        one.identify({}, "192.0.2.1")
    with pytest.raises(TooManyRequests) as caught:
        one.identify({}, "192.0.2.1")
    assert caught.value.members["retry_after"] == ["1"]
    one.identify({}, "192.0.2.2")
    one.identify({b"authorization": b"Bearer portal"}, "192.0.2.1")


def test_address_without_a_limit_takes_the_limit_from_no_other():
    one = guard()
    for _ in range(20):
        one.identify({}, "127.0.0.1")
    answers: list[Caller | None] = []
    for _ in range(11):
        try:
            answers.append(one.identify({}, "192.0.2.1"))
        except TooManyRequests:
            answers.append(None)
        one.identify({}, "127.0.0.1")
    assert answers == [ANYONE] * 10 + [None]


def test_addresses_without_a_limit_are_not_kept_without_end():
    limits = Limits(Usage(), lambda: NOON, None)
    for number in range(10_000):
        limits.address(f"192.0.{number // 256}.{number % 256}")
    assert 0 < len(limits.free) < 10_000


def test_wrong_keys_count_for_the_address():
    one, wrong = guard(), {b"authorization": b"Bearer mk_wrong"}
    for _ in range(10):
        with pytest.raises(Unauthorized):
            one.identify(wrong, "192.0.2.1")
    with pytest.raises(TooManyRequests):
        one.identify(wrong, "192.0.2.1")
