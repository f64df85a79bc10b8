"""Adding to a number in the store."""

from typing import Any

import pytest

from broker.entities.add import add
from broker.errors import BadRequestData, MachiError, PreconditionFailed, ResourceNotFound
from tests.broker.entities.stored import BORN, LATER, LEVEL, NOW, entity, link, only, prop


def total(start: object, amount: float, **bounds: Any) -> object:
    after = add(entity({LEVEL: only(prop(start))}), LEVEL, amount, now=NOW, **bounds)
    value: object = after["attrs"][LEVEL]["@none"]["value"]
    return value


@pytest.mark.parametrize(
    ("start", "amount", "expected"),
    [(5, -3, 2), (5, 1.0, 6.0), (0.5, 1, 1.5), (2**62, 2**62, 2**63)],
)
def test_numbers_are_added_and_integers_stay_integers(start, amount, expected):
    result = total(start, amount)
    assert (result, type(result)) == (expected, type(expected))


def test_the_other_members_stay_and_the_instance_is_modified_now():
    old = entity({LEVEL: only(prop(5, unitCode="MTR", observedAt=BORN, createdAt=LATER))})
    after = add(old, LEVEL, 1, now=NOW)
    assert after["attrs"][LEVEL] == only(
        prop(6, unitCode="MTR", observedAt=BORN, createdAt=LATER, modifiedAt=NOW)
    )
    assert after["modifiedAt"] == NOW


def test_the_time_of_observation_can_be_given():
    old = entity({LEVEL: only(prop(5))})
    after = add(old, LEVEL, 1, now=NOW, observed_at=LATER)
    assert after["attrs"][LEVEL]["@none"]["observedAt"] == LATER


def test_the_bounds_themselves_are_allowed():
    assert total(5, -5, minimum=0) == 0
    assert total(5, 5, maximum=10) == 10


@pytest.mark.parametrize(
    ("amount", "bounds", "place"),
    [(-6, {"minimum": 0}, "body:/min"), (6, {"maximum": 10}, "body:/max")],
)
def test_a_bound_that_would_break_is_a_failed_precondition(amount, bounds, place):
    with pytest.raises(PreconditionFailed) as caught:
        total(5, amount, **bounds)
    assert caught.value.place == place


def test_a_refusal_does_not_tell_the_number():
    with pytest.raises(PreconditionFailed) as caught:
        total(12345, -20000, minimum=0)
    assert "12345" not in str(caught.value.problem())


@pytest.mark.parametrize("instance", [prop("5"), prop(True), prop([5]), link("urn:x:1")])
def test_only_numbers_can_be_added_to(instance):
    with pytest.raises(BadRequestData):
        add(entity({LEVEL: only(instance)}), LEVEL, 1, now=NOW)


@pytest.mark.parametrize("attrs", [{}, {LEVEL: {"urn:d:1": prop(5)}}])
def test_there_must_be_something_to_add_to(attrs):
    with pytest.raises(ResourceNotFound):
        add(entity(attrs), LEVEL, 1, now=NOW)


@pytest.mark.parametrize(
    ("start", "amount"), [(2**64 - 1, 1), (-(2**63), -1), (1.7e308, 1.7e308), (-1.7e308, -1.7e308)]
)
def test_sums_that_cannot_be_stored_are_refused(start, amount):
    with pytest.raises(MachiError):
        total(start, amount)
