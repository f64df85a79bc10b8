"""Create, replace, append, update, partial update, delete (§5.6.1 to §5.6.5, §5.6.18, §5.6.19)."""

from types import MappingProxyType

import pytest

from broker.entities.semantics import (
    append,
    created,
    delete_attribute,
    delete_scope,
    merge,
    partial_update,
    replace,
    replace_attribute,
    update_attributes,
)
from broker.errors import BadRequestData, ResourceNotFound
from broker.model.attributes import Edited
from broker.model.limits import ATTRIBUTES, INSTANCES
from tests.broker.entities.stored import (
    BORN,
    LATER,
    LEVEL,
    NAME,
    NOW,
    PART_OF,
    VOCAB,
    entity,
    link,
    only,
    prop,
)


def test_a_created_entity_and_its_attributes_date_from_now():
    new = created({"id": "urn:x:1", "type": ["urn:T"], "attrs": {LEVEL: only(prop(1))}}, NOW)
    assert (new["createdAt"], new["modifiedAt"]) == (NOW, NOW)
    assert new["attrs"] == {LEVEL: only(prop(1))}


def test_replace_exchanges_everything_but_id_and_creation():
    old = entity({LEVEL: only(prop(1)), NAME: only(prop("a"))}, scope=["/a"])
    new = {"id": "urn:other", "type": ["urn:T"], "attrs": {LEVEL: only(prop(2))}}
    assert replace(old, new, NOW) == {
        "id": "urn:ngsi-ld:River:kuma",
        "type": ["urn:T"],
        "createdAt": BORN,
        "modifiedAt": NOW,
        "attrs": {LEVEL: only(prop(2, modifiedAt=NOW))},
    }


def test_append_keeps_created_at_of_a_replaced_instance():
    old = entity({LEVEL: only(prop(1, createdAt=LATER, unitCode="MTR"))})
    after, result = append(old, {"attrs": {LEVEL: only(prop(2))}}, NOW)
    assert after["attrs"][LEVEL] == only(prop(2, createdAt=LATER, modifiedAt=NOW))
    assert (result.updated, result.not_updated) == ([LEVEL], [])


def test_append_adds_missing_attributes_and_instances():
    old = entity({LEVEL: only(prop(1))})
    fragment = {"attrs": {LEVEL: {"urn:d:1": prop(2)}, NAME: only(prop("a"))}}
    after, _ = append(old, fragment, NOW)
    assert after["attrs"] == {
        LEVEL: {"@none": prop(1), "urn:d:1": prop(2, createdAt=NOW)},
        NAME: only(prop("a", createdAt=NOW)),
    }
    assert after["modifiedAt"] == NOW


def test_append_without_overwrite_reports_what_exists():
    old = entity({LEVEL: only(prop(1))})
    fragment = {"attrs": {LEVEL: only(prop(2)), NAME: only(prop("a"))}}
    after, result = append(old, fragment, NOW, no_overwrite=True)
    assert after["attrs"][LEVEL] == only(prop(1))
    assert result.updated == [NAME]
    assert [name for name, _ in result.not_updated] == [LEVEL]


def test_append_without_overwrite_writes_nothing_where_all_exists():
    old = entity({LEVEL: only(prop(1))})
    after, result = append(old, {"attrs": {LEVEL: only(prop(2))}}, NOW, no_overwrite=True)
    assert after is old
    assert result.updated == []


def test_append_without_overwrite_adds_an_instance_beside_one_that_stays():
    old = entity({LEVEL: only(prop(1))})
    fragment = {"attrs": {LEVEL: {"@none": prop(2), "urn:d:1": prop(3)}}}
    after, result = append(old, fragment, NOW, no_overwrite=True)
    assert {key: one["value"] for key, one in after["attrs"][LEVEL].items()} == {
        "@none": 1,
        "urn:d:1": 3,
    }
    assert (result.updated, len(result.not_updated)) == ([LEVEL], 1)


