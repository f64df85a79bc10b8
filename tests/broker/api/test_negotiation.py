"""Media types, bodies, methods, hosts: what every operation shares (§6.3.4–§6.3.6)."""

import pytest

from broker.settings import Settings
from broker.store.memory import MemoryStore
from tests.broker.api.data import (
    CORE,
    ENTITIES,
    ERRORS,
    EX,
    OPERATIONS,
    OWN,
    TRANSACTIONS,
    gauge,
    refusal,
    urn,
)
from tests.support.asgi import Client, running

ONE = f"{ENTITIES}/{urn(1)}"
JSON = "application/json"
LD = "application/ld+json"
GEO = "application/geo+json"


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("application/ld+json", LD),
        ("application/geo+json", GEO),
        ("APPLICATION/LD+JSON", LD),
        ("application/ld+json, application/json", JSON),
        ("application/geo+json, application/ld+json", LD),
        ("application/json;q=0.5, application/ld+json", LD),
        ("application/json;q=0.5, application/ld+json;q=0.4, */*;q=0.1", JSON),
        ("application/json;q=0, */*", LD),
        ("application/json;q=0, application/ld+json;q=0, */*", GEO),
        ("text/html, application/ld+json;q=0.1", LD),
        ("text/html, */*;q=0.1", JSON),
        ("application/ld+json;q=nonsense, application/json;q=0.9", LD),
        ("application/ld+json;q=nan, application/json;q=0.9", LD),
        ("application/json;charset=utf-8", JSON),
        (", ,", JSON),
    ],
)
async def test_accept_chooses_the_representation(quick: Client, accept: str, chosen: str) -> None:
    await quick.post(ENTITIES, gauge())
    answer = await quick.get(ONE, {"accept": accept})
    assert answer.status == 200
    assert answer.header("content-type") == chosen


@pytest.mark.parametrize(
    "accept", ["text/html", "application/json;q=0", "image/*;q=1, text/*", "*/*;q=0"]
)
@pytest.mark.parametrize("path", [ONE, f"{ENTITIES}?type=Gauge", f"{EX}/typeRules"])
async def test_what_cannot_be_produced_is_406_with_what_can(
    quick: Client, accept: str, path: str
) -> None:
    answer = await quick.get(path, {"accept": accept})
    assert answer.status == 406
    assert answer.problem["type"] == OWN + "NotAcceptable"
    assert JSON in answer.problem["available"]


async def test_geojson_is_for_entities_only(quick: Client) -> None:
    answer = await quick.post(ENTITIES, gauge(), {"accept": GEO})
    assert answer.status == 406
    assert answer.problem["available"] == [JSON, LD]
    assert (await quick.get(ONE)).status == 404
    assert (await quick.post(ENTITIES, gauge(), {"accept": f"{GEO}, {JSON}"})).status == 201


async def test_json_carries_the_context_in_a_link_and_json_ld_in_the_body(quick: Client) -> None:
    await quick.post(ENTITIES, gauge())
    relation = 'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
    plain = await quick.get(ONE)
    assert plain.all("link") == [f"<{CORE}>; {relation}"]
    assert "@context" not in plain.json()
    linked = await quick.get(ONE, {"accept": LD})
    assert linked.all("link") == []
    assert linked.json()["@context"] == CORE
    listed = await quick.get(f"{ENTITIES}?type=Gauge", {"accept": LD})
    assert [one["@context"] for one in listed.json()] == [CORE]


@pytest.mark.parametrize(
    "kind", ["text/plain", ";", "application/xml", "application/merge-patch+json", "json"]
)
async def test_a_body_that_is_not_announced_as_json_is_415(quick: Client, kind: str) -> None:
    for path in (ENTITIES, f"{OPERATIONS}/upsert", TRANSACTIONS):
        answer = await quick.request("POST", path, {"content-type": kind}, body=b"{}")
        assert answer.status == 415
        assert (answer.header("content-length"), answer.body) == ("0", b"")
        assert answer.header("accept") == "application/json, application/ld+json"


@pytest.mark.parametrize("headers", [{}, {"content-type": ""}], ids=["absent", "empty"])
async def test_a_body_that_is_not_announced_at_all_is_refused_with_the_remedy(
    quick: Client, headers: dict[str, str]
) -> None:
    for method, path in (("POST", ENTITIES), ("PATCH", ONE), ("POST", f"{OPERATIONS}/upsert")):
        answer = await quick.request(method, path, headers, body=b"{}")
        assert refusal(answer) == (400, "InvalidRequest", "header:Content-Type")
        assert "Content-Type: application/json" in answer.problem["remedy"]


async def test_a_charset_beside_the_media_type_is_fine(quick: Client) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    assert (await quick.request("POST", ENTITIES, headers, json=gauge())).status == 201


async def test_compressed_bodies_are_not_taken(quick: Client) -> None:
    headers = {"content-type": JSON, "content-encoding": "gzip"}
    answer = await quick.request("POST", ENTITIES, headers, body=b"\x1f\x8b")
    assert answer.status == 415
    assert answer.body == b""
    assert answer.header("accept-encoding") == "identity"


