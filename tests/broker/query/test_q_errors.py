"""Faulty queries: each is refused with the position of the fault and a remedy."""

import pytest

from broker.errors import BadRequestData, MachiError, TooComplexQuery
from broker.query.ast import And, Compare, Exists, Node, Op, Path
from broker.query.q import parse_q
from tests.broker.query.conftest import VOCAB, expand

HAS_A = Exists(Path((VOCAB + "a",)))


def refusal(text: str) -> MachiError:
    with pytest.raises(MachiError) as caught:
        parse_q(text, expand)
    return caught.value


@pytest.mark.parametrize(
    ("text", "character"),
    [
        ("", 1),
        ("a;", 3),
        ("a|", 3),
        ("a;;b", 3),
        ("(a", 1),
        ("a)", 2),
        ("(a;b", 1),
        ("()", 2),
        ("a=1", 2),
        ("not_a_name>1", 1),
        ("a==", 4),
        ("a>", 3),
        ("a>;b", 3),
        ("a~=", 4),
        ("a~=(", 4),
        ("a;b~=[", 6),
        ('a=="x', 4),
        (r'a=="\x"', 4),
        (r'a=="\ud800"', 4),
        ("a==1,", 6),
        ("a==1..", 7),
        ('a==1.."x"', 4),
        ("a==true..false", 4),
        ("a==x..y", 4),
        ("a>1,2", 4),
        ("a>1..2", 4),
        ("a<true", 3),
        ("a==2020-13-01", 4),
        ("a==2020-02-30T00:00:00Z", 4),
        ("a==2020-01-01T10:00:00+09:00", 4),
        ("a==1e999", 4),
        ("a==b==c", 4),
        ("a==b<c", 4),
        ("a[b", 2),
        ("a[]", 3),
        ("a[b..c]", 5),
        ("a.", 3),
        ("a..b", 2),
        ("a.observedAt.b", 13),
        ("a.value>1", 3),
        ("!a==1", 3),
        ("!", 2),
        ("1a", 1),
        ("a b", 3),
        ("not_a_name==1", 1),
        ("a.not_a_name==1", 3),
    ],
)
def test_fault_is_refused_at_its_character(text: str, character: int) -> None:
    error = refusal(text)
    assert isinstance(error, BadRequestData)
    assert error.detail.startswith(f"At character {character}: ")
    assert error.place == "query:q"
    assert error.remedy


def test_error_names_the_place_it_is_given() -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_q("a>", expand, place="body:/q")
    assert caught.value.place == "body:/q"


def test_condition_on_linked_entity_is_refused_where_nothing_is_joined() -> None:
    error = refusal("a;rel{a}==1")
    assert isinstance(error, BadRequestData)
    assert "At character 3" in error.detail


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("a{b}", 0),
        ("a{b{c}}", 1),
        ("a{b", 1),
        ("a{}", 1),
        ("a{b}}", 1),
        ("a{T:}", 1),
        ("a{,T:b}", 1),
    ],
)
def test_a_link_is_closed_and_not_too_deep(text: str, levels: int) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_q(text, expand, linked=levels)
    assert caught.value.remedy


def test_lone_surrogate_is_refused() -> None:
    assert isinstance(refusal('a=="\udc80"'), BadRequestData)


@pytest.mark.parametrize(
    "text",
    [
        ";".join(["a"] * 101),
        "(" * 21 + "a" + ")" * 21,
        "a==" + "x" * 4094,
    ],
    ids=["terms", "depth", "length"],
)
def test_query_beyond_a_limit_is_too_complex(text: str) -> None:
    assert isinstance(refusal(text), TooComplexQuery)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        (";".join(["a"] * 100), And((HAS_A,) * 100)),
        ("(" * 20 + "a" + ")" * 20, HAS_A),
        ("a==" + "x" * 4093, Compare(HAS_A.path, Op.EQ, ("x" * 4093,))),
    ],
    ids=["terms", "depth", "length"],
)
def test_query_at_a_limit_is_accepted(text: str, node: Node) -> None:
    assert parse_q(text, expand) == node


def test_pattern_that_would_take_much_memory_is_refused() -> None:
    assert "does not compile" in refusal("a~=((a{100}){100}){100}").detail
