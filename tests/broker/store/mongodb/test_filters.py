"""Every kind of filter document, as MongoDB's manual says what it selects."""

from typing import Any

import pytest

from broker.query.ast import (
    And,
    Compare,
    Exists,
    Geo,
    HasType,
    IdIn,
    IdMatches,
    Linked,
    Moment,
    Node,
    Not,
    Op,
    Or,
    Path,
    Range,
    ScopeMatches,
)
from broker.store.mongodb.filters import compile_filter, translate
from broker.store.mongodb.targets import path_key

LEVEL = "https://example.org/level"
LOCATION = "https://uri.etsi.org/ngsi-ld/location"
RIVER = "https://example.org/River"
NEAR = Geo(LOCATION, "near", {"type": "Point", "coordinates": [130.0, 32.0]}, 1000.0)


def some(**conditions: Any) -> dict[str, Any]:
    """Return the filter of an entity with such a target of `level`."""
    return {"targets": {"$elemMatch": {"p": path_key((LEVEL,)), **conditions}}}


def compared(op: Op, *operands: Any) -> Node:
    return Compare(Path((LEVEL,)), op, operands)


@pytest.mark.parametrize(
    ("node", "document"),
    [
        (And(()), {}),
        (Or(()), {"_id": {"$in": []}}),
        (HasType(RIVER), {"types": RIVER}),
        (IdIn(("urn:a", "urn:b")), {"id": {"$in": ["urn:a", "urn:b"]}}),
        (IdMatches("^urn:a"), {"id": {"$regex": "^urn:a"}}),
        (ScopeMatches("^/a$"), {"scopes": {"$regex": "^/a$(?!\\n)"}}),
        (Exists(Path((LEVEL,))), some()),
        (Not(HasType(RIVER)), {"$nor": [{"types": RIVER}]}),
        (And((HasType(RIVER), IdIn(()))), {"$and": [{"types": RIVER}, {"id": {"$in": []}}]}),
        (Or((HasType(RIVER), IdIn(()))), {"$or": [{"types": RIVER}, {"id": {"$in": []}}]}),
        (compared(Op.EQ, 3), {"$or": [some(n={"$in": [3]}), some(N={"$in": [3]})]}),
        (compared(Op.EQ, True), {"$or": [some(b={"$in": [True]}), some(B={"$in": [True]})]}),
        (
            compared(Op.EQ, "a"),
            {"$or": [some(s={"$in": ["a"]}), some(S={"$in": ["a"]}), some(ls={"$in": ["a"]})]},
        ),
        (
            compared(Op.EQ, Range(1, 2)),
            {
                "$or": [
                    some(n={"$gte": 1, "$lte": 2}),
                    some(N={"$elemMatch": {"$gte": 1, "$lte": 2}}),
                ]
            },
        ),
        (compared(Op.NE, 3, 4), some(n={"$nin": [3, 4]}, N={"$nin": [3, 4]})),
        (
            compared(Op.NE, 3, Range(5, 6)),
            some(
                **{
                    "$and": [
                        {"n": {"$nin": [3]}},
                        {"n": {"$not": {"$gte": 5, "$lte": 6}}},
                        {"N": {"$nin": [3]}},
                        {"N": {"$not": {"$elemMatch": {"$gte": 5, "$lte": 6}}}},
                    ]
                }
            ),
        ),
        (compared(Op.GT, 3.4), some(n={"$gt": 3.4})),
        (
            compared(Op.LE, "b"),
            {"$or": [some(s={"$lte": "b"}), some(ls={"$elemMatch": {"$lte": "b"}})]},
        ),
        (
            compared(Op.GE, Moment("2020-07-04")),
            {
                "$or": [
                    some(i={"$gte": "2020-07-04T00:00:00.000000"}),
                    some(li={"$elemMatch": {"$gte": "2020-07-04T00:00:00.000000"}}),
                ]
            },
        ),
        (compared(Op.LT, True), {"_id": {"$in": []}}),
        (compared(Op.MATCH, "^k"), {"$or": [some(s={"$regex": "^k"}), some(ls={"$regex": "^k"})]}),
        (
            compared(Op.NOT_MATCH, "^k"),
            {
                "$or": [
                    some(s={"$exists": True, "$not": {"$regex": "^k"}}),
                    some(ls={"$exists": True, "$not": {"$regex": "^k"}}),
                ]
            },
        ),
        (Linked(LEVEL, HasType(RIVER)), some(r={"$in": ["urn:linked"]})),
    ],
    ids=str,
)
def test_a_node_is_this_filter(node: Node, document: dict[str, Any]) -> None:
    found = compile_filter(node, lambda _: ["urn:linked"])
    assert (found.document, found.exact) == (document, True)


def test_a_place_is_looked_for_by_its_box_and_decided_by_the_predicate() -> None:
    found = compile_filter(NEAR, lambda _: [])
    (condition,) = found.document.values()
    assert condition["$elemMatch"].keys() == {"p", "west", "east", "south", "north"}
    assert not found.exact


def test_on_the_sphere_a_point_is_looked_for_in_a_circle() -> None:
    found = compile_filter(NEAR, lambda _: [], sphere=True)
    circled, others = (way["places"]["$elemMatch"]["point"] for way in found.document["$or"])
    (centre, radians) = circled["$geoWithin"]["$centerSphere"]
    assert centre == pytest.approx([130.0, 32.0])
    assert 1000 / 6_371_009 < radians < 1.6 * 1000 / 6_371_009 + 1e-4
    assert others == {"$exists": False}


def test_what_is_not_exact_narrows_nothing_where_it_is_negated() -> None:
    found = compile_filter(Not(NEAR), lambda _: [])
    assert (found.document, found.exact) == ({}, False)


@pytest.mark.parametrize("pattern", ["(a|b)", "(?i)k", r"\d+", "a{2}", "[^a]", r"\x00", "a*?"])
def test_a_pattern_the_two_might_read_differently_is_left_to_the_predicate(pattern: str) -> None:
    assert translate(pattern) is None


@pytest.mark.parametrize("pattern", ["^urn:.*x", "人吉.+", "[a0_]+", r"a\.b", ""])
def test_a_plain_pattern_is_given_as_it_is(pattern: str) -> None:
    assert translate(pattern) == pattern
