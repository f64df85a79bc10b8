"""Guardians decide for a minor until majority; officers record them."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from apps.consent.guardians import checked, ended, majority, recorded, rows
from apps.consent.records import holder, record
from apps.consent.view import JAPAN, consents
from apps.shell.refused import FormRefused
from broker.client import value
from machi.seed.consent import purpose_entities

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
MOTHER, TARO = "u-2fe6c6d4e1de78b1", "u-8e0f20f9b4cb0dec"
FORM = {"guardian": MOTHER, "ward": holder(TARO), "born": "2016-04-02"}
BOND = recorded(FORM, NOW, "432032:1")
GIVEN = record(purpose_entities()[0], MOTHER, "given", "ja", NOW, "1", BOND)
OF_AGE = datetime(2034, 4, 2, tzinfo=JAPAN)


@pytest.mark.parametrize(
    ("born", "of_age"),
    [
        (date(2016, 4, 2), OF_AGE),
        (date(2016, 2, 29), datetime(2034, 3, 1, tzinfo=JAPAN)),
        (date(2010, 12, 31), datetime(2028, 12, 31, tzinfo=JAPAN)),
    ],
)
def test_minor_comes_of_age_as_the_18th_birthday_begins_in_japan(born: date, of_age: datetime):
    assert majority(born) == of_age


def test_form_records_who_acts_for_whom_until_majority():
    assert value(BOND, "refGuardian") == holder(MOTHER)
    assert value(BOND, "refHolder") == holder(TARO)
    assert datetime.fromisoformat(value(BOND, "majorityAt")) == OF_AGE


@pytest.mark.parametrize(
    "wrong",
    [
        {"born": ""},
        {"born": "2016-02-30"},
        {"born": "2008-11-27"},
        {"born": "9999-01-01"},
        {"ward": ""},
    ],
)
def test_form_that_records_nobody_is_refused(wrong: dict[str, str]):
    with pytest.raises(FormRefused):
        recorded({**FORM, **wrong}, NOW, "432032:1")


@pytest.mark.parametrize("name", ["Hanako", "Hanako Yamada", "花子", "urn:ngsi-ld:Person:1", "fee"])
@pytest.mark.parametrize("field", ["guardian", "ward"])
def test_name_in_the_place_of_a_number_is_refused_as_that(field: str, name: str):
    with pytest.raises(FormRefused, match="bad_number"):
        recorded({**FORM, field: name}, NOW, "432032:1")


def test_guardianship_is_its_guardians_until_it_ends():
    assert checked(BOND, MOTHER, NOW) is BOND
    over: dict[str, Any] = {**BOND, **ended(NOW)}
    for bond, user, at in (
        (BOND, TARO, NOW),
        (BOND, MOTHER, OF_AGE),
        (over, MOTHER, NOW),
    ):
        with pytest.raises(FormRefused):
            checked(bond, user, at)
    assert [row["ward"] for row in rows([BOND, over], NOW)] == [TARO]


def test_consent_of_a_guardian_is_about_the_ward_and_withdrawn_by_who_decides_now():
    assert value(GIVEN, "refPrincipal") == holder(TARO)
    assert value(GIVEN, "majorityAt") == value(BOND, "majorityAt")
    for person, at, open_ in (
        (MOTHER, NOW, True),
        (TARO, NOW, False),
        (MOTHER, OF_AGE, False),
        (TARO, OF_AGE, True),
    ):
        (row,) = consents([GIVEN], {}, at, holder(person))
        assert row["open"] is open_, (person, at)


def test_consent_of_a_guardian_ends_at_majority():
    soon = {**BOND, "majorityAt": {"type": "Property", "value": (NOW + timedelta(1)).isoformat()}}
    made = record(purpose_entities()[0], MOTHER, "given", "ja", NOW, "1", soon)
    for at, state in ((NOW, "given"), (NOW + timedelta(days=1), "expired")):
        (row,) = consents([made], {}, at, holder(MOTHER))
        assert (row["state"], row["holds"]) == (state, state == "given")