async def test_a_body_without_length_is_411(quick: Client) -> None:
    headers = {"content-type": JSON, "transfer-encoding": "chunked", "content-length": ""}
    for method, path in (("POST", ENTITIES), ("PATCH", ONE), ("PUT", ONE), ("POST", TRANSACTIONS)):
        answer = await quick.request(method, path, headers, body=b"{}")
        assert answer.status == 411
        assert (answer.header("content-length"), answer.body) == ("0", b"")


async def test_a_body_may_arrive_in_parts(quick: Client) -> None:
    parts = [b'{"id":"urn:ngsi-ld:Gauge:1",', b'"type":', b'"Gauge"}']
    answer = await quick.request("POST", ENTITIES, {"content-type": JSON}, body=parts)
    assert answer.status == 201


@pytest.mark.parametrize("length", ["65", "9" * 18, "9" * 19])
async def test_a_body_over_the_limit_is_413_before_it_is_read(length: str) -> None:
    async with running(MemoryStore(), Settings(max_body=64)) as client:
        headers = {"content-type": JSON, "content-length": length}
        answer = await client.request("POST", ENTITIES, headers, body=b"{}")
        assert answer.status == 413
        assert answer.problem["type"] == OWN + "PayloadTooLarge"


async def test_a_body_at_the_limit_is_taken() -> None:
    body = b'{"id":"urn:ngsi-ld:Gauge:1","type":"Gauge"}'
    async with running(MemoryStore(), Settings(max_body=len(body))) as client:
        answer = await client.request("POST", ENTITIES, {"content-type": JSON}, body=body)
        assert answer.status == 201
        more = await client.request("POST", ENTITIES, {"content-type": JSON}, body=body + b" ")
        assert more.status == 413


async def test_a_get_with_a_body_ignores_it(quick: Client) -> None:
    await quick.post(ENTITIES, gauge())
    headers = {"content-type": JSON}
    assert (await quick.request("GET", ONE, headers, body=b"no json")).status == 200


@pytest.mark.parametrize("path", ["/ngsi-ld/v1/nothing", "/ngsi-ld", "/nothing", "/ngsi-ld/v2/x/y"])
async def test_there_is_nothing_elsewhere_and_the_answer_says_where_to_look(
    quick: Client, path: str
) -> None:
    answer = await quick.get(path)
    assert answer.status == 404
    assert answer.problem["type"] == ERRORS + "ResourceNotFound"


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:1026", "127.0.0.1:9", "[::1]:1026", "LOCALHOST", "town.example:80"],
)
async def test_own_names_loopback_and_allowed_hosts_are_answered(host: str) -> None:
    async with running(MemoryStore(), Settings(allow_hosts=("town.example",))) as client:
        assert (await client.get("/health", {"host": host})).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.0.2.1", "", "["])
async def test_a_foreign_host_is_refused_on_every_path(quick: Client, host: str) -> None:
    for path in ("/health", f"{ENTITIES}?type=Gauge", "/", "/docs", "/nothing"):
        answer = await quick.get(path, {"host": host or " "})
        assert answer.status == 400
        assert answer.problem["place"] == "header:Host"


async def test_an_older_version_is_answered_in_its_own_terms(quick: Client) -> None:
    await quick.post(ENTITIES, {**gauge(), "state": {"vocab": "open"}})
    await quick.post(ENTITIES, gauge(2))
    asking = {"prefer": "ngsi-ld=1.5"}
    for _ in range(2):
        old = await quick.get(ONE, asking)
        assert (old.status, old.header("preference-applied")) == (203, "ngsi-ld=1.5")
        assert old.json()["state"] == {"type": "Property", "value": "open"}
    assert (await quick.get(ONE)).json()["state"] == {"type": "VocabProperty", "vocab": "open"}
    listed = await quick.get(f"{ENTITIES}?type=Gauge", asking)
    assert listed.status == 203
    assert [one.get("state", {}).get("type") for one in listed.json()] == ["Property", None]


async def test_a_version_that_knows_everything_is_answered_with_200(quick: Client) -> None:
    await quick.post(ENTITIES, gauge())
    for asked, applied in (
        ("ngsi-ld=1.9", "1.9"),
        ("ngsi-ld=2.1", "1.9"),
        ("ngsi-ld=1.5", "1.5"),
        ('respond-async, NGSI-LD="1.0"; q=0.1', "1.0"),
    ):
        answer = await quick.get(ONE, {"prefer": asked})
        assert (answer.status, answer.header("preference-applied")) == (200, f"ngsi-ld={applied}")


@pytest.mark.parametrize("prefer", ["ngsi-ld=new", "return=minimal", "", "ngsi-ld"])
async def test_other_preferences_are_ignored(quick: Client, prefer: str) -> None:
    await quick.post(ENTITIES, gauge())
    answer = await quick.get(ONE, {"prefer": prefer or " "})
    assert (answer.status, answer.header("preference-applied")) == (200, None)
