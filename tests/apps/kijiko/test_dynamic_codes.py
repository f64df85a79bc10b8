"""Codes of one use: a minute, one signature."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.kijiko.codes.dynamic import (
    CodeRefused,
    bill,
    citizen_code,
    reference,
    shown,
    signature_of,
)
from apps.kijiko.codes.merchant import MerchantCode, payload, scanned

NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)
SECRET, NONCE = b"s" * 32, b"n" * 12
CODE = citizen_code(SECRET, "w-1", NOW, NONCE)


def _signed(amount: int = 850) -> MerchantCode:
    code = MerchantCode(
        "KJ-0007", "Tofu", "Hitoyoshi", amount=amount, reference=reference(NOW, NONCE)
    )
    return replace(code, signature=signature_of(SECRET, code))


def test_code_names_its_wallet_for_a_minute():
    found = shown(SECRET, CODE, NOW + timedelta(seconds=59))
    assert (found.wallet, found.end) == ("w-1", NOW + timedelta(seconds=60))


@pytest.mark.parametrize(
    ("text", "after", "key"),
    [
        (CODE, 60, "expired"),
        (CODE, 86_400, "expired"),
        (CODE, -6, "too_early"),
        (CODE.replace("w-1", "w-2"), 0, "forged"),
        (CODE[:-1] + ("A" if CODE[-1] != "A" else "B"), 0, "forged"),
        (CODE + ".x", 0, "no_code"),
        ("", 0, "no_code"),
        ("00020101", 0, "no_code"),
    ],
)
def test_code_that_is_not_good_says_why(text, after, key):
    with pytest.raises(CodeRefused) as caught:
        shown(SECRET, text, NOW + timedelta(seconds=after))
    assert caught.value.key == key


def test_code_of_another_town_is_forged():
    with pytest.raises(CodeRefused) as caught:
        shown(b"t" * 32, CODE, NOW)
    assert caught.value.key == "forged"


@given(st.binary(min_size=12, max_size=12), st.binary(min_size=12, max_size=12))
def test_two_codes_are_spent_under_two_names(one, other):
    names = {shown(SECRET, citizen_code(SECRET, "w", NOW, n), NOW).nonce for n in (one, other)}
    assert len(names) == len({one, other})


def test_bill_keeps_its_amount_through_the_picture():
    assert bill(SECRET, scanned(payload(_signed())), NOW) == bill(SECRET, _signed(), NOW)


@pytest.mark.parametrize(
    ("changed", "after", "key"),
    [
        ({"amount": 85}, 0, "forged"),
        ({"merchant": "KJ-0008"}, 0, "forged"),
        ({"reference": reference(NOW + timedelta(days=1), NONCE)}, 0, "forged"),
        ({}, 60, "expired"),
        ({}, -6, "too_early"),
    ],
)
def test_bill_that_was_changed_or_is_old_is_refused(changed, after, key):
    with pytest.raises(CodeRefused) as caught:
        bill(SECRET, replace(_signed(), **changed), NOW + timedelta(seconds=after))
    assert caught.value.key == key


def test_bill_with_a_signed_reference_that_is_none_is_no_code():
    code = replace(_signed(), reference="r")
    with pytest.raises(CodeRefused) as caught:
        bill(SECRET, replace(code, signature=signature_of(SECRET, code)), NOW)
    assert caught.value.key == "no_code"
