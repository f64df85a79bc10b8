"""`/ngsi-ld/ex/v1/explain/…`: what a query says and how it is answered, what a name means."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web

from broker.store.contract import Store
from broker.store.explanation import Explanation, Probed, in_words
from broker.store.memory import MemoryStore
from tests.broker.api.data import ENTITIES, EX, OPERATIONS, gauge, link, urn
from tests.support.asgi import Client, running

DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"


def path(kind: str, **parameters: str) -> str:
    """Return the path of an explanation."""
    pairs = "&".join(f"{name}={quote(value)}" for name, value in parameters.items())
    return f"{EX}/explain/{kind}?{pairs}"


async def explained(client: Client, **parameters: str) -> dict[str, Any]:
    """Return the explanation of a query that finds what it explains."""
    answer = await client.get(path("query", **parameters))
    assert answer.status == 200, answer.body
    told: dict[str, Any] = answer.json()
    found = await client.get(path("query", **parameters).replace(f"{EX}/explain/query", ENTITIES))
    assert told["plan"]["found"] == len(found.json())
    return told


@pytest.fixture
async def filled(client: Client) -> Client:
    """Give a client of a broker with 400 gauges and a few bridges."""
    for start in (1, 201):
        body = [gauge(number, number) for number in range(start, start + 200)]
        assert (await client.post(f"{OPERATIONS}/upsert", body)).status == 201
    bridges = [{"id": f"urn:x:b{number}", "type": "Bridge"} for number in range(5)]
    await client.post(f"{OPERATIONS}/upsert", bridges)
    return client


async def test_each_condition_is_said_in_words_and_as_it_was_parsed(filled: Client) -> None:
    told = await explained(filled, type="Gauge", q="level>=3")
    assert [each["words"] for each in told["conditions"]] == [
        f"it has the type Gauge ({DEFAULT}Gauge)", "level is at least 3",
    ]  # fmt: skip
    assert told["conditions"][1]["parsed"]["op"] == ">="
    assert told["page"] == {"limit": 20, "offset": 0, "count": False}


@pytest.mark.parametrize(
    ("parameters", "way", "looked", "said"),
    [
        ({"type": "Gauge", "q": "level>395"}, "few", (1, 10), "decides its condition alone"),
        ({"type": "Gauge", "q": "level>300"}, "walk and index", (20, 60), "on level has 100 rows"),
        ({"type": "Gauge", "q": "level>5"}, "walk and index", (20, 60), "a walk"),
        ({"type": "Gauge", "q": "!level"}, "walk", (400, 400), "No condition is one"),
        ({"type": "Gauge"}, "walk", (20, 20), "of 400 in all"),
        (
            {"type": "Gauge", "q": "level>300", "orderBy": "level"},
            "order index",
            (20, 100),
            "read in its order",
        ),
        (
            {"type": "Gauge", "q": "level>300", "orderBy": "level,id"},
            "order",
            (100, 100),
            "in the order asked",
        ),
        ({"type": "Gauge", "id": f"{urn(1)},urn:x:none"}, "ids", (1, 2), "each was looked up"),
        ({"type": "Nothing"}, "nothing", (0, 0), "the name of nothing here"),
    ],
)
async def test_the_way_and_its_cost_are_told(
    filled: Client, parameters: dict[str, str], way: str, looked: tuple[int, int], said: str
) -> None:
    plan = (await explained(filled, **parameters))["plan"]
    if isinstance(filled.broker.store, MemoryStore):
        assert (plan["way"], plan["lookedAt"]) == ("walk", 405)
        return
    assert plan["way"] == way
    assert looked[0] <= plan["lookedAt"] <= looked[1]
    assert said in plan["text"]


def test_an_index_that_is_shorter_than_a_walk_is_told_with_its_rows() -> None:
    probed = Probed(f"{DEFAULT}level", "numbers", rows=70, most=2000, exact=True)
    told = in_words(Explanation("index", 90_000, 20, 20, best=probed), lambda iri: "level")
    assert "The index of numbers on level has 70 rows, fewer than a walk would meet" in told


async def test_a_query_that_would_be_refused_is_refused_here_too(quick: Client) -> None:
    answer = await quick.get(path("query", type="A", q="level>"))
    assert (answer.status, answer.problem["place"]) == (400, "query:q")
    assert (await quick.get(path("query", type="A", limit="1001"))).status == 403


CONTEXT = """{
  "@context": [
    {"other": "https://o.example/"},
    {
      "level": "https://w.example/level",
      "w": "https://w.example/"
    }
  ]
}"""


@asynccontextmanager
async def served(text: str) -> AsyncIterator[str]:
    """Serve a document; give its URL."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=text, content_type="application/ld+json")

    app = web.Application()
    app.router.add_get("/c.jsonld", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/c.jsonld"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("term", "iri", "how", "line"),
    [
        ("level", "https://w.example/level", "defined", 5),
        ("w:name", "https://w.example/name", "prefix", 6),
        ("location", "https://uri.etsi.org/ngsi-ld/location", "core", None),
        ("https://a.example/b", "https://a.example/b", "absolute", None),
        ("levl", f"{DEFAULT}levl", "default", None),
    ],
)
async def test_a_name_is_traced_to_context_entry_and_line(
    store: Store, term: str, iri: str, how: str, line: int | None
) -> None:
    async with served(CONTEXT) as address, running(store) as client:
        answer = await client.get(path("term", term=term, context=address))
        by_link = await client.get(path("term", term=term), link(address))
    assert answer.status == 200, answer.body
    told = answer.json()
    assert told == by_link.json()
    assert (told["iri"], told["how"]) == (iri, how)
    if line is not None:
        assert (told["source"]["context"], told["source"]["line"]) == (address, line)
        assert told["source"]["pointer"].startswith("/@context/1/")
    if how == "default":
        assert told["similar"] == ["level"]


@pytest.mark.parametrize(
    ("parameters", "status", "place"),
    [
        ({}, 400, "query:term"),
        ({"term": "a b"}, 400, "query:term"),
        ({"term": "a", "context": "http://127.0.0.1:9/c"}, 504, "query:context"),
    ],
)
async def test_a_name_that_is_none_is_refused(
    quick: Client, parameters: dict[str, str], status: int, place: str
) -> None:
    answer = await quick.get(path("term", **parameters))
    assert (answer.status, answer.problem["place"]) == (status, place)
