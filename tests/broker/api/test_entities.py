"""`/entities/{id}`: create, retrieve, replace, merge, delete."""

from urllib.parse import quote

import pytest

from tests.broker.api.data import (
    DEFAULT_CONTEXT,
    ENTITIES,
    ERRORS,
    INLINE,
    LD,
    OWN,
    gauge,
    link,
    urn,
)
from tests.support.asgi import ABSENT, Client

ONE = f"{ENTITIES}/{urn(1)}"


async def test_create_answers_with_the_path_and_no_body(client: Client) -> None:
    answer = await client.post(ENTITIES, gauge())
    assert (answer.status, answer.body) == (201, b"")
    assert answer.header("location") == ONE


async def test_the_location_of_any_iri_leads_to_its_entity(client: Client) -> None:
    entity_id = "urn:x:人吉/橋?a=b#c%25"
    created = await client.post(ENTITIES, {"id": entity_id, "type": "Bridge"})
    location = created.header("location")
    assert location is not None
    assert location.isascii()
    answer = await client.get(location)
    assert answer.json()["id"] == entity_id


async def test_an_id_exists_once_whatever_its_type(client: Client) -> None:
    await client.post(ENTITIES, gauge())
    answer = await client.post(ENTITIES, {"id": urn(1), "type": "Bridge"})
    assert answer.status == 409
    assert answer.problem["type"] == ERRORS + "AlreadyExists"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "InvalidRequest"),
        (b"{", "InvalidRequest"),
        (b"{}", "BadRequestData"),
        (b"[]", "BadRequestData"),
        (b'"x"', "BadRequestData"),
        (b'{"id": "no uri", "type": "Gauge"}', "BadRequestData"),
        (b'{"id": "urn:x:1"}', "BadRequestData"),
        (b'{"type": "Gauge"}', "BadRequestData"),
        (b'{"id": "urn:x:1", "type": "Gauge", "a": null}', "BadRequestData"),
        (b'{"id": "urn:x:1", "type": "Gauge", "a": "urn:ngsi-ld:null"}', "BadRequestData"),
    ],
)
async def test_create_refuses_bodies_that_are_no_entity(
    quick: Client, body: bytes, kind: str
) -> None:
    headers = {"content-type": "application/json"}
    answer = await quick.request("POST", ENTITIES, headers, body=body)
    assert answer.status == 400
    assert answer.problem["type"] == ERRORS + kind
    assert answer.problem["place"].startswith("body:")


async def test_a_retrieved_entity_is_normalized_by_default(client: Client) -> None:
    await client.post(ENTITIES, gauge(level=1.5, near={"object": "urn:x:2"}))
    answer = await client.get(ONE)
    assert answer.json() == {
        "id": urn(1),
        "type": "Gauge",
        "level": {"type": "Property", "value": 1.5},
        "near": {"type": "Relationship", "object": "urn:x:2"},
    }


@pytest.mark.parametrize("query", ["options=keyValues", "options=simplified", "format=simplified"])
async def test_simplified_shows_values_only(quick: Client, query: str) -> None:
    await quick.post(ENTITIES, gauge(level={"value": 2, "unitCode": "MTR"}))
    answer = await quick.get(f"{ONE}?{query}")
    assert answer.json() == {"id": urn(1), "type": "Gauge", "level": 2}


async def test_concise_drops_what_can_be_inferred(quick: Client) -> None:
    await quick.post(ENTITIES, gauge(level={"type": "Property", "value": 2, "unitCode": "MTR"}))
    answer = await quick.get(f"{ONE}?format=concise")
    assert answer.json()["level"] == {"value": 2, "unitCode": "MTR"}


async def test_format_beats_options(quick: Client) -> None:
    await quick.post(ENTITIES, gauge())
    answer = await quick.get(f"{ONE}?format=simplified&options=concise,sysAttrs")
    assert answer.json()["level"] == 1.5
    assert "createdAt" in answer.json()


