"""`POST /entityOperations/query` (§5.2.23, §6.23)."""

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.broker.api.data import ENTITIES, LD, OPERATIONS, gauge, refusal, urn
from tests.support.asgi import Client

QUERY = f"{OPERATIONS}/query"
HERE = {"type": "Point", "coordinates": [130.757, 32.213]}


async def fill(client: Client) -> None:
    """Create five gauges with levels 0, 1, …"""
    gauges = [gauge(n, n, scope=f"/s{n}", location=HERE) for n in range(5)]
    assert (await client.post(f"{OPERATIONS}/create", gauges)).status == 201


async def asked(client: Client, parameters: str = "", **members: Any) -> Any:
    """Return the answer to a Query."""
    return await client.post(f"{QUERY}?{parameters}", {"type": "Query", **members})


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"entities": [{"type": "Gauge"}]}, [0, 1, 2, 3, 4]),
        ({"entities": [{"type": "Gauge", "id": urn(1)}]}, [1]),
        ({"entities": [{"type": "*", "id": [urn(1), urn(2)], "idPattern": "x"}]}, [1, 2]),
        ({"entities": [{"type": "Gauge", "idPattern": "[34]$"}]}, [3, 4]),
        ({"entities": [{"type": "Bridge"}, {"type": "Gauge", "id": urn(4)}]}, [4]),
        ({"q": "level>2"}, [3, 4]),
        ({"q": "level>3", "splitEntities": False, "entityMap": True}, [4]),
        ({"attrs": ["level", "absent"], "scopeQ": "/s1,/s2"}, [1, 2]),
        (
            {
                "geoQ": {
                    "georel": "near;maxDistance==10",
                    "geometry": "Point",
                    "coordinates": HERE["coordinates"],
                },
                "q": "level<1",
            },
            [0],
        ),
    ],
)
async def test_a_body_selects(client: Client, members: dict[str, Any], found: list[int]) -> None:
    await fill(client)
    answer = await asked(client, **members)
    assert answer.status == 200, answer.body
    assert [each["id"] for each in answer.json()] == [urn(n) for n in found]


async def selected(client: Client, **members: Any) -> list[str]:
    """Return the ids that a GET and a POST query of gauges select, which must be the same."""
    given = {n: each if isinstance(each, str) else ",".join(each) for n, each in members.items()}
    by_get = await client.get(f"{ENTITIES}?{urlencode({'type': 'Gauge', **given})}")
    by_post = await asked(client, "", entities=[{"type": "Gauge"}], **members)
    assert (by_get.status, by_post.status) == (200, 200), by_post.body
    assert by_get.json() == by_post.json()
    return [each["id"] for each in by_get.json()]


@pytest.mark.parametrize(
    ("q", "expanded", "found"),
    [
        ("use==School", ["use"], [1]),
        ("use!=School", ["use"], [2]),
        ("use==School,Hall", ["use", "level"], [1, 2]),
        ("use==School", [], []),
        ("use==School", ["level"], []),
        ("use!=School", [], [1, 2]),
        ("word==School", [], [3]),
        ("word==School", ["word"], []),
    ],
)
async def test_expand_values_says_whose_operands_are_names_as_a_vocab_property_keeps_them(
    client: Client, q: str, expanded: list[str], found: list[int]
) -> None:
    gauges = [gauge(n, use={"vocab": use}) for n, use in ((1, "School"), (2, "Hall"))]
    created = await client.post(f"{OPERATIONS}/create", [*gauges, gauge(3, word="School")])
    assert created.status == 201
    members = {"expandValues": expanded} if expanded else {}
    assert await selected(client, q=q, **members) == [urn(n) for n in found]


async def test_expand_values_goes_by_the_context_of_the_query(client: Client) -> None:
    words = {"School": "https://example.org/terms/School"}
    body = {**gauge(1, use={"vocab": "School"}), "@context": [words]}
    assert (await client.post(ENTITIES, body, LD)).status == 201
    query = {"type": "Query", "q": "use==School", "expandValues": ["use"]}
    with_words = await client.post(QUERY, {**query, "@context": [words]}, LD)
    without = await client.post(QUERY, query)
    assert [each["id"] for each in with_words.json()] == [urn(1)]
    assert without.json() == []


@pytest.mark.parametrize("named", [[], ["stock"], ["stock", "level"], ["level"]])
async def test_json_keys_changes_nothing_as_keys_in_brackets_are_never_expanded(
    client: Client, named: list[str]
) -> None:
    """4.9 and docs/conformance.md; a key that is a term of the core context is no other one."""
    raw = {"type": "JsonProperty", "json": {"water": {"litres": 800}, "unitCode": "LTR"}}
    plain = {"water": {"litres": 900}, "unitCode": "LTR"}
    gauges = [gauge(1, stock=raw), gauge(2, stock={"type": "Property", "value": plain}), gauge(3)]
    assert (await client.post(f"{OPERATIONS}/create", gauges)).status == 201
    members = {"jsonKeys": named} if named else {}
    assert await selected(client, q="stock[water.litres]>=800", **members) == [urn(1), urn(2)]
    assert await selected(client, q="stock[water.litres]>800", **members) == [urn(2)]
    assert await selected(client, q='stock[unitCode]=="LTR"', **members) == [urn(1), urn(2)]
    assert await selected(client, q="stock[air]", **members) == []