@pytest.mark.parametrize("write", [append, update_attributes])
def test_types_are_united(write):
    after, _ = write(entity({}), {"type": ["urn:T", VOCAB + "River"], "attrs": {}}, NOW)
    assert after["type"] == [VOCAB + "River", "urn:T"]
    assert after["modifiedAt"] == NOW


def test_append_replaces_the_scope():
    after, result = append(entity({}, scope=["/a"]), {"scope": ["/b"], "attrs": {}}, NOW)
    assert after["scope"] == ["/b"]
    assert result.updated == ["scope"]


def test_append_without_overwrite_unites_the_scopes():
    fragment = {"scope": ["/b", "/a"], "attrs": {}}
    after, _ = append(entity({}, scope=["/a"]), fragment, NOW, no_overwrite=True)
    assert after["scope"] == ["/a", "/b"]


def test_append_without_overwrite_keeps_an_expiry():
    fragment = {"expiresAt": "3000-01-01T00:00:00Z", "attrs": {}}
    old = entity({}, expiresAt="2999-01-01T00:00:00Z")
    after, result = append(old, fragment, NOW, no_overwrite=True)
    assert after is old
    assert result.not_updated[0][0] == "expiresAt"


def test_append_refuses_to_grow_an_entity_beyond_its_limits():
    full = {f"urn:a:{number}": only(prop(1)) for number in range(ATTRIBUTES)}
    with pytest.raises(BadRequestData):
        append(entity(full), {"attrs": {LEVEL: only(prop(1))}}, NOW)
    many = {f"urn:d:{number}": prop(1) for number in range(INSTANCES)}
    with pytest.raises(BadRequestData):
        append(entity({LEVEL: many}), {"attrs": {LEVEL: only(prop(1))}}, NOW)


@pytest.mark.parametrize("write", [append, update_attributes, lambda *given: (merge(*given), None)])
@pytest.mark.parametrize("hold", [dict, lambda attrs: Edited(MappingProxyType(attrs), {})])
def test_what_is_past_the_limits_already_is_changed_and_made_smaller_and_does_not_grow(write, hold):
    """So with attributes an engine parses as well as with those of the reference engine."""
    many = {f"urn:d:{number}": prop(1) for number in range(INSTANCES + 1)}
    more = {f"urn:a:{number}": only(prop(1)) for number in range(ATTRIBUTES)}
    old = entity(hold({LEVEL: only(prop(1)), NAME: many, **more}))
    for fits in ({LEVEL: only(prop(2))}, {NAME: {"urn:d:0": prop(2)}}, {LEVEL: only(None)}):
        after, _ = write(old, {"attrs": fits}, NOW)
        assert after["attrs"] != old["attrs"]
    for grows in ({LEVEL + "s": only(prop(1))}, {NAME: only(prop(1))}):
        with pytest.raises(BadRequestData):
            write(old, {"attrs": grows}, NOW)


def test_update_replaces_the_whole_instance():
    sub = {VOCAB + "by": only(prop(1))}
    old = entity({LEVEL: only(prop(1, unitCode="MTR", attrs=sub))})
    after, _ = update_attributes(old, {"attrs": {LEVEL: only(link("urn:x:1"))}}, NOW)
    assert after["attrs"][LEVEL] == only({**link("urn:x:1"), "modifiedAt": NOW})


def test_a_replaced_instance_keeps_created_at_of_the_sub_attributes_it_still_has():
    kept, new = VOCAB + "by", VOCAB + "since"
    old = entity({LEVEL: only(prop(1, attrs={kept: only(prop(1))}))})
    subs = {kept: only(prop(2)), new: only(prop(3))}
    after, _ = update_attributes(old, {"attrs": {LEVEL: only(prop(2, attrs=subs))}}, NOW)
    assert after["attrs"][LEVEL]["@none"]["attrs"] == {
        kept: only(prop(2, modifiedAt=NOW)),
        new: only(prop(3, createdAt=NOW)),
    }