async def test_times_are_shown_with_sys_attrs_only(quick: Client) -> None:
    await quick.post(ENTITIES, gauge())
    plain = (await quick.get(ONE)).json()
    shown = (await quick.get(f"{ONE}?options=sysAttrs")).json()
    assert "createdAt" not in plain
    assert "createdAt" not in plain["level"]
    assert shown["createdAt"] == shown["level"]["modifiedAt"]


@pytest.mark.parametrize("query", ["options=keyValues,nonsense", "format=nonsense", "shape=flat"])
async def test_unknown_options_and_parameters_are_invalid_requests(
    quick: Client, query: str
) -> None:
    answer = await quick.get(f"{ONE}?{query}")
    assert answer.status == 400
    assert answer.problem["type"] == ERRORS + "InvalidRequest"
    assert answer.problem["place"] == "query:" + query.partition("=")[0]


async def test_a_parameter_given_twice_is_refused(quick: Client) -> None:
    answer = await quick.get(f"{ONE}?format=concise&format=simplified")
    assert answer.problem["type"] == ERRORS + "InvalidRequest"


async def test_an_unknown_entity_is_not_found(client: Client) -> None:
    answer = await client.get(ONE)
    assert answer.status == 404
    assert answer.problem["type"] == ERRORS + "ResourceNotFound"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_a_malformed_id_comes_before_everything_else(quick: Client, method: str) -> None:
    headers = {"content-type": "application/json"}
    body = None if method in ("GET", "DELETE") else b"no json"
    answer = await quick.request(method, f"{ENTITIES}/no-uri", headers, body=body)
    assert answer.status == 400
    assert answer.problem["type"] == ERRORS + "BadRequestData"
    assert answer.problem["place"] == "path:id"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_an_empty_id_is_bad_data_rather_than_a_wrong_method(
    quick: Client, method: str
) -> None:
    answer = await quick.request(method, f"{ENTITIES}/", json={})
    assert answer.status == 400
    assert answer.problem["type"] == ERRORS + "BadRequestData"


async def test_attrs_projects_and_none_of_them_is_not_found(client: Client) -> None:
    await client.post(ENTITIES, gauge(name="人吉"))
    kept = await client.get(f"{ONE}?attrs=name,absent&options=keyValues")
    assert kept.json() == {"id": urn(1), "type": "Gauge", "name": "人吉"}
    assert (await client.get(f"{ONE}?attrs=absent")).status == 404


async def test_a_type_that_does_not_match_hides_the_entity(client: Client) -> None:
    await client.post(ENTITIES, {"id": urn(1), "type": ["Gauge", "Device"]})
    assert (await client.get(f"{ONE}?type=Device")).status == 200
    assert (await client.get(f"{ONE}?type=(Gauge;Device)")).status == 200
    assert (await client.get(f"{ONE}?type=*")).status == 200
    assert (await client.get(f"{ONE}?type=Bridge")).status == 404
    assert (await client.delete(f"{ONE}?type=Bridge")).status == 404


async def test_an_etag_names_version_and_representation(client: Client) -> None:
    await client.post(ENTITIES, gauge())
    plain = (await client.get(ONE)).header("etag")
    simple = (await client.get(f"{ONE}?format=simplified")).header("etag")
    await client.patch(f"{ONE}/attrs", {"level": 2})
    after = (await client.get(ONE)).header("etag")
    assert plain is not None
    assert simple is not None
    assert after is not None
    assert plain.startswith('"v1-')
    assert simple.startswith('"v1-')
    assert after.startswith('"v2-')
    assert plain != simple


async def test_if_none_match_answers_304_until_the_entity_changes(client: Client) -> None:
    await client.post(ENTITIES, gauge())
    tag = (await client.get(ONE)).header("etag")
    assert tag is not None
    again = await client.get(ONE, {"if-none-match": f'"v9-0", {tag}'})
    assert (again.status, again.body, again.header("etag")) == (304, b"", tag)
    assert (await client.get(ONE, {"if-none-match": "*"})).status == 304
    assert (await client.get(f"{ONE}?format=concise", {"if-none-match": tag})).status == 200
    await client.patch(f"{ONE}/attrs", {"level": 2})
    assert (await client.get(ONE, {"if-none-match": tag})).status == 200


