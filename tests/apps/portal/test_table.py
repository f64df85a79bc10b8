"""Entities become rows that a spreadsheet opens safely."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.portal.table import columns, csv_text, ordered, row_of


def table(*entities: dict[str, Any]) -> list[dict[str, str]]:
    """Return entities as a reader of the CSV gets them."""
    rows = [row_of({"id": "urn:x:1", "type": "T", **entity}) for entity in entities]
    known: dict[str, None] = {}
    columns(rows, known)
    return list(csv.DictReader(io.StringIO(csv_text(rows, ordered(known), titled=True))))


@pytest.mark.parametrize(
    ("attribute", "cells"),
    [
        ({"type": "Property", "value": 1.5, "unitCode": "MTR"}, {"a": "1.5", "a.unitCode": "MTR"}),
        ({"type": "Property", "value": True}, {"a": "true"}),
        ({"type": "Property", "value": {"b": 1, "c": [1]}}, {"a.b": "1", "a.c": "[1]"}),
        ({"type": "Relationship", "object": ["urn:x:2"]}, {"a": '["urn:x:2"]'}),
        ({"type": "LanguageProperty", "languageMap": {"ja": "橋"}}, {"a.ja": "橋"}),
        (
            {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [130.7, 32.2]}},
            {"a.longitude": "130.7", "a.latitude": "32.2"},
        ),
        (
            {"type": "Property", "value": 1, "q": {"type": "Property", "value": "good"}},
            {"a": "1", "a.q": "good"},
        ),
        (
            [
                {"type": "Property", "value": 1},
                {"type": "Property", "value": 2, "datasetId": "urn:d"},
            ],
            {"a": "1", "a@urn:d": "2"},
        ),
    ],
    ids=["units", "boolean", "object", "list", "languages", "point", "sub-attribute", "instances"],
)
def test_attribute_is_flattened(attribute: Any, cells: dict[str, str]):
    assert table({"a": attribute}) == [{"id": "urn:x:1", "type": "T", **cells}]


FORMULA = "=+-@\t\r\n＝＋－＠"


@pytest.mark.parametrize("odd", [{}, {"coordinates": []}, {"coordinates": "x"}])
def test_point_without_a_place_is_an_object_like_others(odd: dict[str, Any]):
    (row,) = table({"a": {"type": "Property", "value": {"type": "Point", **odd}}})
    assert row["id"] == "urn:x:1"


@given(st.sampled_from(FORMULA), st.text(max_size=5))
def test_no_text_begins_as_a_formula(first: str, rest: str):
    rows = [{"id": first + rest, first + rest: first + rest}]
    text = csv_text(rows, ["id", first + rest], titled=True)
    for line in csv.reader(io.StringIO(text, newline="")):
        assert not any(cell.startswith(tuple(FORMULA)) for cell in line)


def test_negative_numbers_stay_numbers():
    assert table({"a": {"type": "Property", "value": -1.5}})[0]["a"] == "-1.5"


def test_text_with_commas_quotes_and_lines_comes_back_whole():
    text = 'a,"b"\nc'
    assert table({"a": {"type": "Property", "value": text}})[0]["a"] == text
