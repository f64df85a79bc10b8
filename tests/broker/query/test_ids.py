"""Lists and patterns of entity ids."""

import pytest

from broker.errors import BadRequestData, TooComplexQuery
from broker.query.ast import IdIn, IdMatches
from broker.query.ids import parse_id_pattern, parse_ids


def test_ids_are_separated_by_commas() -> None:
    assert parse_ids("urn:x:1,urn:x:2,urn:x:1") == IdIn(("urn:x:1", "urn:x:2"))


@pytest.mark.parametrize(
    ("text", "character"), [("", 1), ("urn:x:1,", 9), ("urn:x:1,two", 9), ("one", 1)]
)
def test_what_is_no_uri_is_refused(text: str, character: int) -> None:
    with pytest.raises(BadRequestData, match=f"^At character {character}: "):
        parse_ids(text)


def test_long_list_is_too_complex() -> None:
    with pytest.raises(TooComplexQuery):
        parse_ids(",".join(["urn:x:1"] * 1001))


def test_pattern_is_kept() -> None:
    assert parse_id_pattern("^urn:.*:[0-9]+$") == IdMatches("^urn:.*:[0-9]+$")


@pytest.mark.parametrize("text", ["", "(", "(?<=a)b", r"(a)\1", "\udc80"])
def test_pattern_that_does_not_compile_is_refused(text: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_id_pattern(text)
    assert caught.value.place == "query:idPattern"


def test_long_pattern_is_too_complex() -> None:
    with pytest.raises(TooComplexQuery):
        parse_id_pattern("a" * 1025)