def test_update_leaves_other_datasets_alone():
    other = prop(2, createdAt=LATER)
    old = entity({LEVEL: {"@none": prop(1), "urn:d:1": other}})
    after, _ = update_attributes(old, {"attrs": {LEVEL: only(prop(5))}}, NOW)
    assert after["attrs"][LEVEL]["urn:d:1"] is other


@pytest.mark.parametrize("write", [append, update_attributes])
def test_null_deletes_the_instance_it_names_and_then_the_attribute(write):
    old = entity({LEVEL: {"@none": prop(1), "urn:d:1": prop(2)}})
    after, _ = write(old, {"attrs": {LEVEL: {"urn:d:1": None}}}, NOW)
    assert after["attrs"] == {LEVEL: only(prop(1))}
    after, _ = write(after, {"attrs": {LEVEL: only(None)}}, NOW)
    assert after["attrs"] == {}


def test_null_for_what_does_not_exist_is_no_error():
    after, result = update_attributes(entity({}), {"attrs": {LEVEL: only(None)}}, NOW)
    assert (after["attrs"], result.not_updated) == ({}, [])


def test_null_members_have_nothing_to_remove_in_a_replaced_instance():
    fragment = {"attrs": {LEVEL: only(prop(2, unitCode=None, attrs={NAME: only(None)}))}}
    after, _ = update_attributes(entity({LEVEL: only(prop(1))}), fragment, NOW)
    assert after["attrs"][LEVEL] == only(prop(2, modifiedAt=NOW))


def test_update_replaces_a_scope_and_reports_one_the_entity_lacks():
    fragment = {"scope": ["/b"], "attrs": {}}
    after, _ = update_attributes(entity({}, scope=["/a"]), fragment, NOW)
    assert after["scope"] == ["/b"]
    unscoped = entity({})
    after, result = update_attributes(unscoped, fragment, NOW)
    assert after is unscoped
    assert result.not_updated[0][0] == "scope"


@pytest.mark.parametrize("member", ["scope", "expiresAt"])
def test_update_removes_members_by_null(member):
    old = entity({}, scope=["/a"], expiresAt="2999-01-01T00:00:00Z")
    after, _ = update_attributes(old, {member: None, "attrs": {}}, NOW)
    assert member not in after
    unchanged, result = update_attributes(entity({}), {member: None, "attrs": {}}, NOW)
    assert (member in unchanged, result.not_updated) == (False, [])


def test_partial_update_changes_the_members_given_and_keeps_the_others():
    old = entity({LEVEL: only(prop(1, unitCode="MTR", observedAt=BORN, createdAt=LATER))})
    after = partial_update(old, LEVEL, only({"value": 2, "observedAt": None}), NOW)
    assert after["attrs"][LEVEL] == only(prop(2, unitCode="MTR", createdAt=LATER, modifiedAt=NOW))
    assert after["modifiedAt"] == NOW


def test_partial_update_replaces_a_compound_value_whole():
    old = entity({LEVEL: only(prop({"a": 1, "b": 2}))})
    after = partial_update(old, LEVEL, only({"value": {"b": 3}}), NOW)
    assert after["attrs"][LEVEL]["@none"]["value"] == {"b": 3}


def test_partial_update_replaces_adds_and_removes_sub_attributes():
    a, b, c = (VOCAB + name for name in "abc")
    old = entity({LEVEL: only(prop(1, attrs={a: only(prop(1)), b: only(prop(2))}))})
    patch = {"attrs": {b: only(None), c: only(prop(3)), a: only(prop(9))}}
    after = partial_update(old, LEVEL, only(patch), NOW)
    assert after["attrs"][LEVEL]["@none"]["attrs"] == {
        a: only(prop(9, modifiedAt=NOW)),
        c: only(prop(3, createdAt=NOW)),
    }


def test_partial_update_removes_the_last_sub_attribute_with_its_container():
    old = entity({LEVEL: only(prop(1, attrs={NAME: only(prop(1))}))})
    after = partial_update(old, LEVEL, only({"attrs": {NAME: only(None)}}), NOW)
    assert "attrs" not in after["attrs"][LEVEL]["@none"]