WRITES = [
    ("PUT", "", gauge(level=9)),
    ("PATCH", "", {"level": 9}),
    ("POST", "/attrs", {"level": 9}),
    ("PATCH", "/attrs", {"level": 9}),
    ("PATCH", "/attrs/level", {"value": 9}),
    ("PUT", "/attrs/level", {"value": 9}),
    ("DELETE", "/attrs/level", None),
    ("DELETE", "", None),
]


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
async def test_if_match_guards_every_write_on_an_entity(
    quick: Client, method: str, path: str, body: object
) -> None:
    await quick.post(ENTITIES, gauge())
    tag = (await quick.get(f"{ONE}?format=simplified")).header("etag")
    assert tag is not None
    sent = ABSENT if body is None else body
    stale = await quick.request(method, ONE + path, {"if-match": '"v7-0"'}, json=sent)
    assert stale.status == 412
    assert stale.problem["type"] == OWN + "PreconditionFailed"
    assert stale.problem["place"] == "header:If-Match"
    assert (await quick.get(f"{ONE}?format=simplified")).json()["level"] == 1.5
    fresh = await quick.request(method, ONE + path, {"if-match": f'"v7-0", {tag}'}, json=sent)
    assert fresh.status == 204
    assert fresh.header("content-length") is None


@pytest.mark.parametrize("tag", ["", '"x"', "v", '"v1-0" "v2-0"', '"v-1"'])
async def test_an_unusable_if_match_is_refused(quick: Client, tag: str) -> None:
    await quick.post(ENTITIES, gauge())
    headers = [("if-match", tag or " ")]
    answer = await quick.request("DELETE", ONE, headers)
    assert answer.status == 400
    assert answer.problem["place"] == "header:If-Match"


async def test_if_match_star_asks_for_existence(client: Client) -> None:
    assert (await client.delete(ONE, {"if-match": "*"})).status == 404
    await client.post(ENTITIES, gauge())
    assert (await client.delete(ONE, {"if-match": "*"})).status == 204


async def test_replace_keeps_the_creation_and_nothing_else(client: Client) -> None:
    await client.post(ENTITIES, gauge(name="old", scope="/a"))
    before = (await client.get(f"{ONE}?options=sysAttrs")).json()
    assert (await client.put(ONE, {"type": "Bridge", "level": 3})).status == 204
    after = (await client.get(f"{ONE}?options=sysAttrs")).json()
    assert after["type"] == "Bridge"
    assert set(after) == {"id", "type", "level", "createdAt", "modifiedAt"}
    assert after["createdAt"] == before["createdAt"]
    assert after["modifiedAt"] > before["modifiedAt"]


async def test_replace_needs_a_type_and_an_entity(client: Client) -> None:
    assert (await client.put(ONE, gauge())).status == 404
    await client.post(ENTITIES, gauge())
    assert (await client.put(ONE, {"level": 3})).problem["status"] == 400


async def test_merge_goes_into_values_and_removes_by_null(client: Client) -> None:
    await client.post(ENTITIES, gauge(level={"value": {"a": 1, "b": {"c": 2}}}, name="x"))
    patch = {"level": {"value": {"b": {"c": "urn:ngsi-ld:null", "d": 3}}}}
    answer = await client.patch(ONE, {**patch, "name": "urn:ngsi-ld:null"})
    assert answer.status == 204
    assert (await client.get(f"{ONE}?format=simplified")).json() == {
        "id": urn(1),
        "type": "Gauge",
        "level": {"a": 1, "b": {"d": 3}},
    }


async def test_merge_takes_merge_patch_json(quick: Client) -> None:
    await quick.post(ENTITIES, gauge())
    headers = {"content-type": "application/merge-patch+json"}
    answer = await quick.request("PATCH", ONE, headers, json={"level": 5})
    assert answer.status == 204
    assert (await quick.get(f"{ONE}?format=simplified")).json()["level"] == 5


