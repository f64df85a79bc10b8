"""Which @context applies to a request (§6.3.5)."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web

from tests.broker.api.data import (
    CORE,
    DEFAULT_CONTEXT,
    ENTITIES,
    ERRORS,
    INLINE,
    LD,
    OPERATIONS,
    gauge,
    link,
    urn,
)
from tests.support.asgi import Client

ONE = f"{ENTITIES}/{urn(1)}"


@pytest.fixture
async def remote() -> AsyncIterator[str]:
    """Serve a context document on loopback; give its URL."""

    async def serve(request: web.Request) -> web.Response:
        return web.json_response({"@context": INLINE})

    app = web.Application()
    app.router.add_get("/context.jsonld", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}/context.jsonld"
    await runner.cleanup()


async def stored(client: Client) -> set[str]:
    """Return the attribute IRIs of the entity."""
    shown = (await client.get(f"{ONE}?format=simplified")).json()
    return set(shown) - {"id", "type"}


async def test_a_link_header_gives_the_context_of_plain_json(quick: Client, remote: str) -> None:
    await quick.post(ENTITIES, gauge(), link(remote))
    assert await stored(quick) == {INLINE["level"]}


async def test_answers_are_compacted_and_linked_by_the_requests_context(
    quick: Client, remote: str
) -> None:
    await quick.post(ENTITIES, gauge(), link(remote))
    answer = await quick.get(f"{ONE}?format=simplified", link(remote))
    assert answer.json() == gauge()
    assert answer.header("link") == link(remote)["link"]
    linked = await quick.get(ONE, {**link(remote), "accept": "application/ld+json"})
    assert linked.json()["@context"] == remote


async def test_parameters_and_paths_are_expanded_by_the_link(quick: Client, remote: str) -> None:
    await quick.post(ENTITIES, gauge(), link(remote))
    path = f"{ENTITIES}?type=Gauge&q=level==1.5&attrs=level"
    assert len((await quick.get(path, link(remote))).json()) == 1
    assert (await quick.get(path)).json() == []
    assert (await quick.delete(f"{ONE}/attrs/level")).status == 404
    assert (await quick.delete(f"{ONE}/attrs/level", link(remote))).status == 204


@pytest.mark.parametrize(
    "value",
    [
        '<{}>;rel="http://www.w3.org/ns/json-ld#context"',
        "<{}>; rel=http://www.w3.org/ns/json-ld#context",
        '<{}> ; type="application/ld+json" ; rel="http://www.w3.org/ns/json-ld#context"',
        '<http://x.example>; rel="next", <{}>; rel="http://www.w3.org/ns/json-ld#context"',
    ],
)
async def test_the_link_may_be_written_in_many_ways(quick: Client, remote: str, value: str) -> None:
    answer = await quick.post(ENTITIES, gauge(), {"link": value.format(remote)})
    assert answer.status == 201
    assert await stored(quick) == {INLINE["level"]}


async def test_other_links_are_no_context(quick: Client) -> None:
    await quick.post(ENTITIES, gauge(), {"link": '<http://127.0.0.1:9/x>; rel="next"'})
    assert await stored(quick) == {"level"}


async def test_two_context_links_are_refused(quick: Client, remote: str) -> None:
    two = link(remote)["link"]
    answer = await quick.get(ONE, {"link": f"{two}, {two}"})
    assert answer.problem["place"] == "header:Link"
    pairs = [("link", two), ("link", two)]
    assert (await quick.request("GET", ONE, pairs)).problem["place"] == "header:Link"


@pytest.mark.parametrize(
    "context",
    [
        {"v": "https://example.org/terms/", "level": "v:level", "Gauge": {"@id": "v:Gauge"}},
        [{"level": INLINE["level"]}, [CORE], {"Gauge": INLINE["Gauge"]}],
        [CORE, INLINE],
    ],
)
async def test_json_ld_carries_its_context_in_the_body(quick: Client, context: Any) -> None:
    body = {"@context": context, **gauge()}
    assert (await quick.request("POST", ENTITIES, LD, json=body)).status == 201
    assert await stored(quick) == {INLINE["level"]}


async def test_a_remote_context_serves_inside_an_array(quick: Client, remote: str) -> None:
    body = {"@context": [remote, CORE], **gauge()}
    assert (await quick.request("POST", ENTITIES, LD, json=body)).status == 201
    assert await stored(quick) == {INLINE["level"]}


async def test_core_terms_win_over_the_users(quick: Client) -> None:
    context = {"location": "https://example.org/terms/location"}
    point = {"type": "Point", "coordinates": [1, 2]}
    body = {"@context": context, **gauge(location=point)}
    assert (await quick.request("POST", ENTITIES, LD, json=body)).status == 201
    assert await stored(quick) == {"level", "location"}


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
async def test_mixing_media_type_and_context_is_refused(quick: Client, method: str) -> None:
    await quick.post(ENTITIES, gauge())
    path = ENTITIES if method == "POST" else ONE
    plain = await quick.request(method, path, json={"@context": INLINE, **gauge()})
    assert plain.problem["place"] == "body:/@context"
    missing = await quick.request(method, path, LD, json=gauge())
    assert missing.problem["type"] == ERRORS + "BadRequestData"
    both = await quick.request(
        method, path, {**LD, **link(CORE)}, json={"@context": INLINE, **gauge()}
    )
    assert both.problem["place"] == "header:Link"


async def test_each_element_of_a_json_ld_batch_has_its_own_context(quick: Client) -> None:
    body = [{"@context": INLINE, **gauge(1)}, gauge(2), {"@context": CORE, **gauge(3)}]
    answer = await quick.request("POST", f"{OPERATIONS}/create", LD, json=body)
    assert answer.status == 207
    assert answer.json()["success"] == [urn(1), urn(3)]
    assert [one["entityId"] for one in answer.json()["errors"]] == [urn(2)]
    assert await stored(quick) == {INLINE["level"]}


async def test_a_plain_batch_shares_the_link_and_refuses_contexts_inside(
    quick: Client, remote: str
) -> None:
    body = [gauge(1), {"@context": INLINE, **gauge(2)}]
    answer = await quick.post(f"{OPERATIONS}/create", body, link(remote))
    assert answer.status == 207
    assert answer.json()["success"] == [urn(1)]
    assert await stored(quick) == {INLINE["level"]}
    refused = await quick.request(
        "POST", f"{OPERATIONS}/create", {**LD, **link(remote)}, json=[{"@context": CORE}]
    )
    assert refused.status == 400


async def test_every_core_version_is_known_without_asking_for_it(quick: Client) -> None:
    for version in ("", "-v1.3", "-v1.6", "-v1.8"):
        url = f"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context{version}.jsonld"
        body = {"@context": [INLINE, url], **gauge(version or "0")}
        assert (await quick.request("POST", ENTITIES, LD, json=body)).status == 201
        assert (await quick.get(f"{ENTITIES}?type=Gauge", link(url))).status == 200


@pytest.mark.parametrize(
    ("context", "status"),
    [
        ("http://127.0.0.1:9/refused.jsonld", 504),
        ("http://no-such-host.invalid/c.jsonld", 504),
        ("ftp://example.org/c.jsonld", 504),
        (1, 400),
        (True, 400),
        ({"a": {"@context": {}}}, 400),
        ({"a": 5}, 400),
        ([["relative"]], 400),
    ],
)
async def test_a_context_that_cannot_serve_is_refused(
    quick: Client, context: Any, status: int
) -> None:
    body = {"@context": context, **gauge()}
    answer = await quick.request("POST", ENTITIES, LD, json=body)
    assert answer.status == status
    assert answer.problem["place"].startswith("body:/@context")
    assert (await quick.get(ONE)).status == 404


async def test_a_failing_context_fails_its_element_of_a_batch_only(quick: Client) -> None:
    bad = "http://127.0.0.1:9/refused.jsonld"
    body = [{"@context": bad, **gauge(1)}, {"@context": CORE, **gauge(2)}]
    answer = await quick.request("POST", f"{OPERATIONS}/upsert", LD, json=body)
    assert answer.status == 207
    (error,) = answer.json()["errors"]
    assert error["entityId"] == urn(1)
    assert error["error"]["type"] == ERRORS + "LdContextNotAvailable"
    assert answer.json()["success"] == [urn(2)]


async def test_a_vocabulary_value_is_expanded_and_compacted(quick: Client) -> None:
    body = {"@context": {**INLINE, "High": "https://example.org/terms/High"}, **gauge()}
    body["state"] = {"vocab": "High"}
    await quick.request("POST", ENTITIES, LD, json=body)
    seen = (await quick.get(f"{ONE}?attrs=state")).json()["state"]["vocab"]
    assert seen == "https://example.org/terms/High"
    raw = orjson.dumps((await quick.get(ONE)).json())
    assert (DEFAULT_CONTEXT + "state").encode() not in raw
