"""Remote contexts, fetched from a real server on loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from broker.egress import Egress
from broker.errors import BadRequestData, LdContextNotAvailable
from broker.jsonld.core import CORE_CONTEXT, CORE_URL, DEFAULT_VOCAB, NGSI_LD
from broker.jsonld.documents import RETRY
from broker.jsonld.limits import Limits
from broker.jsonld.loader import ContextLoader
from tests.support.patience import PATIENCE

EX = "https://example.org/"
CORE_OLD = "http://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld"


class Site:
    """A web site of context documents: path → answer, which tests change; counts the visits."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.visits: dict[str, int] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.server = TestServer(self._app())

    def url(self, path: str) -> str:
        return str(self.server.make_url(path))

    def put(self, path: str, context: object, **headers: str) -> str:
        self.answers[path] = lambda: web.json_response({"@context": context}, headers=headers)
        return self.url(path)

    def status(self, path: str, status: int, **headers: str) -> str:
        self.answers[path] = lambda: web.Response(status=status, headers=headers)
        return self.url(path)

    def text(self, path: str, text: str) -> str:
        self.answers[path] = lambda: web.Response(text=text)
        return self.url(path)

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.visits[request.path] = self.visits.get(request.path, 0) + 1
        await self.gate.wait()
        answer: web.StreamResponse = self.answers[request.path]()
        return answer


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    async with site.server:
        yield site
        site.gate.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def loader(clock: Clock) -> AsyncIterator[ContextLoader]:
    loader = ContextLoader(Egress(local=True), clock=clock)
    yield loader
    await loader.close()


@asynccontextmanager
async def limited(limits: Limits) -> AsyncIterator[ContextLoader]:
    """Give a loader with its own limits, closed at the end."""
    loader = ContextLoader(Egress(local=True), limits=limits)
    yield loader
    await loader.close()


async def test_no_context_is_the_core(loader):
    assert await loader.resolve(None) is CORE_CONTEXT
    assert loader.ready(CORE_URL) is CORE_CONTEXT


async def test_another_core_version_is_answered_with_as_it_was_sent_and_not_fetched(loader):
    context = await loader.resolve(CORE_OLD)
    assert (context.source, context.link) == (CORE_OLD, CORE_OLD)
    assert context.expand("value") == NGSI_LD + "hasValue"
    assert loader.ready(CORE_OLD) is context


async def test_remote_context_gives_its_terms(loader, site):
    context = await loader.resolve(site.put("/c", {"a": EX + "a"}))
    assert context.expand("a") == EX + "a"
    assert context.link == site.url("/c")


async def test_mixed_and_nested_arrays_are_taken_in_order(loader, site):
    url = site.put("/c", {"a": EX + "remote", "b": EX + "b"})
    context = await loader.resolve([[url, [{"a": EX + "inline"}]], CORE_URL])
    assert context.expand("a") == EX + "inline"
    assert context.expand("b") == EX + "b"


async def test_remote_context_may_refer_to_others_relatively(loader, site):
    url = site.put("/deep/c", ["../other", {"b": "a"}])
    site.put("/other", {"a": EX + "a"})
    assert (await loader.resolve(url)).expand("b") == EX + "a"


async def test_import_merges_the_imported_definitions_below_the_own(loader, site):
    url = site.put("/c", {"a": "x:a", "b": "x:b", "x": EX})
    context = await loader.resolve({"@import": url, "x": EX + "own/", "b": EX + "b"})
    assert context.expand("a") == EX + "own/a"
    assert context.expand("b") == EX + "b"


@pytest.mark.parametrize(
    ("source", "link"),
    [
        ([CORE_URL], CORE_URL),
        ([], CORE_URL),
        ({}, ""),
        ([{"a": EX + "a"}, CORE_URL], ""),
        ({"a": EX + "a"}, ""),
    ],
)
async def test_link_is_given_where_one_url_stands_for_the_context(loader, source, link):
    context = await loader.resolve(source)
    assert (context.source, context.link) == (source, link)


async def test_link_of_one_url_beside_the_core_is_that_url(loader, site):
    url = site.put("/c", {})
    assert (await loader.resolve([url, CORE_URL])).link == url
    assert (await loader.resolve([url, url])).link == ""


async def test_same_inline_context_is_compiled_once(loader):
    first = await loader.resolve({"a": EX + "a"})
    assert await loader.resolve({"a": EX + "a"}) is first
    assert (await loader.resolve({"a": EX + "b"})).key != first.key


async def test_fetched_context_is_ready_without_waiting_while_fresh(loader, site, clock):
    url = site.put("/c", {}, **{"Cache-Control": "max-age=100"})
    assert loader.ready(url) is None
    context = await loader.resolve(url)
    clock.now += 99
    assert loader.ready(url) is context
    clock.now += 2
    assert loader.ready(url) is None


