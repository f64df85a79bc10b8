"""What a notification says of a change (§5.8.6), in every form."""

from typing import Any

import orjson
import pytest

from broker.jsonld.context import Context
from broker.jsonld.core import CORE_CONTEXT
from broker.model.change import diff
from broker.model.entity import Entity
from broker.model.language import parse_languages
from broker.model.reduce import ALL, Projection
from broker.model.render import Form
from broker.store.contract import Change, Committed, Kind
from broker.subscriptions.delivery.message import notification_id
from broker.subscriptions.delivery.render import GEO, JSON, LD, View, message
from broker.subscriptions.delivery.shape import Shape

CREATED = "2026-01-01T00:00:00.000000Z"
MODIFIED = "2026-01-01T01:00:00.000000Z"
AT = "2026-01-02T00:00:00.000000Z"
NULL = "urn:ngsi-ld:null"
D = "urn:ngsi-ld:Dataset:b"
TOWN = Context(
    {"River": "https://town.example/River", "level": "https://town.example/level"},
    prefixes=frozenset(),
    vocab="https://uri.etsi.org/ngsi-ld/default-context/",
    source="https://town.example/context.jsonld",
    link="https://town.example/context.jsonld",
    key="town",
)


def iri(name: str) -> str:
    return TOWN.expand(name) if name != "location" else CORE_CONTEXT.expand(name)


def entity(modified: str = CREATED, **attrs: Any) -> Entity:
    return {
        "id": "urn:ngsi-ld:River:kuma",
        "type": [iri("River")],
        "scope": ["/kumamoto"],
        "createdAt": CREATED,
        "modifiedAt": modified,
        "attrs": {
            iri(name): one if set(one) & {"@none", D} else {"@none": one}
            for name, one in attrs.items()
        },
    }


def prop(value: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **more}


def created(after: Entity) -> Committed:
    return Committed(Change(1, "", after["id"], 1, Kind.CREATE, AT, after, None), None, after)


def updated(before: Entity, after: Entity) -> Committed:
    delta, prior = diff(before, after)
    change = Change(2, "", after["id"], 2, Kind.UPDATE, AT, delta, prior)
    return Committed(change, before, after)


def deleted(before: Entity) -> Committed:
    return Committed(Change(3, "", before["id"], 3, Kind.DELETE, AT, None, before), before, None)


def shaped(
    kind: Any = "normalized",
    sys_attrs: bool = False,
    attributes: frozenset[str] | None = None,
    pick: frozenset[str] | None = None,
    omit: frozenset[str] = frozenset(),
    datasets: frozenset[str] | None = None,
    lang: str = "",
    **more: Any,
) -> Shape:
    projection = ALL if pick is None and not omit else Projection(pick, omit)
    languages = parse_languages(lang, "lang") if lang else ()
    form = Form(kind, sys_attrs, attributes, projection, datasets, languages)
    return Shape(form, **more)


def told(
    committed: Committed, accept: str = JSON, context: Context = TOWN, **shape: Any
) -> dict[str, Any]:
    data = orjson.loads(View(shaped(**shape), context, accept).change(committed, keep=False))
    (one,) = data
    return dict(one)


RIVER = {"id": "urn:ngsi-ld:River:kuma", "type": "River"}
WHOLE = {**RIVER, "scope": "/kumamoto"}


def test_a_new_entity_is_told_whole() -> None:
    assert told(created(entity(level=prop(3.5)))) == {**WHOLE, "level": prop(3.5)}


def test_an_update_tells_all_attributes() -> None:
    committed = updated(
        entity(level=prop(1), name=prop("a")), entity(level=prop(2), name=prop("a"))
    )
    assert told(committed) == {**WHOLE, "level": prop(2), "name": prop("a")}


@pytest.mark.parametrize(
    ("kind", "level"), [("concise", 2), ("simplified", 2), ("normalized", prop(2))]
)
def test_the_three_formats(kind: str, level: Any) -> None:
    assert told(created(entity(level=prop(2))), kind=kind)["level"] == level


def test_sys_attrs_are_those_of_the_change() -> None:
    shown = told(created(entity(MODIFIED, level=prop(2))), sys_attrs=True)
    assert (shown["createdAt"], shown["modifiedAt"]) == (CREATED, MODIFIED)
    assert shown["level"] == prop(2, createdAt=CREATED, modifiedAt=CREATED)


