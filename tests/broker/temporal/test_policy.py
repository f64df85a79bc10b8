"""The operator's policy: what history is kept of which types, and for how long."""

from pathlib import Path
from typing import Any

import pytest

from broker.store.keeping import Keeping, Span, Step
from broker.temporal.policy import Policy, UnusablePolicy, parse_policy, read_policy

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
RIVER = "https://example.org/RiverLevelStation"
LEVEL = "https://example.org/ns#level"

HOURLY = {"raw": "P90D", "then": [{"period": "PT1H", "for": "P10Y"}]}


def test_without_a_policy_everything_is_kept_for_ever() -> None:
    policy = Policy()
    assert policy.keeps("", [RIVER])
    assert policy.of([RIVER], LEVEL) is None
    assert not policy.forgets


def test_what_is_said_of_all_types_holds_where_nothing_else_is_said() -> None:
    policy = parse_policy({**HOURLY, "types": {"Mowing": {"off": True}}})
    expected = Keeping(90 * DAY, (Step(HOUR, 10 * 12 * 2_629_746 * SECOND),))
    assert policy.of([RIVER], LEVEL) == expected
    assert policy.forgets


@pytest.mark.parametrize("name", ["RiverLevelStation", RIVER])
def test_types_and_attributes_take_the_place_of_what_is_above_them(name: str) -> None:
    attributes = {"level": {"raw": "P7D"}}
    policy = parse_policy({"raw": "P1D", "types": {name: {"raw": "P2D", "attributes": attributes}}})
    kept = [
        policy.of(["https://example.org/Other"], LEVEL),
        policy.of([RIVER], "https://example.org/other"),
        policy.of([RIVER], LEVEL),
    ]
    assert kept == [Keeping(DAY), Keeping(2 * DAY), Keeping(7 * DAY)]


def test_a_type_that_is_off_has_no_history_whatever_else_the_entity_is() -> None:
    policy = parse_policy({"types": {"Mowing": {"off": True}}})
    assert not policy.keeps("", [RIVER, "https://example.org/Mowing"])
    assert policy.keeps("", [RIVER])
    assert not policy.forgets


def test_what_is_due_begins_and_ends_with_periods() -> None:
    keeping = Keeping(DAY, (Step(HOUR, 10 * DAY), Step(DAY, 100 * DAY)))
    now = 200 * DAY + 5 * HOUR + 7
    assert keeping.spans(now) == [
        Span(100 * DAY, None),
        Span(190 * DAY, DAY),
        Span(199 * DAY + 5 * HOUR, HOUR),
    ]
    assert Keeping(DAY, (Step(HOUR),)).spans(now) == [Span(199 * DAY + 5 * HOUR, HOUR)]
    assert Keeping().spans(now) == []


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "must be an object"),
        ({"keep": 1}, "member keep"),
        ({"raw": "90 days"}, "raw must be a duration"),
        ({"raw": "PT0S"}, "raw must be a duration"),
        ({"then": []}, "without `raw`"),
        ({"raw": "P1D", "then": {}}, "then must be a list"),
        ({"raw": "P1D", "then": [{}]}, "then/0/period must be a duration"),
        ({"raw": "P2D", "then": [{"period": "PT1H", "for": "P1D"}]}, "longer"),
        ({"raw": "P1D", "then": [{"period": "PT1H"}, {"period": "P1D"}]}, "longer"),
        (
            {"raw": "P1D", "then": [{"period": "PT2H", "for": "P9D"}, {"period": "PT3H"}]},
            "then/1/period must be a multiple",
        ),
        ({"types": {"A": {"off": "yes"}}}, "types/A/off must be true or false"),
        ({"types": {"A": {"attributes": {"b": {"off": True}}}}}, "types/A/attributes/b"),
    ],
)
def test_a_faulty_policy_names_the_place(document: Any, words: str) -> None:
    with pytest.raises(UnusablePolicy, match=words):
        parse_policy(document)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    with pytest.raises(UnusablePolicy, match=r"policy\.json"):
        read_policy(path)
    path.write_text("{")
    with pytest.raises(UnusablePolicy, match=r"policy\.json"):
        read_policy(path)
    path.write_text('{"raw": "P1D"}')
    assert read_policy(path).keeping == Keeping(DAY)
