"""The rules by type (`broker.store.rules`)."""

from typing import Any

import pytest

from broker.errors import Conflict
from broker.model.entity import DEFAULT
from broker.store.contract import TypeRules
from broker.store.rules import Balance, check_change
from tests.broker.store.helpers import LEVEL, NAME, RIVER, SHELTER, entity, prop


def refused(rules: TypeRules, before: Any, after: Any, client: str = "") -> Conflict:
    """Return the refusal of a change of shelters under `rules`."""
    with pytest.raises(Conflict) as caught:
        check_change({SHELTER: rules}, client, before, after)
    return caught.value


@pytest.mark.parametrize("after", [None, entity(level=prop(2))])
def test_append_only_entities_are_neither_changed_nor_deleted(after: Any) -> None:
    check_change({SHELTER: TypeRules(append_only=True)}, "", None, entity())
    refused(TypeRules(append_only=True), entity(level=prop(1)), after)


def test_a_type_cannot_be_taken_away_to_escape_its_rule() -> None:
    refused(TypeRules(append_only=True), entity("urn:a", SHELTER), entity("urn:a", RIVER))


def test_only_named_clients_write() -> None:
    rules = TypeRules(writers=frozenset({"bank"}))
    check_change({SHELTER: rules}, "bank", None, entity())
    check_change({SHELTER: rules}, "", None, entity("urn:a", RIVER))
    refused(rules, None, entity(), "shop")
    refused(rules, entity(), None, "")


def _ending(value: Any) -> Any:
    return {DEFAULT: {**prop(value)[DEFAULT], "expiresAt": "2999-01-01T00:00:00Z"}}


@pytest.mark.parametrize(
    "after",
    [
        {**entity(level=prop(1)), "expiresAt": "2999-01-01T00:00:00Z"},
        entity(level=_ending(1)),
        entity(level=prop(1), name=_ending("a")),
    ],
)
def test_what_is_summed_has_no_end(after: Any) -> None:
    rules = TypeRules(balanced=LEVEL, balanced_by=NAME)
    assert "expiresAt" in str(refused(rules, None, after).remedy)
    check_change({SHELTER: TypeRules(balanced=LEVEL)}, "", None, entity(name=_ending("a")))


@pytest.mark.parametrize("value", [-1, -0.001, 11])
def test_numbers_out_of_bounds_are_refused(value: float) -> None:
    rules = TypeRules(bounded=((LEVEL, 0, 10),))
    refused(rules, None, entity(level=prop(value)))


@pytest.mark.parametrize("value", [0, 10, 5.5, True, "high", [99]])
def test_numbers_within_bounds_and_other_values_pass(value: Any) -> None:
    rules = TypeRules(bounded=((LEVEL, 0, 10),))
    check_change({SHELTER: rules}, "", None, entity(level=prop(value)))


def test_bounds_hold_for_every_dataset() -> None:
    instances = {**prop(1), "urn:ds": {"type": "Property", "value": -1}}
    refused(TypeRules(bounded=((LEVEL, 0, None),)), None, entity(level=instances))


def test_a_refusal_names_rule_type_entity_place_and_remedy() -> None:
    error = refused(TypeRules(append_only=True), entity("urn:x"), None)
    assert "appendOnly" in error.detail
    assert SHELTER in error.detail
    assert "urn:x" in error.detail
    assert error.place == "body:"
    assert error.remedy
    assert error.members == {"rule": "appendOnly", "entityType": SHELTER, "entityId": "urn:x"}


def balance(rules: TypeRules, *changes: tuple[Any, Any]) -> Balance:
    """Return the sums over changes (before, after) of shelters."""
    sums = Balance()
    for before, after in changes:
        sums.add({SHELTER: rules}, before, after)
    return sums


def test_sums_are_exact_in_decimals() -> None:
    rules = TypeRules(balanced=LEVEL)
    postings = [(None, entity(level=prop(value))) for value in (0.1, 0.2, -0.3)]
    balance(rules, *postings).check()
    huge = [(None, entity(level=prop(value))) for value in (1e300, 5e-324, -1e300)]
    with pytest.raises(Conflict):
        balance(rules, *huge).check()


def test_a_balance_counts_the_difference_a_change_makes() -> None:
    rules = TypeRules(balanced=LEVEL)
    lower = entity("urn:a", level=prop(10)), entity("urn:a", level=prop(7))
    higher = entity("urn:b", level=prop(0)), entity("urn:b", level=prop(3))
    balance(rules, lower, higher).check()
    with pytest.raises(Conflict):
        balance(rules, lower).check()
    with pytest.raises(Conflict):
        balance(rules, (entity(level=prop(5)), None)).check()


def test_a_balance_is_struck_for_each_group() -> None:
    rules = TypeRules(balanced=LEVEL, balanced_by=NAME)
    yen = entity("urn:a", level=prop(5), name=prop("JPY"))
    points = entity("urn:b", level=prop(-5), name=prop("points"))
    balance(rules, (None, yen), (None, {**points, "attrs": {**points["attrs"], NAME: prop("JPY")}}))
    with pytest.raises(Conflict, match="JPY"):
        balance(rules, (None, yen), (None, points)).check()


def test_a_posting_that_moves_to_another_group_unbalances_both() -> None:
    rules = TypeRules(balanced=LEVEL, balanced_by=NAME)
    before = entity(level=prop(5), name=prop("a"))
    with pytest.raises(Conflict):
        balance(rules, (before, entity(level=prop(5), name=prop("b")))).check()


def test_postings_without_a_number_count_nothing() -> None:
    rules = TypeRules(balanced=LEVEL)
    text = {DEFAULT: {"type": "Property", "value": "5"}}
    balance(rules, (None, entity(level=text)), (None, entity("urn:b", level=prop(True)))).check()
