"""What index conditions, types and ids are read off a query."""

import pytest

from broker.query.ast import And, HasType, IdIn, Node, Not, Or
from broker.query.geo import parse_geo
from broker.query.plan import (
    GeoTerm,
    IndexTerm,
    given_types,
    index_terms,
    required_ids,
    required_types,
)
from broker.query.q import parse_q
from tests.broker.query.conftest import VOCAB, expand

A = VOCAB + "a"
RIVER, LAKE = HasType("urn:t:River"), HasType("urn:t:Lake")


@pytest.mark.parametrize(
    ("q", "term"),
    [
        ("a==5", IndexTerm("num", A, values=(5,))),
        ("a==5,6", IndexTerm("num", A, values=(5, 6))),
        ('a=="x"', IndexTerm("txt", A, values=("x",))),
        ("a>5", IndexTerm("num", A, low=5, low_inclusive=False)),
        ("a>=5", IndexTerm("num", A, low=5)),
        ("a<5", IndexTerm("num", A, high=5, high_inclusive=False)),
        ("a<=5", IndexTerm("num", A, high=5)),
        ("a==5..6", IndexTerm("num", A, low=5, high=6)),
        ('a>"x"', IndexTerm("txt", A, low="x", low_inclusive=False)),
        ('a<"x"', IndexTerm("txt", A, high="x", high_inclusive=False)),
        ('a=="x".."y"', IndexTerm("txt", A, low="x", high="y")),
        ("a==urn:x:1", IndexTerm("txt", A, values=("urn:x:1",))),
    ],
)
def test_comparison_of_a_top_level_value_is_served(q: str, term: IndexTerm) -> None:
    assert index_terms(parse_q(q, expand)) == (term,)


@pytest.mark.parametrize(
    "q",
    [
        "a",
        "!a",
        "a!=5",
        "a~=x",
        "a!~=x",
        "a==true",
        "a==5,true",
        'a==5,"x"',
        "a==2020-07-04",
        "a>2020-07-04T00:00:00Z",
        "a.b==5",
        "a[b]==5",
        "a.observedAt>2020-07-04",
        "a==5|a==6",
        "a==1..2,5",
        "id==urn:x:1",
    ],
)
def test_other_conditions_are_not_served(q: str) -> None:
    assert index_terms(parse_q(q, expand)) == ()


def test_long_texts_are_cut_to_what_the_index_holds() -> None:
    text = "x" * 200
    assert index_terms(parse_q(f'a>"{text}"', expand)) == (
        IndexTerm("txt", A, low="x" * 128, low_inclusive=True),
    )


def test_terms_come_from_all_conditions_that_must_hold() -> None:
    node = And((RIVER, parse_q("a>5;(b==1|c)", expand), parse_q('a<"z"', expand)))
    assert [(term.attribute, type(term)) for term in index_terms(node)] == [(A, IndexTerm)] * 2


def test_geographic_condition_gives_its_boxes() -> None:
    node = parse_geo("within", "LineString", "[[1,2],[3,4]]", "a", expand)
    assert index_terms(And((node, RIVER))) == (GeoTerm(A, ((1, 2, 3, 4),)),)


@pytest.mark.parametrize(
    ("node", "types"),
    [
        (RIVER, {"urn:t:River"}),
        (Or((RIVER, LAKE)), {"urn:t:River", "urn:t:Lake"}),
        (And((Or((RIVER, LAKE)), RIVER)), {"urn:t:River"}),
        (And((IdIn(("urn:x:1",)), LAKE)), {"urn:t:Lake"}),
        (Or(()), set()),
        (And(()), None),
        (Or((RIVER, IdIn(("urn:x:1",)))), None),
        (Not(RIVER), None),
    ],
)
def test_required_types(node: Node, types: set[str] | None) -> None:
    assert required_types(node) == (None if types is None else frozenset(types))


def test_required_ids_are_those_in_every_list() -> None:
    node = And((IdIn(("urn:x:1", "urn:x:2")), RIVER, IdIn(("urn:x:2", "urn:x:3"))))
    assert required_ids(node) == frozenset({"urn:x:2"})
    assert required_ids(Or((IdIn(("urn:x:1",)),))) is None


def test_given_types_leave_the_rest() -> None:
    rest = parse_q("a>5", expand)
    assert given_types(And((RIVER, rest)), {"urn:t:River"}) == rest
    assert given_types(And((Or((RIVER, LAKE)), rest)), {"urn:t:River"}) == rest
    assert given_types(And((RIVER, LAKE)), {"urn:t:River"}) == LAKE
    assert given_types(RIVER, {"urn:t:River"}) == And(())
    both = {"urn:t:River", "urn:t:Lake"}
    assert given_types(And((Or((RIVER, LAKE)), rest)), both) == rest
    assert given_types(And((RIVER, rest)), both) == And((RIVER, rest))
