"""Entity type selection (§4.17)."""

import pytest

from broker.errors import BadRequestData, TooComplexQuery
from broker.query.ast import And, HasType, Node, Or
from broker.query.types import parse_types
from tests.broker.query.conftest import VOCAB, expand

A, B, C = (HasType(VOCAB + name) for name in "ABC")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("A", A),
        ("A,B|C", Or((A, B, C))),
        ("(A;B)", And((A, B))),
        ("(A)", A),
        ("(A|B)", Or((A, B))),
        ("(A,B)|C", Or((Or((A, B)), C))),
        ("(A;B),C", Or((And((A, B)), C))),
        (" A , ( B ; C ) ", Or((A, And((B, C))))),
        ("https://example.org/T#x", HasType("https://example.org/T#x")),
        ("橋", HasType(VOCAB + "橋")),
    ],
)
def test_selection_parses(text: str, node: Node) -> None:
    assert parse_types(text, expand) == node


@pytest.mark.parametrize(
    ("text", "character"),
    [
        ("", 1),
        ("A,", 3),
        (",A", 1),
        ("A;B", 2),
        ("(A", 1),
        ("A)", 2),
        ("()", 2),
        ("(A|B;C)", 1),
        ("(A;B|C)", 1),
        ("((A;B);C)", 2),
        ("A B", 3),
        ("A,not_a_name", 3),
        ("!A", 1),
        ("A,b-c", 3),
        ("*,A", 1),
    ],
)
def test_fault_is_refused_at_its_character(text: str, character: int) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_types(text, expand)
    assert caught.value.detail.startswith(f"At character {character}: ")
    assert caught.value.place == "query:type"
    assert caught.value.remedy


def test_selection_beyond_the_limit_is_too_complex() -> None:
    with pytest.raises(TooComplexQuery):
        parse_types(",".join(["A"] * 101), expand)
