"""Rows of a table as entries of history."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from broker.errors import BadRequestData
from broker.model.entity import DEFAULT
from broker.store.history import Entry, Fact
from machi.history.errors import UnreadableSource
from machi.history.tables import Reading, entry_of_row

AT = "2020-07-04T06:00:00Z"
BASE = "https://example.org/"


def iri(name: str) -> str:
    return BASE + name


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, "observedAt": AT, **more}


READING = Reading(iri, "urn:a", "River")


def test_each_other_column_of_a_wide_table_is_an_attribute() -> None:
    row = {
        "id": "urn:b",
        "type": "Gauge",
        "observedAt": AT,
        "level": "1.5",
        "state": "open",
        "x": "",
    }
    facts = (Fact(iri("level"), prop(1.5)), Fact(iri("state"), prop("open")))
    assert entry_of_row(row, READING, 7) == Entry("urn:b", (iri("Gauge"),), 7, facts)


def test_a_row_of_a_long_table_is_one_instance() -> None:
    row = {
        "observedAt": AT,
        "attribute": "level",
        "value": "2",
        "unitCode": "MTR",
        "datasetId": "urn:ds",
        "instanceId": "urn:i",
        "createdAt": AT,
    }
    fact = Fact(iri("level"), prop(2, unitCode="MTR"), "urn:ds")
    assert entry_of_row(row, READING, 7) == Entry("urn:a", (iri("River"),), 7, (fact,))


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1", 1), ("1.0", 1.0), ("true", True), ("007", "007"), ("[1]", [1]), ('"1"', "1"), (3, 3)],
)
def test_a_cell_is_json_where_it_can_be(cell: Any, value: Any) -> None:
    (fact,) = entry_of_row({"observedAt": AT, "level": cell}, READING, 7).facts
    assert repr(fact.instance["value"]) == repr(value)


def test_geojson_is_a_geo_property() -> None:
    cell = '{"type": "Point", "coordinates": [130.7, 32.2]}'
    (fact,) = entry_of_row({"observedAt": AT, "location": cell}, READING, 7).facts
    assert fact.instance["type"] == "GeoProperty"
    assert fact.dataset == DEFAULT


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2020-07-04T15:00:00+09:00", AT),
        ("2020-07-04 15:00", AT),
        ("2020-07-04T06:00:00.5Z", "2020-07-04T06:00:00.5Z"),
        ("2020-07-04 15:00:00.25", "2020-07-04T06:00:00.250000Z"),
    ],
)
def test_times_are_told_in_utc(text: str, time: str) -> None:
    reading = Reading(iri, "urn:a", "River", "時刻", ZoneInfo("Asia/Tokyo"))
    (fact,) = entry_of_row({"時刻": text, "level": 1}, reading, 7).facts
    assert fact.instance["observedAt"] == time


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"level": 1}, "no time in 'observedAt'"),
        ({"observedAt": "yesterday", "level": 1}, "'yesterday' is no time"),
    ],
)
def test_a_row_without_a_time_is_refused(row: dict[str, Any], words: str) -> None:
    with pytest.raises(UnreadableSource, match=words):
        entry_of_row(row, READING, 7)


@pytest.mark.parametrize(
    ("reading", "words"), [(Reading(iri), "no id"), (Reading(iri, "urn:a"), "no type")]
)
def test_a_row_of_nobody_is_refused(reading: Reading, words: str) -> None:
    with pytest.raises(UnreadableSource, match=words):
        entry_of_row({"observedAt": AT, "level": 1}, reading, 7)


def test_a_column_that_cannot_be_an_attribute_is_refused() -> None:
    with pytest.raises(BadRequestData):
        entry_of_row({"observedAt": AT, "water level (m)": 1}, READING, 7)
