"""What a caller sees by rules put together."""

from broker.query.ast import EntityQuery, Exists, Path
from broker.query.predicate import compile_predicate
from consent.policies.rule import Rule
from consent.policies.sight import Sight

LEVEL, NAME = "https://example.org/level", "https://example.org/name"
GAUGE = {
    "id": "urn:ngsi-ld:Gauge:1",
    "type": ["https://example.org/Gauge"],
    "attrs": {iri: {"@none": {"type": "Property", "value": 1}} for iri in (LEVEL, NAME)},
}


def test_rule_that_names_and_veils_an_attribute_neither_shows_it_nor_lets_it_be_asked():
    sight = Sight([Rule("urn:p:1", attributes=frozenset({LEVEL, NAME}), veiled=frozenset({LEVEL}))])
    view = sight.view(GAUGE)
    assert view is not None
    assert set(view["attrs"]) == {NAME}
    asked = sight.narrow(EntityQuery(Exists(Path((LEVEL,))))).where
    assert not compile_predicate(asked)(GAUGE)
