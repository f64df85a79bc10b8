"""What documents on disk hold, however they are laid out and whatever is looked at first."""

import json
from typing import Any

import apsw
from hypothesis import given
from hypothesis import strategies as st

from broker.entities.semantics import delete_attribute, partial_update, update_attributes
from broker.model.attributes import edited
from broker.model.change import diff
from broker.model.entity import Entity
from broker.store.contract import Change, Kind
from broker.store.sqlite.documents import StampedAttributes, dump, opened, parse, rewritten
from broker.store.sqlite.names import WriterNames
from broker.store.sqlite.schema import migrate
from tests.broker.store.helpers import entity, prop

NOW = "2026-01-01T00:00:01.000000Z"
IRIS = [f"https://example.org/{name}" for name in "abcdefg"]

hostile = st.one_of(
    st.text(),
    st.sampled_from(['}},"', '"attrs":{\n', '\n"2":{', '{"2":{', "\n}}", '"attrs":', ":{}", ",\n"]),
)
values = st.recursive(
    hostile | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(hostile | st.sampled_from(["2", "attrs"]), inner, max_size=2)
    ),
    max_leaves=5,
)
plain = st.builds(lambda value: {"type": "Property", "value": value}, values)
instances = st.one_of(
    plain,
    st.builds(
        lambda instance, iri, sub: {**instance, "attrs": {iri: {"@none": sub}}},
        plain,
        st.sampled_from(IRIS),
        plain,
    ),
)
attributes = st.dictionaries(
    st.sampled_from(IRIS),
    st.dictionaries(st.sampled_from(["@none", "urn:d", '"2":{']), instances, min_size=1),
)


def names() -> WriterNames:
    """Return the names of a new file that nobody has written to."""
    connection = apsw.Connection(":memory:")
    migrate(connection)
    return WriterNames(connection, 1, "", 100)


def with_attributes(attrs: dict[str, Any], **members: Any) -> Entity:
    """Return an entity that has these attributes."""
    return {**entity(), "attrs": attrs, **members}


def same(one: Entity, other: Entity) -> bool:
    """Whether two entities are the same in JSON, the order of attributes included."""
    plain = [{**each, "attrs": dict(each["attrs"])} for each in (one, other)]
    return json.dumps(plain[0]["attrs"]) == json.dumps(plain[1]["attrs"]) and plain[0] == plain[1]


@given(attributes, st.lists(st.sampled_from(IRIS)))
def test_a_document_says_the_same_whole_and_piece_by_piece(
    attrs: dict[str, Any], asked: list[str]
) -> None:
    known = names()
    stored = with_attributes(attrs, scope=['/"attrs":{'])
    document = dump(stored, known.keys)
    found = opened(document, known)
    for iri in asked:
        assert found["attrs"].get(iri) == attrs.get(iri)
        assert (iri in found["attrs"]) == (iri in attrs)
        assert len(found["attrs"]) == len(attrs)
    assert same(found, stored)
    assert same(parse(document, known), stored)


@given(
    attributes,
    st.lists(
        st.tuples(
            st.sampled_from(IRIS),
            st.sampled_from(["@none", "urn:d"]),
            instances | st.none(),
            st.booleans(),
        ),
        max_size=6,
    ),
)
def test_an_update_writes_what_it_means_whichever_way_it_is_written(
    attrs: dict[str, Any], edits: list[tuple[str, str, dict[str, Any] | None, bool]]
) -> None:
    known = names()
    plain = with_attributes(attrs)
    document = dump(plain, known.keys)
    for number, (iri, dataset, instance, scoped) in enumerate(edits):
        before = opened(document, known)
        kept = {} if instance is None else {**(before["attrs"].get(iri) or {}), dataset: instance}
        members = {"modifiedAt": f"{NOW} {number}", **({"scope": ["/a"]} if scoped else {})}
        after = {**before, **members, "attrs": edited(before["attrs"], {iri: kept or None})}
        plain = {**plain, **members, "attrs": edited(plain["attrs"], {iri: kept or None})}
        delta, prior = diff(before, after)
        change = Change(1, "", "urn:a", 2, Kind.UPDATE, NOW, delta, prior)
        document, *sides = rewritten(document, change, before, after, known.keys)
        assert [parse(side, known) for side in sides] == [delta, prior]
        assert same(parse(document, known), plain)
        assert same(opened(document, known), plain)


@given(attributes, attributes)
def test_an_edit_of_a_stored_entity_means_what_it_means_for_any(
    attrs: dict[str, Any], fragment: dict[str, Any]
) -> None:
    known = names()
    plain = with_attributes(attrs)
    stored = opened(dump(plain, known.keys), known)
    for before in (plain, stored):
        assert diff(before, before) == ({}, {})
    expected, told = update_attributes(plain, {"attrs": fragment}, NOW)
    after, also_told = update_attributes(stored, {"attrs": fragment}, NOW)
    assert same(after, expected)
    assert told == also_told
    assert diff(stored, after) == diff(plain, expected)
    assert diff(after, stored) == diff(expected, plain)


def test_edits_follow_each_other_without_a_trace() -> None:
    known = names()
    stored = opened(dump(entity(a=prop(1), b=prop(2)), known.keys), known)
    once = partial_update(stored, IRIS[0], {"@none": {"value": 3}}, NOW)
    twice = delete_attribute(once, IRIS[1], now=NOW)
    again = partial_update(twice, IRIS[0], {"@none": {"value": 1}}, NOW)
    assert {iri: each["@none"]["value"] for iri, each in again["attrs"].items()} == {IRIS[0]: 1}
    assert sorted(diff(once, again)[0]["attrs"]) == IRIS[:2]


def test_an_attribute_of_a_stored_entity_is_a_line_of_its_document() -> None:
    known = names()
    document = dump(entity(a=prop("\n"), b=prop({"c": {"d": {}}, "e": 2})), known.keys)
    assert document.count(b"\n") == 0
    document = dump(entity(a=prop("\n"), b=prop({"c": {}})), known.keys)
    assert document.count(b"\n") == 3


def test_attributes_that_were_sent_have_the_time_of_their_change() -> None:
    sent = {iri: prop(number) for number, iri in enumerate(IRIS)}
    stamped = StampedAttributes(sent, "then")
    new = {iri: {"@none": {**each["@none"], "modifiedAt": "then"}} for iri, each in sent.items()}
    assert stamped == new
    assert list(stamped) == IRIS
    assert (len(stamped), stamped[IRIS[1]], stamped.get(IRIS[0])) == (
        *(len(IRIS), new[IRIS[1]], new[IRIS[0]]),
    )
    assert (stamped.get("urn:x"), "urn:x" in stamped, IRIS[0] in stamped) == (None, False, True)
    assert sent[IRIS[0]] == prop(0)