ONE_OF_EACH = [
    (prop(1), {"value": NULL}, {"previousValue": 1}),
    (
        {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [1, 2]}},
        {"value": NULL},
        {"previousValue": {"type": "Point", "coordinates": [1, 2]}},
    ),
    (
        {"type": "LanguageProperty", "languageMap": {"ja": "球磨川"}},
        {"languageMap": {"@none": NULL}},
        {"previousLanguageMap": {"ja": "球磨川"}},
    ),
    (
        {"type": "VocabProperty", "vocab": "https://town.example/River"},
        {"vocab": NULL},
        {"previousVocab": "River"},
    ),
    ({"type": "JsonProperty", "json": {"a": 1}}, {"json": NULL}, {"previousJson": {"a": 1}}),
    ({"type": "ListProperty", "valueList": [1]}, {"valueList": NULL}, {"previousValueList": [1]}),
    (
        {"type": "Relationship", "object": "urn:x:1"},
        {"object": NULL},
        {"previousObject": "urn:x:1"},
    ),
    (
        {"type": "ListRelationship", "objectList": ["urn:x:1"]},
        {"objectList": NULL},
        {"previousObjectList": [{"object": "urn:x:1"}]},
    ),
]


@pytest.mark.parametrize(("was", "null", "previous"), ONE_OF_EACH)
@pytest.mark.parametrize("kind", ["normalized", "concise"])
def test_a_deleted_attribute_is_null_and_its_previous_value_is_told_if_wanted(
    was: dict[str, Any], null: dict[str, Any], previous: dict[str, Any], kind: str
) -> None:
    committed = updated(entity(a=was, b=prop(1)), entity(b=prop(1)))
    typed = {"type": was["type"]} if kind == "normalized" else {}
    if kind == "normalized":
        assert told(committed)["a"] == {**typed, **null}
    assert told(committed, kind=kind, show_changes=True)["a"] == {**typed, **null, **previous}
    assert "b" in told(committed, kind=kind)


@pytest.mark.parametrize("kind", ["concise", "simplified"])
def test_a_deleted_property_is_a_bare_null_where_the_form_is_bare(kind: str) -> None:
    committed = updated(entity(a=prop(1), b=prop(1)), entity(b=prop(1)))
    assert told(committed, kind=kind)["a"] == NULL


def test_a_deleted_instance_is_null_among_the_others() -> None:
    committed = updated(
        entity(level={"@none": prop(1), D: prop(2)}), entity(level={"@none": prop(1)})
    )
    assert told(committed)["level"] == [prop(1), prop(NULL, datasetId=D)]
    assert told(committed, kind="simplified")["level"] == {"dataset": {"@none": 1, D: NULL}}


def test_an_attribute_deleted_with_all_its_instances_is_one_null() -> None:
    committed = updated(entity(level={D: prop(2), "@none": prop(1)}, b=prop(1)), entity(b=prop(1)))
    assert told(committed)["level"] == prop(NULL)
    assert len(told(committed, show_changes=True)["level"]) == 2
    alone = updated(entity(level={D: prop(2)}, b=prop(1)), entity(b=prop(1)))
    assert told(alone)["level"] == prop(NULL, datasetId=D)


def test_a_deleted_attribute_has_its_times_with_sys_attrs() -> None:
    committed = updated(entity(a=prop(1, modifiedAt=MODIFIED), b=prop(1)), entity(b=prop(1)))
    assert told(committed, sys_attrs=True)["a"] == prop(
        NULL, createdAt=CREATED, modifiedAt=MODIFIED, deletedAt=AT
    )


@pytest.mark.parametrize(("was", "null", "previous"), ONE_OF_EACH)
def test_show_changes_tells_what_was_before(
    was: dict[str, Any], null: dict[str, Any], previous: dict[str, Any]
) -> None:
    committed = updated(entity(a=was, b=prop(1)), entity(a={**was, "unitCode": "MTR"}, b=prop(1)))
    shown = told(committed, show_changes=True)
    assert shown["a"].items() >= previous.items()
    assert shown["b"] == prop(1)


def test_show_changes_tells_nothing_of_what_is_new() -> None:
    assert told(created(entity(a=prop(1))), show_changes=True)["a"] == prop(1)
    committed = updated(entity(), entity(a=prop(1)))
    assert told(committed, show_changes=True)["a"] == prop(1)