def test_partial_update_by_null_removes_the_instance():
    old = entity({LEVEL: only(prop(1))})
    assert partial_update(old, LEVEL, only(None), NOW)["attrs"] == {}


def test_partial_update_reads_a_geometry_only_for_a_geo_property():
    text = '{"type": "Point", "coordinates": [1, 2]}'
    point = {"type": "Point", "coordinates": [1, 2]}
    old = entity({LEVEL: only({"type": "GeoProperty", "value": {**point}}), NAME: only(prop(1))})
    patch = only({"value": text})
    assert partial_update(old, LEVEL, patch, NOW)["attrs"][LEVEL]["@none"]["value"] == point
    assert partial_update(old, NAME, patch, NOW)["attrs"][NAME]["@none"]["value"] == text
    with pytest.raises(BadRequestData):
        partial_update(old, LEVEL, only({"value": 5}), NOW)


@pytest.mark.parametrize(
    "patch",
    [
        {"type": "Relationship", "object": "urn:x:1"},
        {"type": "GeoProperty"},
        {"object": "urn:x:1"},
        {"languageMap": {}},
        {"objectType": [VOCAB + "T"]},
    ],
)
def test_partial_update_refuses_what_does_not_fit_the_kind(patch):
    with pytest.raises(BadRequestData):
        partial_update(entity({LEVEL: only(prop(1))}), LEVEL, only(patch), NOW)


def test_a_unit_does_not_fit_a_relationship():
    with pytest.raises(BadRequestData):
        partial_update(
            entity({PART_OF: only(link("urn:x:1"))}), PART_OF, only({"unitCode": "CEL"}), NOW
        )


def test_replace_attribute_may_change_the_kind():
    old = entity({LEVEL: only(prop(1, createdAt=LATER, unitCode="MTR"))})
    after = replace_attribute(old, LEVEL, only(link("urn:x:1")), NOW)
    assert after["attrs"][LEVEL] == only({**link("urn:x:1"), "createdAt": LATER, "modifiedAt": NOW})


def test_delete_takes_the_default_instance_or_the_one_named():
    old = entity({LEVEL: {"@none": prop(1), "urn:d:1": prop(2)}})
    assert delete_attribute(old, LEVEL, now=NOW)["attrs"] == {LEVEL: {"urn:d:1": prop(2)}}
    after = delete_attribute(old, LEVEL, dataset="urn:d:1", now=NOW)
    assert after["attrs"] == {LEVEL: only(prop(1))}
    assert after["modifiedAt"] == NOW


def test_delete_all_takes_every_instance():
    old = entity({LEVEL: {"urn:d:1": prop(2), "urn:d:2": prop(2)}, NAME: only(prop(1))})
    assert delete_attribute(old, LEVEL, delete_all=True, now=NOW)["attrs"].keys() == {NAME}


def test_the_scope_can_be_deleted_once():
    after = delete_scope(entity({}, scope=["/a"]), NOW)
    assert "scope" not in after
    assert after["modifiedAt"] == NOW
    with pytest.raises(ResourceNotFound):
        delete_scope(after, NOW)


@pytest.mark.parametrize(
    "operation",
    [
        lambda e, iri: partial_update(e, iri, {"@none": {"value": 1}}, NOW),
        lambda e, iri: partial_update(e, iri, {"@none": None}, NOW),
        lambda e, iri: replace_attribute(e, iri, {"@none": prop(1)}, NOW),
        lambda e, iri: delete_attribute(e, iri, now=NOW),
    ],
)
@pytest.mark.parametrize("iri", [NAME, LEVEL])
def test_a_missing_attribute_or_instance_is_not_found(operation, iri):
    with pytest.raises(ResourceNotFound) as caught:
        operation(entity({LEVEL: {"urn:d:1": prop(1)}}), iri)
    assert caught.value.place == "path:attrId"
