"""Histories as a guard shows entities."""

from broker.model.entity import DEFAULT, Entity
from broker.store.history import Head, Moment
from broker.temporal.evolution import Evolution
from broker.temporal.state import shown_of


def test_what_is_hidden_does_not_say_how_far_a_history_was_read() -> None:
    shown, hidden = "https://example.org/shown", "https://example.org/hidden"
    secret = "urn:ngsi-ld:Dataset:secret"
    value = {"type": "Property", "value": 1}
    moment = Moment("urn:i:1", 5, 5, 5, None, 1, value)
    head = Head("urn:ngsi-ld:T:1", ("https://example.org/T",), 0, 0)
    told = {iri: [(DEFAULT, moment)] for iri in (shown, hidden)}
    edges = [(shown, DEFAULT, 7), (hidden, DEFAULT, 6), (shown, secret, 5)]
    evolution = Evolution(head, told, edges=edges)
    attrs = {shown: {DEFAULT: value, secret: value}, hidden: {DEFAULT: value}}
    state: Entity = {"id": head.id, "type": list(head.types), "attrs": attrs}

    def view(entity: Entity) -> Entity:
        of_shown = {each: one for each, one in entity["attrs"][shown].items() if each != secret}
        return {**entity, "attrs": {shown: of_shown}}

    seen = shown_of(evolution, state, view)
    assert seen is not None
    assert seen.edges == [(shown, DEFAULT, 7)]