def test_a_deleted_entity_is_three_members() -> None:
    assert told(deleted(entity(a=prop(1)))) == {**RIVER, "deletedAt": AT}


def test_a_deleted_entity_has_its_times_with_sys_attrs() -> None:
    shown = told(deleted(entity(MODIFIED, a=prop(1))), sys_attrs=True)
    assert shown == {**RIVER, "deletedAt": AT, "createdAt": CREATED, "modifiedAt": MODIFIED}


@pytest.mark.parametrize(
    ("deletions", "names"), [(None, {"a", "b"}), (frozenset((iri("a"),)), {"a"})]
)
def test_a_deleted_entity_tells_the_attributes_whose_deletion_is_watched(
    deletions: frozenset[str] | None, names: set[str]
) -> None:
    shown = told(deleted(entity(a=prop(1), b=prop(2))), deletions=deletions)
    assert shown == {**RIVER, "deletedAt": AT, **{name: prop(NULL) for name in names}}


def test_a_deleted_entity_with_show_changes_tells_all_it_had() -> None:
    shown = told(deleted(entity(a=prop(1))), show_changes=True)
    assert shown == {**RIVER, "deletedAt": AT, "a": prop(NULL, previousValue=1)}


def test_attributes_leave_the_members_alone() -> None:
    committed = created(entity(a=prop(1), b=prop(2)))
    assert told(committed, attributes=frozenset((iri("a"),))) == {**WHOLE, "a": prop(1)}


def test_pick_takes_members_too() -> None:
    committed = created(entity(a=prop(1), b=prop(2)))
    assert told(committed, pick=frozenset(("id", iri("a")))) == {
        "id": RIVER["id"],
        "a": prop(1),
    }


def test_omit_takes_members_too() -> None:
    committed = created(entity(a=prop(1), b=prop(2)))
    assert told(committed, omit=frozenset(("type", "scope", iri("a")))) == {
        "id": RIVER["id"],
        "b": prop(2),
    }


def test_projections_hold_for_what_was_deleted() -> None:
    committed = updated(entity(a=prop(1), b=prop(1)), entity())
    assert told(committed, pick=frozenset(("id", iri("a")))).keys() == {"id", "a"}
    assert told(committed, omit=frozenset((iri("a"),))).keys() == {*WHOLE, "b"}


def test_only_the_wanted_instances_are_told() -> None:
    committed = created(entity(level={"@none": prop(1), D: prop(2)}, name=prop("a")))
    shown = told(committed, datasets=frozenset((D,)))
    assert shown == {**WHOLE, "level": prop(2, datasetId=D)}


def test_one_language_of_many() -> None:
    words = {"type": "LanguageProperty", "languageMap": {"en": "Kuma", "ja": "球磨川"}}
    shown = told(created(entity(name=words, level=prop(1))), lang="ja")
    assert shown["name"] == {"type": "Property", "value": "球磨川", "lang": "ja"}
    assert shown["level"] == prop(1)


def test_ld_json_carries_the_context_in_each_entity() -> None:
    assert told(created(entity()), LD)["@context"] == TOWN.source


def test_geojson_is_a_feature_collection() -> None:
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [130.7, 32.2]}}
    data = View(Shape(), TOWN, GEO).change(created(entity(location=place)), keep=False)
    collection = orjson.loads(data)
    assert collection["type"] == "FeatureCollection"
    assert collection["@context"] == TOWN.source
    (feature,) = collection["features"]
    assert feature["geometry"] == place["value"]
    assert feature["id"] == RIVER["id"]
    plain = View(Shape(), TOWN, GEO, geo_context=False)
    assert "@context" not in orjson.loads(plain.change(created(entity()), keep=False))


@pytest.mark.parametrize("gone", ["attribute", "entity"])
def test_a_place_that_was_deleted_leaves_a_feature_without_geometry(gone: str) -> None:
    place = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [130.7, 32.2]}}
    before = entity(location=place)
    committed = deleted(before) if gone == "entity" else updated(before, entity(MODIFIED))
    told = orjson.loads(View(Shape(deletions=None), TOWN, GEO).change(committed, keep=False))
    (feature,) = told["features"]
    assert feature["geometry"] is None
    assert {"type": "GeoProperty", "value": NULL} in feature["properties"].values()