async def test_context_past_its_time_is_fetched_again(loader, site, clock):
    url = site.put("/c", {"a": EX + "old"}, **{"Cache-Control": "max-age=100"})
    old = await loader.resolve(url)
    site.put("/c", {"a": EX + "new"})
    clock.now += 101
    new = await loader.resolve(url)
    assert (old.expand("a"), new.expand("a")) == (EX + "old", EX + "new")
    assert old.key != new.key


async def test_unchanged_document_keeps_the_compiled_context(loader, site, clock):
    url = site.put("/c", {"a": EX + "a"})
    context = await loader.resolve(url)
    clock.now += 3601
    assert await loader.resolve(url) is context
    assert site.visits["/c"] == 2


async def test_array_around_a_cached_document_fetches_nothing(loader, site):
    url = site.put("/c", {"a": EX + "a"})
    await loader.resolve(url)
    await loader.resolve([url, {"b": EX + "b"}])
    assert site.visits["/c"] == 1


@pytest.mark.parametrize("failure", ["404", "text", "invalid"])
async def test_old_copy_serves_on_when_it_cannot_be_renewed(loader, site, clock, failure):
    url = site.put("/c", {"a": EX + "a"})
    context = await loader.resolve(url)
    if failure == "404":
        site.status("/c", 404)
    elif failure == "text":
        site.text("/c", "<html>")
    else:
        site.put("/c", {"a": 1})
    clock.now += 3601
    assert await loader.resolve(url) is context
    assert loader.ready(url) is context
    clock.now += RETRY + 1
    assert loader.ready(url) is None


async def test_old_document_serves_a_new_array_when_it_cannot_be_renewed(loader, site, clock):
    url = site.put("/c", {"a": EX + "a"})
    await loader.resolve(url)
    site.status("/c", 500)
    clock.now += 3601
    assert (await loader.resolve([url, {}])).expand("a") == EX + "a"


@pytest.mark.parametrize("status", [404, 500, 204, 304])
async def test_error_is_never_kept(loader, site, status):
    url = site.status("/c", status)
    with pytest.raises((LdContextNotAvailable, BadRequestData)):
        await loader.resolve(url)
    site.put("/c", {"a": EX + "a"})
    assert (await loader.resolve(url)).expand("a") == EX + "a"


async def test_status_of_failure_names_url_and_place(loader, site):
    url = site.status("/c", 503)
    with pytest.raises(LdContextNotAvailable) as failed:
        await loader.resolve([{}, url], place="header:Link")
    assert url in failed.value.detail
    assert failed.value.place == "header:Link/1"


async def test_concurrent_requests_share_one_fetch(loader, site):
    url = site.put("/c", {"a": EX + "a"})
    contexts = await asyncio.gather(*(loader.resolve([url, {"n": EX + str(n)}]) for n in range(9)))
    assert {context.expand("a") for context in contexts} == {EX + "a"}
    assert site.visits["/c"] == 1


async def test_one_impatient_request_does_not_end_the_fetch_of_the_others(loader, site):
    url = site.put("/c", {"a": EX + "a"})
    site.gate.clear()
    impatient = asyncio.create_task(loader.resolve(url))
    patient = asyncio.create_task(loader.resolve(url))
    while not site.visits:
        await asyncio.sleep(0)
    impatient.cancel()
    site.gate.set()
    assert (await patient).expand("a") == EX + "a"
    assert site.visits["/c"] == 1


@pytest.mark.parametrize(
    "text", ["<html>", "[]", "{}", '{"@context": 1}', '{"@context": {"a": 1}}', "\xff"]
)
async def test_document_that_is_no_context_is_the_requests_fault(loader, site, text):
    with pytest.raises(BadRequestData) as refused:
        await loader.resolve(site.text("/c", text))
    assert site.url("/c") in refused.value.detail


async def test_document_over_the_size_limit_is_refused(site):
    async with limited(Limits(max_bytes=1000)) as loader:
        with pytest.raises(BadRequestData, match="larger than 1000 bytes"):
            await loader.resolve(site.put("/c", {"a": EX + "x" * 1000}))


async def test_compressed_document_is_measured_as_it_unfolds(site):
    def bomb() -> web.Response:
        response = web.json_response({"@context": {"a": "x" * 100_000}})
        response.enable_compression(web.ContentCoding.gzip)
        return response

    site.answers["/c"] = bomb
    async with limited(Limits(max_bytes=10_000)) as loader:
        with pytest.raises(BadRequestData, match="larger than"):
            await loader.resolve(site.url("/c"))


async def test_silent_server_is_given_up_after_the_timeout(site):
    site.gate.clear()
    async with limited(Limits(timeout=0.05)) as loader:
        with pytest.raises(LdContextNotAvailable, match="in time"):
            await loader.resolve(site.put("/c", {}))


