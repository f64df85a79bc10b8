"""Methods of aggregation by kinds of values (§4.5.19.1)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.entity import PRIMARY, Instance
from broker.store.buckets import Tally
from broker.temporal.aggregates import (
    METHODS,
    OF_NUMBERS,
    Family,
    Periods,
    compute,
    eligible,
    family_of,
)
from broker.temporal.duration import WHOLE, Duration


def instance(value: Any, kind: str = "Property") -> Instance:
    """Return an instance of a kind."""
    return {"type": kind, PRIMARY[kind]: value}


FAMILIES: list[tuple[list[Instance], Family]] = [
    ([instance("a"), instance("b")], Family.TEXT),
    ([instance(1), instance(2.5), instance(True)], Family.NUMBER),
    ([instance({"a": 1})], Family.OBJECT),
    ([instance([1, 2])], Family.ARRAY),
    ([instance("2020-07-03T12:00:00Z")], Family.DATETIME),
    ([instance({"@type": "DateTime", "@value": "2020-07-03T12:00:00Z"})], Family.DATETIME),
    ([instance("2020-07-03")], Family.DATE),
    ([instance("12:00:00Z")], Family.TIME),
    ([instance("urn:a:b")], Family.URI),
    ([instance("note: not a URI")], Family.TEXT),
    ([instance("2020-07-03"), instance("soon")], Family.TEXT),
    ([instance(1), instance("a")], Family.MIXED),
    ([instance({"type": "Point", "coordinates": [1, 2]}, "GeoProperty")], Family.OBJECT),
    ([instance({"ja": "人吉"}, "LanguageProperty")], Family.OBJECT),
    ([instance("https://example.org/a", "VocabProperty")], Family.URI),
    ([instance([1], "ListProperty")], Family.ARRAY),
    ([instance({"a": 1}, "JsonProperty")], Family.OBJECT),
    ([instance("urn:a:b", "Relationship")], Family.RELATIONSHIP),
    ([instance(["urn:a:b"], "ListRelationship")], Family.RELATIONSHIP),
]


@pytest.mark.parametrize(("instances", "family"), FAMILIES)
def test_values_are_of_a_family(instances: list[Instance], family: Family) -> None:
    assert family_of(instances) is family


ELIGIBLE = {
    Family.TEXT: "distinctCount,max,min,totalCount",
    Family.NUMBER: "avg,distinctCount,max,min,stddev,sum,sumsq,totalCount",
    Family.OBJECT: "distinctCount,totalCount",
    Family.ARRAY: "avg,distinctCount,max,min,sum,totalCount",
    Family.DATETIME: "distinctCount,max,min,totalCount",
    Family.DATE: "distinctCount,max,min,totalCount",
    Family.TIME: "avg,distinctCount,max,min,totalCount",
    Family.URI: "distinctCount,totalCount",
    Family.RELATIONSHIP: "distinctCount,totalCount",
    Family.MIXED: "distinctCount,totalCount",
}


@pytest.mark.parametrize("family", Family)
def test_methods_are_defined_by_family_as_the_tables_say(family: Family) -> None:
    assert ",".join(eligible(family, METHODS)) == ELIGIBLE[family]


RESULTS: list[tuple[str, list[Any], Any]] = [
    ("avg", [1, 2, 6], 3.0),
    ("avg", [True, False], 0.5),
    ("max", [True, False], 1),
    ("min", [2, 1.5], 1.5),
    ("sum", [1, 2, 6], 9),
    ("sumsq", [1, 2, 6], 41),
    ("stddev", [2, 4, 4, 4, 5, 5, 7, 9], 2.0),
    ("stddev", [5], 0.0),
    ("distinctCount", [1, 1.0, 2], 2),
    ("totalCount", [1, 1, 1], 3),
    ("max", ["a", "z", "b"], "z"),
    ("min", ["B", "a"], "B"),
    ("distinctCount", ["a", "b", "a"], 2),
    ("avg", [1.7e308, 1.7e308, True], 1.7e308 / 3 * 2),
    ("avg", [{"@type": "Integer", "@value": 1}, 2], 1.5),
    ("max", [{"@type": "Integer", "@value": 3}, 2], 3),
    ("distinctCount", [{"@type": "Integer", "@value": 2}, 2], 1),
    ("avg", [[1, 2], [3]], 1.5),
    ("sum", [{"@type": "List", "@value": [1, 2, 4]}, [3]], 4),
    ("sum", [[1, 2], [3], []], 3),
    ("max", [[1, 2], [3]], 2),
    ("distinctCount", [[1], [1], [2]], 2),
    ("distinctCount", [{"a": 1, "b": 2}, {"b": 2, "a": 1}], 1),
    ("max", ["2020-07-03T12:00:00Z", "2020-07-03T12:00:00.5Z"], "2020-07-03T12:00:00.5Z"),
    ("min", ["2020-07-04", "2020-07-03"], "2020-07-03"),
    ("avg", ["10:00:00Z", "11:00:01Z"], "10:30:00.500000Z"),
    ("avg", ["10:00:00Z", "12:00:00Z"], "11:00:00Z"),
]


@pytest.mark.parametrize(("method", "values", "expected"), RESULTS)
def test_a_method_gives_what_the_tables_say(method: str, values: list[Any], expected: Any) -> None:
    instances = [instance(value) for value in values]
    found = compute(method, family_of(instances), instances)
    assert found == expected
    assert type(found) is type(expected)


def test_targets_of_relationships_are_counted_each() -> None:
    instances = [
        instance(["urn:a:1", "urn:a:2"], "Relationship"),
        instance("urn:a:1", "Relationship"),
    ]
    assert compute("distinctCount", Family.RELATIONSHIP, instances) == 2
    assert compute("totalCount", Family.RELATIONSHIP, instances) == 2


def test_a_sum_beyond_64_bits_is_a_float() -> None:
    found = compute("sumsq", Family.NUMBER, [instance(2**62), instance(2**62)])
    assert (type(found), found) == (float, 2.0**125)


numbers = st.lists(st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6), min_size=1, max_size=30)


@given(values=numbers, method=st.sampled_from([m for m in METHODS if m != "distinctCount"]))
def test_figures_of_a_bucket_equal_those_of_its_values(values: list[float], method: str) -> None:
    tally = Tally()
    instances = [instance(value) for value in values]
    for value in values:
        tally.add(float(value), None)
    found = OF_NUMBERS[method](tally.bucket(0, 1))
    expected = compute(method, Family.NUMBER, instances)
    scale = max(abs(value) for value in values) + 1
    assert found == pytest.approx(expected, rel=1e-6, abs=scale * 1e-5)


def test_periods_follow_each_other_from_their_origin() -> None:
    hours = Periods(100, 500, Duration(0, 60))
    assert (hours.index(159), hours.index(160)) == (0, 1)
    assert (hours.start(1), hours.stop(1)) == (160, 220)
    whole = Periods(100, 500, WHOLE)
    assert (whole.index(500), whole.start(0), whole.stop(0)) == (0, 100, 500)