def test_a_rendering_is_made_once_for_all_who_want_the_same() -> None:
    view = View(Shape(), TOWN, JSON)
    committed = created(entity(level=prop(1)))
    data = view.change(committed, keep=True)
    assert view.change(committed, keep=True) is data
    assert view.change(committed, keep=False) is not data
    for seq in range(2, 100):
        other = created(entity(level=prop(seq)))
        view.change(Committed(Change(seq, *_rest(other)), None, other.after), keep=True)
    assert view.change(committed, keep=True) is not data


def _rest(committed: Committed) -> tuple[Any, ...]:
    change = committed.change
    return (
        change.tenant, change.entity_id, change.version, change.kind, change.at, change.delta, None,
    )  # fmt: skip


def sent(accept: str, **more: Any) -> Any:
    view = View(Shape(), more.pop("context", TOWN), accept, **more)
    return message(
        view, b"[]", id="urn:n:1", subscription="urn:s:1", at=AT, tenant="drill",
        receiver_info=(("X-A", "1"), ("X-B", "2")), chain="7~x",
    )  # fmt: skip


def test_a_message_has_the_five_members_of_a_notification() -> None:
    assert orjson.loads(sent(JSON).body) == {
        "id": "urn:n:1",
        "type": "Notification",
        "subscriptionId": "urn:s:1",
        "notifiedAt": AT,
        "data": [],
    }


@pytest.mark.parametrize("name", ["Content-Type", "content-type"])
def test_a_receiver_cannot_be_told_another_content_type(name: str) -> None:
    view = View(Shape(), TOWN, JSON)
    made = message(
        view, b"[]", id="urn:n:1", subscription="urn:s:1", at=AT, tenant="",
        receiver_info=((name, "text/plain"), ("X-A", "1")),
    )  # fmt: skip
    told = [value for key, value in made.fields if key.lower() == "content-type"]
    assert told == [JSON]
    assert ("X-A", "1") in made.fields


KINDS: list[tuple[str, str, Any]] = [
    ("LanguageProperty", "languageMap", {"ja": "川"}),
    ("JsonProperty", "json", {"a": 1}),
    ("ListProperty", "valueList", [1]),
]


@pytest.mark.parametrize(("kind", "member", "value"), KINDS)
def test_an_older_receiver_is_told_what_was_before_and_what_is_gone(
    kind: str, member: str, value: Any
) -> None:
    before = entity(a={"type": kind, member: value})
    shape = Shape(show_changes=True, version=(1, 3))

    def told(after: Entity) -> Any:
        data = View(shape, TOWN, JSON).change(updated(before, after), keep=False)
        (attribute,) = (one for one in orjson.loads(data)[0].values() if isinstance(one, dict))
        return attribute

    other = told(entity(MODIFIED, a={"type": kind, member: "other"}))
    assert other == {"type": "Property", "value": "other", "previousValue": value}
    gone = told(entity(MODIFIED))
    assert gone == {"type": "Property", "value": NULL, "previousValue": value}


LINK = (
    "Link",
    '<https://town.example/context.jsonld>; rel="http://www.w3.org/ns/json-ld#context"; '
    'type="application/ld+json"',
)


@pytest.mark.parametrize(
    ("accept", "options", "linked"),
    [(JSON, {}, True), (LD, {}, False), (GEO, {}, False), (GEO, {"geo_context": False}, True)],
)
def test_the_context_is_linked_where_the_body_does_not_carry_it(
    accept: str, options: dict[str, bool], linked: bool
) -> None:
    fields = sent(accept, **options).fields
    assert fields[0] == ("Content-Type", accept)
    assert (LINK in fields) is linked
    assert ("X-A", "1") in fields
    assert ("X-B", "2") in fields
    assert ("NGSILD-Tenant", "drill") in fields
    assert ("Machi-Chain", "7~x") in fields


def test_a_notification_has_one_id_for_good_and_no_other_has_it() -> None:
    ids = [
        notification_id(at, sid, seq) for at in (CREATED, AT) for sid in (1, 11) for seq in (1, 11)
    ]
    assert len(set(ids)) == 8
    assert ids[0] == "urn:ngsi-ld:Notification:" + ids[0].rpartition(":")[2]
    assert notification_id(CREATED, 1, 1) == ids[0]
