"""What a change of the feed tells history."""

from typing import Any

import pytest

from broker.model.entity import DEFAULT, NULL
from broker.model.times import microseconds
from broker.store.contract import Change, Kind
from broker.store.history import SCOPE, Fact
from broker.temporal.telling import entry_of
from tests.broker.store.helpers import LEVEL, NAME, SHELTER, entity, prop

AT = "2026-01-01T00:00:00.000001Z"


def change(kind: Kind, delta: dict[str, Any] | None, before: dict[str, Any] | None) -> Change:
    return Change(1, "", "urn:a", 1, kind, AT, delta, before)


def test_a_creation_tells_every_instance_and_that_the_entity_was_born() -> None:
    datasets = {**prop(1), "urn:ds": {"type": "Property", "value": 2}}
    created = {**entity(level=datasets), "scope": ["/a"]}
    entry = entry_of(change(Kind.CREATE, created, None), [SHELTER])
    assert (entry.entity_id, entry.types, entry.at) == ("urn:a", (SHELTER,), microseconds(AT))
    assert (entry.born, entry.gone) == (True, False)
    assert entry.facts == (
        Fact(SCOPE, {"type": "Property", "value": ["/a"]}),
        Fact(LEVEL, datasets[DEFAULT]),
        Fact(LEVEL, datasets["urn:ds"], "urn:ds"),
    )


def test_an_update_tells_only_what_changed() -> None:
    delta = {"modifiedAt": AT, "attrs": {LEVEL: prop(2)}}
    entry = entry_of(change(Kind.UPDATE, delta, {"attrs": {LEVEL: prop(1)}}), [SHELTER])
    assert entry.facts == (Fact(LEVEL, prop(2)[DEFAULT]),)
    assert (entry.born, entry.gone) == (False, False)


@pytest.mark.parametrize(
    ("instance", "null"),
    [
        (prop(1)[DEFAULT], {"type": "Property", "value": NULL}),
        (
            {"type": "Relationship", "object": "urn:b"},
            {"type": "Relationship", "object": NULL},
        ),
        (
            {"type": "LanguageProperty", "languageMap": {"ja": "町"}},
            {"type": "LanguageProperty", "languageMap": {"@none": NULL}},
        ),
        (
            {"type": "ListProperty", "valueList": [1]},
            {"type": "ListProperty", "valueList": [NULL]},
        ),
    ],
)
def test_a_removed_attribute_is_told_as_the_null_of_its_kind(
    instance: dict[str, Any], null: dict[str, Any]
) -> None:
    delta = {"attrs": {NAME: {DEFAULT: None}}}
    told = entry_of(change(Kind.UPDATE, delta, {"attrs": {NAME: {DEFAULT: instance}}}), [SHELTER])
    assert told.facts == (Fact(NAME, null, deleted=True),)


def test_a_removed_scope_is_told_as_no_scopes() -> None:
    told = entry_of(change(Kind.UPDATE, {"scope": None}, {"scope": ["/a"]}), [SHELTER])
    assert told.facts == (Fact(SCOPE, {"type": "Property", "value": []}, deleted=True),)


def test_a_deletion_tells_that_everything_is_gone() -> None:
    before = {**entity(level=prop(1)), "scope": ["/a"]}
    entry = entry_of(change(Kind.DELETE, None, before), [SHELTER])
    assert entry.gone
    assert [(fact.attribute, fact.deleted) for fact in entry.facts] == [
        (SCOPE, True),
        (LEVEL, True),
    ]