async def test_request_waits_no_longer_than_the_total_time(site):
    site.gate.clear()
    async with limited(Limits(total=0.05)) as loader:
        with pytest.raises(LdContextNotAvailable, match="not there within"):
            await loader.resolve([site.put("/c", {})])


async def test_document_too_slow_for_one_request_is_there_for_the_next(site):
    site.gate.clear()
    url = site.put("/c", {"a": EX + "a"})
    async with limited(Limits(total=0.3)) as loader:
        with pytest.raises(LdContextNotAvailable, match="not there within"):
            await loader.resolve(url)
        site.gate.set()
        async with asyncio.timeout(PATIENCE):
            while True:
                with contextlib.suppress(LdContextNotAvailable):
                    assert (await loader.resolve(url)).expand("a") == EX + "a"
                    break
    assert site.visits["/c"] == 1


async def test_redirect_is_followed_and_relative_references_start_from_its_target(loader, site):
    site.put("/new/c", ["d"])
    site.put("/new/d", {"a": EX + "a"})
    url = site.status("/old", 302, Location="/new/c")
    assert (await loader.resolve(url)).expand("a") == EX + "a"


async def test_redirect_to_the_core_is_the_core(loader, site):
    context = await loader.resolve(site.status("/c", 301, Location=CORE_OLD))
    assert context.expand("value") == NGSI_LD + "hasValue"


@pytest.mark.parametrize("location", ["/c", "ftp://example.org/", "", "http://[bad/"])
async def test_redirect_in_circles_or_to_nowhere_is_given_up(loader, site, location):
    with pytest.raises(LdContextNotAvailable):
        await loader.resolve(site.status("/c", 302, Location=location))
    assert site.visits["/c"] <= 4


async def test_redirect_to_a_refused_address_is_not_followed(site):
    url = site.status("/c", 302, Location=f"http://127.0.0.2:{site.server.port}/secret")
    site.put("/secret", {})
    loader = ContextLoader(Egress(allow=["127.0.0.1/32"]))
    with pytest.raises(LdContextNotAvailable, match="egress"):
        await loader.resolve(url)
    await loader.close()
    assert "/secret" not in site.visits


async def test_name_of_a_refused_address_is_not_connected_to(site):
    loader = ContextLoader(Egress())
    with pytest.raises(LdContextNotAvailable) as refused:
        await loader.resolve(f"http://localhost:{site.server.port}/c")
    await loader.close()
    assert "--allow-egress" in refused.value.remedy
    assert site.visits == {}


async def test_circle_of_documents_is_refused(loader, site):
    site.put("/a", "b")
    site.put("/b", ["a"])
    with pytest.raises(BadRequestData, match="refers back to itself"):
        await loader.resolve(site.url("/a"))


async def test_more_documents_than_allowed_are_refused(loader, site):
    urls = [site.put(f"/{number}", {}) for number in range(17)]
    assert await loader.resolve(urls[:16])
    with pytest.raises(BadRequestData, match="more than 16 remote documents"):
        await loader.resolve(urls)


async def test_deeper_nesting_than_allowed_is_refused(loader):
    nested: Any = {}
    for _ in range(9):
        nested = [nested]
    with pytest.raises(BadRequestData, match="nested deeper"):
        await loader.resolve(nested)


async def test_more_terms_than_allowed_are_refused(loader):
    half = {f"t{number}": EX for number in range(10_001)}
    with pytest.raises(BadRequestData, match="terms"):
        await loader.resolve([half, half])


async def test_more_parts_than_allowed_are_refused(loader):
    with pytest.raises(BadRequestData, match="parts"):
        await loader.resolve([None] * 257)


@pytest.mark.parametrize(
    "source", ["", "relative.jsonld", "http:// space/", 1, True, [1], "\ud800", {"a": "\ud800"}]
)
async def test_what_is_no_context_is_refused(loader, source):
    with pytest.raises(BadRequestData) as refused:
        await loader.resolve(source)
    assert refused.value.place.startswith("body:/@context")


@pytest.mark.parametrize("scheme", ["ftp", "file", "urn"])
async def test_url_of_another_scheme_is_not_available(loader, scheme):
    with pytest.raises(LdContextNotAvailable):
        await loader.resolve(f"{scheme}:example.org/c")


async def test_refused_connection_is_not_available(loader, unused_tcp_port):
    with pytest.raises(LdContextNotAvailable, match="connection"):
        await loader.resolve(f"http://127.0.0.1:{unused_tcp_port}/c")


async def test_contexts_over_the_memory_limit_are_forgotten():
    async with limited(Limits(cached_contexts=200_000)) as loader:
        first = await loader.resolve({"a": EX})
        for number in range(10):
            await loader.resolve({"a": EX + str(number)})
        assert await loader.resolve({"a": EX}) is not first


async def test_undefined_name_of_a_user_context_belongs_to_the_default_context(loader):
    context = await loader.resolve({"@vocab": EX})
    assert context.expand("unknown") == DEFAULT_VOCAB + "unknown"
