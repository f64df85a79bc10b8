"""`/jsonldContexts`: hosting, listing, serving, deleting and reloading contexts (§5.13)."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urljoin

import pytest
from aiohttp import web

from broker.contexts import own
from broker.jsonld.core import CORE_URL
from broker.settings import Settings
from broker.store.contract import Store
from broker.store.memory import MemoryStore
from tests.broker.api.data import ENTITIES, ERRORS, INLINE, LD, OPERATIONS, V1, gauge, link, urn
from tests.support.asgi import HOST, Answer, Client, running

CONTEXTS = f"{V1}/jsonldContexts"
ONE = f"{ENTITIES}/{urn(1)}"
OLD_CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld"


class Site:
    """A web site with one context document, which tests change."""

    def __init__(self) -> None:
        self.url = ""
        self.context: Any = INLINE
        self.visits = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.visits += 1
        if self.context is None:
            return web.Response(status=500)
        return web.json_response({"@context": self.context})


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """Serve a context document on loopback."""
    site, app = Site(), web.Application()
    app.router.add_get("/context.jsonld", site.answer)
    app.router.add_get(CONTEXTS + "/{name}", site.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.url = f"http://127.0.0.1:{runner.addresses[0][1]}/context.jsonld"
    yield site
    await runner.cleanup()


async def host(client: Client, context: Any = None, **headers: str) -> str:
    """Host a context; return its path."""
    answer = await client.post(CONTEXTS, {"@context": context or INLINE}, headers)
    assert (answer.status, answer.body) == (201, b""), answer.body
    path = answer.header("location")
    assert path is not None
    assert path.startswith(f"{CONTEXTS}/urn:")
    return path


def at(path: str) -> str:
    """Return the URL of a path of the broker, by a name it is not reached by in tests."""
    return f"http://town.example:9090{path}"


def named(url: str, query: str = "") -> str:
    """Return the path of a context with this id or URL."""
    return f"{CONTEXTS}/{quote(url, safe='')}{query}"


async def stored(client: Client) -> set[str]:
    """Return the attribute IRIs of the entity."""
    shown = (await client.get(f"{ONE}?format=simplified")).json()
    return set(shown) - {"id", "type"}


async def details(client: Client, name: str) -> dict[str, Any]:
    answer = await client.get(named(name, "?details=true"))
    assert answer.status == 200, answer.body
    told: dict[str, Any] = answer.json()
    return told


def refused(answer: Answer, status: int, kind: str) -> None:
    assert (answer.status, answer.problem["type"]) == (status, ERRORS + kind)


async def test_a_hosted_context_is_served_as_it_came(client: Client) -> None:
    path = await host(client, [INLINE, {"@version": 1.1}])
    answer = await client.get(path)
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    assert answer.json() == {"@context": [INLINE, {"@version": 1.1}]}
    linked = await client.get(path, {"accept": LD["content-type"]})
    assert linked.header("content-type") == "application/ld+json"
    assert (await client.get(f"{path}?details=false")).json() == answer.json()


async def test_only_the_context_of_a_document_is_kept(quick: Client) -> None:
    body = {"@context": INLINE, "name": "x", "@graph": []}
    for headers in ({}, LD):
        answer = await quick.post(CONTEXTS, body, headers)
        path = answer.header("location") or ""
        assert (await quick.get(path)).json() == {"@context": INLINE}


async def test_a_hosted_context_is_used_without_a_request(client: Client) -> None:
    path = await host(client)
    created = await client.post(ENTITIES, gauge(), link(at(path)))
    assert created.status == 201
    assert await stored(client) == {INLINE["level"]}
    shown = await client.get(ONE, link(at(path)))
    assert shown.json()["type"] == "Gauge"
    inline = {**gauge(2), "@context": [at(path)]}
    assert (await client.post(ENTITIES, inline, LD)).status == 201


async def test_a_context_survives_a_restart(store: Store) -> None:
    async with running(store) as client:
        path = await host(client)
    async with running(store) as client:
        assert (await client.get(path)).json() == {"@context": INLINE}
        assert (await client.post(ENTITIES, gauge(), link(at(path)))).status == 201


async def test_a_context_belongs_to_its_tenant(client: Client) -> None:
    path = await host(client, **{"ngsild-tenant": "drill"})
    assert (await client.get(path, {"ngsild-tenant": "drill"})).status == 200
    refused(await client.get(path), 404, "ResourceNotFound")
    refused(await client.delete(path), 404, "ResourceNotFound")
    kinds = (await client.get(f"{CONTEXTS}?kind=Hosted")).json()
    assert kinds == []
    mine = await client.post(ENTITIES, gauge(), {**link(at(path)), "ngsild-tenant": "drill"})
    assert mine.status == 201
    theirs = await client.post(ENTITIES, gauge(), link(at(path)))
    refused(theirs, 504, "LdContextNotAvailable")


async def test_a_tenant_nobody_made_has_no_contexts(client: Client) -> None:
    unknown = {"ngsild-tenant": "nowhere"}
    assert (await client.get(CONTEXTS, unknown)).json() == [CORE_URL]
    refused(await client.get(named("urn:x:1"), unknown), 404, "ResourceNotFound")


async def test_a_deleted_context_is_gone_at_once(client: Client) -> None:
    path = await host(client)
    await client.post(ENTITIES, gauge(), link(at(path)))
    assert (await client.delete(path)).status == 204
    refused(await client.get(path), 404, "ResourceNotFound")
    refused(await client.post(ENTITIES, gauge(2), link(at(path))), 504, "LdContextNotAvailable")
    refused(await client.delete(path), 404, "ResourceNotFound")


async def test_a_deleted_context_is_gone_where_another_tenant_had_used_it(
    client: Client, site: Site
) -> None:
    path = await host(client)
    url = urljoin(site.url, path)
    for headers in ({"ngsild-tenant": "drill"}, {}):
        assert (await client.post(ENTITIES, gauge(), {**link(url), **headers})).status == 201
    assert site.visits == 1
    site.context = None
    assert (await client.delete(path)).status == 204
    refused(await client.post(ENTITIES, gauge(2), link(url)), 504, "LdContextNotAvailable")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "InvalidRequest"),
        (b"[]", "InvalidRequest"),
        (b"{}", "InvalidRequest"),
        (b'{"context":{}}', "InvalidRequest"),
        (b'{"@context":5}', "BadRequestData"),
        (b'{"@context":true}', "BadRequestData"),
        (b'{"@context":["https://uri.etsi.org/x",7]}', "BadRequestData"),
        (b'{"@context":{"a":{"@context":{}}}}', "BadRequestData"),
        (b'{"@context":"no URL"}', "BadRequestData"),
    ],
)
async def test_what_is_no_context_is_not_hosted(quick: Client, body: bytes, kind: str) -> None:
    answer = await quick.request("POST", CONTEXTS, {"content-type": "application/json"}, body=body)
    refused(answer, 400, kind)
    assert (await quick.get(f"{CONTEXTS}?kind=Hosted")).json() == []


async def test_a_tenant_has_a_limited_number_of_contexts_of_limited_size(
    quick: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "LARGEST", 200)
    large = {f"term{number}": "https://example.org/x" for number in range(20)}
    refused(await quick.post(CONTEXTS, {"@context": large}), 400, "BadRequestData")
    monkeypatch.setattr(own, "MOST", 1)
    await host(quick)
    refused(await quick.post(CONTEXTS, {"@context": INLINE}), 400, "BadRequestData")


async def test_contexts_are_listed_by_url_or_with_details(quick: Client, site: Site) -> None:
    path = await host(quick)
    await quick.post(ENTITIES, gauge(), link(site.url))
    hosted = f"http://{HOST}{path}"
    assert (await quick.get(CONTEXTS)).json() == [hosted, site.url, CORE_URL]
    assert (await quick.get(f"{CONTEXTS}?kind=Hosted&details=false")).json() == [hosted]
    assert (await quick.get(f"{CONTEXTS}?kind=Cached")).json() == [site.url, CORE_URL]
    assert (await quick.get(f"{CONTEXTS}?kind=ImplicitlyCreated")).json() == []
    (told,) = (await quick.get(f"{CONTEXTS}?kind=Hosted&details=True")).json()
    assert told == {
        "URL": hosted,
        "localId": path.removeprefix(f"{CONTEXTS}/"),
        "kind": "Hosted",
        "createdAt": told["createdAt"],
    }


@pytest.mark.parametrize("query", ["kind=other", "details=other", "details=true&kind=other"])
async def test_a_kind_or_flag_that_is_none_is_refused(quick: Client, query: str) -> None:
    refused(await quick.get(f"{CONTEXTS}?{query}"), 400, "BadRequestData")


async def test_a_cached_context_tells_about_itself_and_is_not_served(
    quick: Client, site: Site
) -> None:
    await quick.post(ENTITIES, gauge(), link(site.url))
    told = await details(quick, site.url)
    assert (told["URL"], told["kind"], told["numberOfHits"]) == (site.url, "Cached", 1)
    assert told["createdAt"] < told["expiresAt"]
    again = await details(quick, told["localId"])
    assert (again["localId"], again["numberOfHits"]) == (told["localId"], 2)
    refused(await quick.get(named(site.url)), 422, "OperationNotSupported")
    refused(await quick.get(named(told["localId"])), 422, "OperationNotSupported")


async def test_every_use_of_a_cached_context_counts(quick: Client, site: Site) -> None:
    for number in range(3):
        await quick.post(ENTITIES, gauge(number), link(site.url))
    told = await details(quick, site.url)
    assert told["numberOfHits"] == 3
    assert told["createdAt"] <= told["lastUsage"]


async def test_what_a_tenant_uses_is_not_shown_to_another(quick: Client, site: Site) -> None:
    await quick.post(ENTITIES, gauge(), {**link(site.url), "ngsild-tenant": "drill"})
    assert (await quick.get(f"{CONTEXTS}?kind=Cached")).json() == [CORE_URL]
    refused(await quick.get(named(site.url, "?details=true")), 404, "ResourceNotFound")
    await quick.post(ENTITIES, gauge(), link(site.url))
    assert site.visits == 1
    assert (await details(quick, site.url))["numberOfHits"] == 1


async def test_a_cached_context_that_is_deleted_is_fetched_anew(quick: Client, site: Site) -> None:
    await quick.post(ENTITIES, gauge(), link(site.url))
    assert (await quick.delete(named(site.url))).status == 204
    refused(await quick.delete(named(site.url)), 404, "ResourceNotFound")
    site.context = {"level": "https://example.org/new"}
    await quick.post(ENTITIES, gauge(2), link(site.url))
    assert site.visits == 2
    assert "https://example.org/new" in (await quick.get(f"{ENTITIES}/{urn(2)}")).json()


async def test_reloading_replaces_a_cached_context(quick: Client, site: Site) -> None:
    await quick.post(ENTITIES, gauge(), link(site.url))
    await quick.post(ENTITIES, {**gauge(2), "@context": [site.url]}, LD)
    site.context = {"level": "https://example.org/new"}
    assert (await quick.delete(named(site.url, "?reload=true"))).status == 204
    for number, headers in ((3, link(site.url)), (4, LD)):
        body = gauge(number) if headers is not LD else {**gauge(4), "@context": [site.url]}
        await quick.post(ENTITIES, body, headers)
        assert "https://example.org/new" in (await quick.get(f"{ENTITIES}/{urn(number)}")).json()
    assert site.visits == 2


@pytest.mark.parametrize("context", [None, 5, {"a": {"@id": 5}}], ids=["gone", "no", "wrong"])
async def test_a_context_stays_as_it_is_where_reloading_fails(
    quick: Client, site: Site, context: Any
) -> None:
    await quick.post(ENTITIES, gauge(), link(site.url))
    site.context = context
    refused(await quick.delete(named(site.url, "?reload=true")), 504, "LdContextNotAvailable")
    assert (await details(quick, site.url))["kind"] == "Cached"
    assert (await quick.post(ENTITIES, gauge(2), link(site.url))).status == 201
    assert (await quick.delete(named(site.url))).status == 204


@pytest.mark.parametrize("name", ["urn:x:none", "wrong_id", "https://example.org/none"])
async def test_an_id_nobody_knows_is_not_found(quick: Client, name: str) -> None:
    refused(await quick.get(named(name)), 404, "ResourceNotFound")
    refused(await quick.get(named(name, "?details=true")), 404, "ResourceNotFound")
    refused(await quick.delete(named(name)), 404, "ResourceNotFound")
    refused(await quick.delete(named(name, "?reload=true")), 400, "BadRequestData")
    refused(await quick.delete(named(name, "?reload=xxx")), 400, "BadRequestData")


async def test_what_the_broker_serves_cannot_be_reloaded(quick: Client) -> None:
    path = await host(quick)
    refused(await quick.delete(f"{path}?reload=true"), 400, "BadRequestData")
    assert (await quick.get(path)).status == 200


async def test_without_an_id_there_is_nothing_to_delete(quick: Client) -> None:
    refused(await quick.delete(f"{CONTEXTS}/"), 400, "BadRequestData")


@pytest.mark.parametrize("url", [CORE_URL, OLD_CORE])
async def test_the_core_context_is_there_and_stays(quick: Client, url: str) -> None:
    told = await details(quick, url)
    assert (told["URL"], told["kind"]) == (url, "Cached")
    assert told["extraInfo"] == {"builtIn": True}
    refused(await quick.delete(named(url)), 400, "BadRequestData")
    assert (await quick.delete(named(url, "?reload=true"))).status == 204
    refused(await quick.get(named(url)), 422, "OperationNotSupported")


async def test_a_context_made_for_an_answer_has_one_id_for_one_content(client: Client) -> None:
    contexts = client.broker.own_contexts
    first = await contexts.add("", [INLINE], "ImplicitlyCreated")
    assert await contexts.add("", [INLINE], "ImplicitlyCreated") == first
    assert await contexts.add("", INLINE, "ImplicitlyCreated") != first
    told = await details(client, first)
    assert (told["kind"], told["numberOfHits"]) == ("ImplicitlyCreated", 0)
    path = told["URL"].removeprefix(f"http://{HOST}")
    assert (await client.get(path)).json() == {"@context": [INLINE]}
    await client.post(ENTITIES, gauge(), link(at(path)))
    assert (await details(client, first))["numberOfHits"] == 3
    assert (await client.delete(path)).status == 204


async def test_an_answer_in_json_links_the_context_that_a_query_brought(client: Client) -> None:
    await client.post(ENTITIES, {**gauge(), "@context": INLINE}, LD)
    body = {"type": "Query", "entities": [{"type": "Gauge"}], "@context": [INLINE, {}]}
    answer = await client.post(f"{OPERATIONS}/query", body, LD)
    assert answer.json() == [{**gauge(), "level": {"type": "Property", "value": 1.5}}]
    url = (answer.header("link") or "").partition(">")[0].removeprefix("<")
    path = url.removeprefix(f"http://{HOST}")
    assert (await client.get(path)).json() == {"@context": [INLINE, {}]}
    assert (await details(client, url))["kind"] == "ImplicitlyCreated"
    as_ld = await client.post(f"{OPERATIONS}/query", body, {**LD, "accept": LD["content-type"]})
    assert as_ld.json()[0]["@context"] == [INLINE, {}]
    unknown = await client.post(f"{OPERATIONS}/query", body, {**LD, "ngsild-tenant": "nowhere"})
    refused(unknown, 404, "NonexistentTenant")


async def test_a_query_is_answered_without_link_where_no_more_contexts_fit(
    quick: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "MOST", 0)
    body = {"type": "Query", "entities": [{"type": "Gauge"}], "@context": [INLINE, {}]}
    answer = await quick.post(f"{OPERATIONS}/query", body, LD)
    assert (answer.status, answer.header("link")) == (200, None)


async def test_a_subscription_names_the_context_made_for_its_notifications(client: Client) -> None:
    body = {
        "id": "urn:ngsi-ld:Subscription:1",
        "type": "Subscription",
        "entities": [{"type": "Gauge"}],
        "notification": {"endpoint": {"uri": "http://127.0.0.1:9/"}},
        "@context": [INLINE, {}],
    }
    tenant = {"ngsild-tenant": "drill"}
    created = await client.post(f"{V1}/subscriptions", body, {**LD, **tenant})
    assert created.status == 201
    told = (await client.get(created.header("location") or "", tenant)).json()
    path = told["jsonldContext"].removeprefix(f"http://{HOST}")
    assert (await client.get(path, tenant)).json() == {"@context": [INLINE, {}]}


async def test_urls_of_contexts_start_with_the_public_address_where_there_is_one() -> None:
    settings = Settings(public_url="https://broker.town.example/")
    async with running(MemoryStore(), settings) as client:
        path = await host(client)
        (url, _) = (await client.get(CONTEXTS)).json()
    assert url == f"https://broker.town.example{path}"