@pytest.mark.parametrize("query", ["options=keyValues", "format=simplified"])
async def test_a_simplified_merge_keeps_the_kind_it_meets(quick: Client, query: str) -> None:
    await quick.post(ENTITIES, gauge(near={"object": "urn:x:2"}))
    assert (await quick.patch(f"{ONE}?{query}", {"near": "urn:x:3"})).status == 204
    assert (await quick.get(ONE)).json()["near"] == {"type": "Relationship", "object": "urn:x:3"}


async def test_a_merge_in_one_language_leaves_the_others(quick: Client) -> None:
    name = {"languageMap": {"en": "bridge", "ja": "橋"}}
    await quick.post(ENTITIES, gauge(name=name))
    query = "options=keyValues&lang=en"
    assert (await quick.patch(f"{ONE}?{query}", {"name": "crossing"})).status == 204
    after = (await quick.get(ONE)).json()["name"]["languageMap"]
    assert after == {"en": "crossing", "ja": "橋"}


async def test_a_merge_gives_observed_at_to_what_had_one(quick: Client) -> None:
    level = {"value": 1, "observedAt": "2020-07-03T00:00:00Z"}
    await quick.post(ENTITIES, gauge(level=level, name="x"))
    path = f"{ONE}?observedAt=2020-07-04T00:00:00Z"
    assert (await quick.patch(path, {"level": {"value": 2}, "name": "y"})).status == 204
    after = (await quick.get(ONE)).json()
    assert after["level"]["observedAt"] == "2020-07-04T00:00:00Z"
    assert "observedAt" not in after["name"]
    refused = await quick.patch(f"{ONE}?observedAt=today", {"level": {"value": 2}})
    assert refused.problem["place"] == "query:observedAt"


@pytest.mark.parametrize("query", ["options=sysAttrs", "format=concise", "options=normalized"])
async def test_a_merge_takes_no_other_representation(quick: Client, query: str) -> None:
    await quick.post(ENTITIES, gauge())
    answer = await quick.patch(f"{ONE}?{query}", {"level": 5})
    assert answer.problem["type"] == ERRORS + "InvalidRequest"


async def test_a_deleted_entity_is_gone_and_can_be_created_anew(client: Client) -> None:
    await client.post(ENTITIES, gauge())
    assert (await client.delete(ONE)).status == 204
    assert (await client.get(ONE)).status == 404
    assert (await client.delete(ONE)).status == 404
    assert (await client.post(ENTITIES, gauge())).status == 201


async def test_names_live_as_iris_and_are_compacted_by_the_readers_context(
    quick: Client,
) -> None:
    await quick.request("POST", ENTITIES, LD, json={"@context": INLINE, **gauge()})
    seen = (await quick.get(f"{ONE}?format=simplified")).json()
    assert seen == {"id": urn(1), "type": INLINE["Gauge"], INLINE["level"]: 1.5}
    path = f"{ENTITIES}?type={quote(INLINE['Gauge'], safe='')}"
    assert [one["id"] for one in (await quick.get(path)).json()] == [urn(1)]
    assert (await quick.get(f"{ENTITIES}?type=Gauge")).json() == []


async def test_names_without_context_belong_to_the_default_context(quick: Client) -> None:
    await quick.post(ENTITIES, gauge())
    path = f"{ONE}?attrs={quote(DEFAULT_CONTEXT + 'level', safe='')}"
    assert (await quick.get(path)).json()["level"]["value"] == 1.5


async def test_reads_after_writes_are_never_stale(client: Client) -> None:
    await client.post(ENTITIES, gauge(level=0))
    for level in range(1, 6):
        before = await client.get(f"{ONE}?format=simplified")
        listed = await client.get(f"{ENTITIES}?type=Gauge&format=simplified")
        assert before.json()["level"] == listed.json()[0]["level"] == level - 1
        await client.patch(f"{ONE}/attrs", {"level": level})


async def test_a_context_that_cannot_be_had_is_504_and_names_the_header(quick: Client) -> None:
    answer = await quick.get(ONE, link("http://127.0.0.1:9/context.jsonld"))
    assert answer.status == 504
    assert answer.problem["type"] == ERRORS + "LdContextNotAvailable"
    assert answer.problem["place"] == "header:Link"
