"""Conditions on hidden attributes read as if the attribute were absent."""

import pytest

from broker.query.ast import And, Geo, HasType, Node, Not, Or
from broker.query.q import parse_q
from broker.query.rewrite import NOTHING, hide
from tests.broker.query.conftest import VOCAB, expand


def is_hidden(attribute: str) -> bool:
    return attribute == VOCAB + "secret"


@pytest.mark.parametrize(
    "q",
    [
        "secret",
        "secret==1",
        "secret!=1",
        "secret.b>1",
        "b.secret==1",
        "secret.createdAt>2020-01-01",
    ],
)
def test_condition_on_a_hidden_attribute_is_false(q: str) -> None:
    assert hide(parse_q(q, expand), is_hidden) == NOTHING


def test_negation_applies_after_hiding() -> None:
    assert hide(parse_q("!secret", expand), is_hidden) == Not(NOTHING)


def test_geographic_condition_on_a_hidden_attribute_is_false() -> None:
    node = Geo(VOCAB + "secret", "disjoint", {"type": "Point", "coordinates": [0, 0]})
    assert hide(node, is_hidden) == NOTHING


@pytest.mark.parametrize(
    "node", [parse_q("a==1;(b|!c)", expand), HasType("urn:t:T"), And(()), Or(()), Not(And(()))]
)
def test_everything_else_stays(node: Node) -> None:
    assert hide(node, is_hidden) == node
