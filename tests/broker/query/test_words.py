"""Conditions in words."""

import pytest

from broker.jsonld.core import CORE_CONTEXT
from broker.query.ast import And, Exists, IdIn, IdMatches, Node, Not, Or, Path
from broker.query.geo import parse_geo
from broker.query.q import parse_q
from broker.query.scopes import parse_scope_query
from broker.query.types import parse_types
from broker.query.words import conditions, words

LEVEL = "https://uri.etsi.org/ngsi-ld/default-context/level"
GAUGE = "https://uri.etsi.org/ngsi-ld/default-context/Gauge"


def q(text: str) -> Node:
    """Parse a condition."""
    return parse_q(text, CORE_CONTEXT.expand)


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (q("level>=3.4"), "level is at least 3.4"),
        (q('name=="a","b"'), 'name is "a" or "b"'),
        (q("level==1..5"), "level is from 1 to 5"),
        (q("level!=1"), "level is there and is not 1"),
        (q('name~="^a"'), 'name contains a match of "^a"'),
        (q("level"), "there is level"),
        (q("!level"), "there is no level"),
        (q("level.by.observedAt>2020-01-01T00:00:00Z"),
         "level.by.observedAt is greater than the time 2020-01-01T00:00:00Z"),
        (q("a[b.c]==1"), "a[b][c] is 1"),
        (q("a;(b|c)"), "there is a and (there is b or there is c)"),
        (parse_types("Gauge", CORE_CONTEXT.expand), f"it has the type Gauge ({GAUGE})"),
        (parse_scope_query("/a"), "one of its scopes contains a match of the pattern"),
        (IdIn(tuple("abcdefg")), "its id is a or b or c or d or e or one of 2 more"),
        (IdMatches("^x"), "its id contains a match of the pattern ^x"),
        (Not(Or((Exists(Path((LEVEL,))), IdIn(("x",))))),
         "not (there is level or its id is x)"),
        (And(()), "anything at all"),
        (Or(()), "nothing at all"),
        (parse_geo("near;maxDistance==500", "Point", "[1,2]", None, CORE_CONTEXT.expand),
         "location is at most 500 m from the Point given"),
        (parse_geo("within", "Polygon", "[[[0,0],[1,0],[1,1],[0,0]]]", None, CORE_CONTEXT.expand),
         "location within the Polygon given"),
    ],
)  # fmt: skip
def test_a_condition_is_said_in_words(node: Node, said: str) -> None:
    assert words(node, CORE_CONTEXT.compact).startswith(said)


def test_the_parts_of_a_condition_are_those_joined_by_and() -> None:
    node = q("a;b")
    assert [words(each, CORE_CONTEXT.compact) for each in conditions(node)] == [
        "there is a", "there is b",
    ]  # fmt: skip
    assert list(conditions(q("a|b"))) == [q("a|b")]