async def test_pages_and_forms_are_parameters(client: Client) -> None:
    await fill(client)
    answer = await asked(
        client,
        "limit=2&offset=2&count=true&format=simplified",
        entities=[{"type": "Gauge"}],
        pick=["id", "level"],
    )
    assert answer.json() == [{"id": urn(2), "level": 2}, {"id": urn(3), "level": 3}]
    assert answer.header("ngsild-results-count") == "5"
    following = f"<{QUERY}?count=true&format=simplified&limit=2&offset=4>"
    assert any(following in link for link in answer.all("link"))


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ([], "body:"),
        ({}, "body:/type"),
        ({"type": "Other"}, "body:/type"),
        ({"type": "Query"}, "query:"),
        ({"type": "Query", "id": "urn:x"}, "body:/id"),
        ({"type": "Query", "temporalQ": {}}, "body:/temporalQ"),
        ({"type": "Query", "entities": []}, "body:/entities"),
        ({"type": "Query", "entities": [{"id": "urn:x:1"}]}, "body:/entities/0"),
        ({"type": "Query", "entities": [{"type": "A", "id": "x"}]}, "body:/entities/0/id"),
        ({"type": "Query", "entities": [{"type": "A", "id": 1}]}, "body:/entities/0/id"),
        ({"type": "Query", "entities": [{"type": "A", "x": "y"}]}, "body:/entities/0/x"),
        ({"type": "Query", "entities": [{"type": "(A"}]}, "body:/entities/0/type"),
        ({"type": "Query", "q": 42}, "body:/q"),
        ({"type": "Query", "q": "a=="}, "body:/q"),
        ({"type": "Query", "attrs": []}, "body:/attrs"),
        ({"type": "Query", "attrs": ["a-b"]}, "body:/attrs"),
        ({"type": "Query", "q": "a", "pick": ["a{"]}, "body:/pick"),
        ({"type": "Query", "q": "a", "join": "inline", "joinLevel": 0}, "body:/joinLevel"),
        ({"type": "Query", "q": "a", "join": "x"}, "body:/join"),
        ({"type": "Query", "geoQ": {"georel": "near"}}, "body:/geoQ/geometry"),
        ({"type": "Query", "geoQ": {"x": "y"}}, "body:/geoQ/x"),
        ({"type": "Query", "q": "a", "scopeQ": "//"}, "body:/scopeQ"),
        ({"type": "Query", "q": "a", "splitEntities": "true"}, "body:/splitEntities"),
        ({"type": "Query", "q": "a", "entityMap": 1}, "body:/entityMap"),
        ({"type": "Query", "q": "a", "entityMapLifetime": "1h"}, "body:/entityMapLifetime"),
    ],
)
async def test_what_is_no_query_is_refused_with_its_place(
    quick: Client, body: Any, place: str
) -> None:
    answer = await quick.post(QUERY, body)
    assert refusal(answer) == (400, "BadRequestData", place)


MANY = [f"a{n}" for n in range(1001)]
URNS = [f"urn:{n}" for n in range(1001)]


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"entities": [{"type": name} for name in MANY[:101]]}, "entities"),
        ({"attrs": MANY}, "attrs"),
        ({"q": "level", "expandValues": MANY}, "expandValues"),
        ({"q": "level", "jsonKeys": MANY}, "jsonKeys"),
        ({"q": "level", "datasetId": URNS}, "datasetId"),
    ],
)
async def test_a_list_that_would_hold_everybody_up_is_refused(
    quick: Client, members: dict[str, Any], place: str
) -> None:
    answer = await asked(quick, **members)
    assert refusal(answer) == (403, "TooComplexQuery", f"body:/{place}")


async def test_a_list_in_an_address_has_the_same_bounds(quick: Client) -> None:
    for method, name in (("GET", "attrs"), ("DELETE", "drop"), ("DELETE", "keep")):
        path = f"{ENTITIES}?type=Gauge&{name}={','.join(MANY)}"
        answer = await quick.request(method, path)
        assert refusal(answer) == (403, "TooComplexQuery", f"query:{name}")


async def test_a_selection_parameter_belongs_into_the_body(quick: Client) -> None:
    answer = await asked(quick, "q=level", entities=[{"type": "Gauge"}])
    assert refusal(answer) == (400, "InvalidRequest", "query:q")
