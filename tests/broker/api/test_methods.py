"""Methods a resource has: 405, HEAD, OPTIONS, and what pages of other sites may do (CORS)."""

from collections.abc import AsyncIterator

import pytest

from broker.settings import Settings
from broker.store.memory import MemoryStore
from tests.broker.api.data import ENTITIES, EX, OPERATIONS, OWN, TRANSACTIONS, gauge, urn
from tests.support.asgi import Answer, Client, running

ONE = f"{ENTITIES}/{urn(1)}"
PAGE = "https://town.example"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", ENTITIES, "DELETE, GET, HEAD, OPTIONS, POST"),
        ("POST", ONE, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        ("GET", f"{ONE}/attrs", "OPTIONS, PATCH, POST"),
        ("HEAD", f"{ONE}/attrs", "OPTIONS, PATCH, POST"),
        ("GET", f"{ONE}/attrs/level", "DELETE, OPTIONS, PATCH, PUT"),
        ("GET", f"{OPERATIONS}/create", "OPTIONS, POST"),
        ("HEAD", f"{EX}/stream", "GET, OPTIONS"),
        ("POST", "/health", "GET, HEAD, OPTIONS"),
        ("TRACE", TRANSACTIONS, "OPTIONS, POST"),
    ],
)
async def test_a_wrong_method_is_405_and_names_the_right_ones(
    quick: Client, method: str, path: str, allow: str
) -> None:
    answer = await quick.request(method, path)
    assert answer.status == 405
    assert answer.header("allow") == allow
    if method != "HEAD":
        assert answer.problem["type"] == OWN + "MethodNotAllowed"


async def test_a_wrong_method_of_a_page_is_405_too(quick: Client) -> None:
    answer = await quick.request("POST", "/")
    assert (answer.status, answer.header("allow")) == (405, "GET")


@pytest.mark.parametrize("query", ["", "?format=concise", "?options=sysAttrs"])
async def test_head_answers_as_get_does_without_the_body(quick: Client, query: str) -> None:
    await quick.post(ENTITIES, gauge())
    for path in (ONE + query, f"{ENTITIES}?type=Gauge&count=true", f"{ENTITIES}/urn:x:none"):
        got, head = await quick.get(path), await quick.request("HEAD", path)
        assert head.body == b""
        assert (head.status, head.headers) == (got.status, got.headers)


async def test_head_honours_the_entity_tag(quick: Client) -> None:
    await quick.post(ENTITIES, gauge())
    tag = (await quick.request("HEAD", ONE)).header("etag") or ""
    assert (await quick.request("HEAD", ONE, {"if-none-match": tag})).status == 304


async def test_options_names_the_methods_of_what_is_there(quick: Client) -> None:
    answer = await quick.request("OPTIONS", ONE)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("allow") == "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"
    assert (await quick.request("OPTIONS", "/ngsi-ld/v1/nothing")).status == 404


def cors(answer: Answer) -> dict[str, str]:
    """Return the headers that speak to browsers about pages."""
    return {name: value for name, value in answer.headers if name.startswith("access-control")}


@pytest.fixture
async def open_to_pages() -> AsyncIterator[Client]:
    """Give a client of a broker that pages of one origin may use."""
    async with running(MemoryStore(), Settings(allow_origins=(PAGE,))) as client:
        yield client


async def test_pages_of_other_sites_may_do_nothing_unless_told(quick: Client) -> None:
    await quick.post(ENTITIES, gauge())
    asking = {"origin": PAGE, "access-control-request-method": "PATCH"}
    for method in ("GET", "OPTIONS", "DELETE", "HEAD"):
        answer = await quick.request(method, ONE, asking)
        assert cors(answer) == {}
        assert answer.header("vary") is None


async def test_a_page_that_is_allowed_may_read_answers_and_errors(open_to_pages: Client) -> None:
    await open_to_pages.post(ENTITIES, gauge())
    for path in (ONE, f"{ENTITIES}/none", f"{ENTITIES}?typ=x", "/ngsi-ld/v1/nothing"):
        answer = await open_to_pages.get(path, {"origin": PAGE})
        told = cors(answer)
        assert told["access-control-allow-origin"] == PAGE
        assert "ETag" in told["access-control-expose-headers"]
        assert "access-control-allow-credentials" not in told
        assert answer.header("vary") == "Origin"


async def test_a_page_that_is_allowed_may_ask_what_it_may_send(open_to_pages: Client) -> None:
    asking = {"origin": PAGE, "access-control-request-method": "PATCH"}
    answer = await open_to_pages.request("OPTIONS", ONE, asking)
    told = cors(answer)
    assert answer.status == 204
    assert "PATCH" in told["access-control-allow-methods"].split(", ")
    assert "NGSILD-Tenant" in told["access-control-allow-headers"].split(", ")
    assert "access-control-allow-methods" not in cors(
        await open_to_pages.request("OPTIONS", ONE, {"origin": PAGE})
    )


@pytest.mark.parametrize("origin", ["https://evil.example", "http://town.example", "null", ""])
async def test_other_pages_may_do_nothing(open_to_pages: Client, origin: str) -> None:
    asking = {"origin": origin or " ", "access-control-request-method": "GET"}
    for method in ("GET", "OPTIONS"):
        answer = await open_to_pages.request(method, ONE, asking)
        assert cors(answer) == {}
        assert answer.header("vary") == "Origin"


async def test_every_page_may_where_all_are_allowed() -> None:
    async with running(MemoryStore(), Settings(allow_origins=("*",))) as client:
        answer = await client.get("/health", {"origin": "null"})
    assert cors(answer)["access-control-allow-origin"] == "null"
