"""`orderBy`: the order of a page (§4.23)."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.broker.api.data import ENTITIES, OPERATIONS, gauge, refusal, urn
from tests.support.asgi import Answer, Client


def at(longitude: float) -> dict[str, Any]:
    """Return a point on the equator."""
    return {"type": "Point", "coordinates": [longitude, 0]}


THINGS = [
    gauge(1, 5, name="ä", place=at(3), address={"city": "Yatsushiro"}),
    gauge(2, "abc", name="b", place=at(1), address={"city": "Ashikita"}),
    gauge(3, {"value": 7, "observedAt": "2020-07-04T00:00:00Z"}, name="A", place=at(2)),
    gauge(4, True, name="a", place=[1, 2]),
    gauge(5, "2020-07-04T00:00:00Z", name="z"),
    gauge(6, "2020-07-04", name="Z", level2=1),
    {"id": urn(7), "type": ["Gauge", "Other"], "scope": "/a"},
]


async def ordered(client: Client, order: str, **parameters: str) -> Answer:
    """Return the answer to a query of all in some order."""
    given = {"type": "Gauge", "orderBy": order, "format": "simplified", **parameters}
    return await client.get(
        f"{ENTITIES}?{'&'.join(f'{key}={quote(value)}' for key, value in given.items())}"
    )


async def numbers(client: Client, order: str, **parameters: str) -> list[int]:
    """Return the numbers of all gauges in some order."""
    answer = await ordered(client, order, **parameters)
    assert answer.status == 200, answer.body
    return [int(each["id"].rpartition(":")[2]) for each in answer.json()]


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("level", [1, 3, 2, 4, 6, 5, 7]),
        ("level;asc", [1, 3, 2, 4, 6, 5, 7]),
        ("level;desc", [5, 6, 4, 2, 3, 1, 7]),
        ("name", [4, 3, 1, 2, 5, 6, 7]),
        ("id;desc", [7, 6, 5, 4, 3, 2, 1]),
        ("address[city]", [2, 1, 3, 4, 5, 6, 7]),
        ("level.observedAt", [3, 1, 2, 4, 5, 6, 7]),
        ("level2,id;desc", [6, 7, 5, 4, 3, 2, 1]),
        ("scope,createdAt;desc", [7, 6, 5, 4, 3, 2, 1]),
        ("absent", [1, 2, 3, 4, 5, 6, 7]),
    ],
)
async def test_values_are_ordered(client: Client, order: str, found: list[int]) -> None:
    assert (await client.post(f"{OPERATIONS}/create", THINGS)).status == 201
    assert await numbers(client, order) == found


async def test_distances_are_ordered_before_other_values(client: Client) -> None:
    await client.post(f"{OPERATIONS}/create", THINGS)
    here = {"orderFrom": "[0,0]"}
    assert await numbers(client, "place;dist-asc", **here) == [2, 3, 1, 4, 5, 6, 7]
    assert await numbers(client, "place;dist-desc", **here) == [1, 3, 2, 4, 5, 6, 7]
    line = {"orderFrom": "[[2,1],[2,-1]]", "orderGeometry": "LineString"}
    assert (await numbers(client, "place;dist-asc", **line))[0] == 3


async def test_pages_and_counts_go_with_an_order(client: Client) -> None:
    await client.post(f"{OPERATIONS}/create", THINGS)
    answer = await ordered(client, "level;desc", limit="2", offset="1", count="true")
    assert [each["id"] for each in answer.json()] == [urn(6), urn(4)]
    assert answer.header("ngsild-results-count") == "7"
    assert await numbers(client, "level;desc", q="level>1|name", limit="3") == [5, 6, 4]
    assert await numbers(client, "id;desc", id=f"{urn(1)},{urn(3)}") == [3, 1]
    answer = await client.post(
        f"{OPERATIONS}/query",
        {
            "type": "Query",
            "entities": [{"type": "Gauge"}],
            "ordering": {"orderBy": ["place;dist-desc"], "coordinates": [0, 0]},
        },
    )
    assert answer.json()[0]["id"] == urn(1)


async def test_a_collation_is_chosen(client: Client) -> None:
    await client.post(f"{OPERATIONS}/create", THINGS)
    assert (await numbers(client, "name", collation="und-u-ks-level1"))[:4] == [1, 3, 4, 2]
    assert (await numbers(client, "name", collation="sv"))[:6] == [4, 3, 2, 5, 6, 1]


@pytest.mark.parametrize(
    ("parameters", "place"),
    [
        ({"orderBy": ""}, "query:orderBy"),
        ({"orderBy": "a,"}, "query:orderBy"),
        ({"orderBy": "a;up"}, "query:orderBy"),
        ({"orderBy": "a;"}, "query:orderBy"),
        ({"orderBy": "a:desc"}, "query:orderBy"),
        ({"orderBy": "a>5"}, "query:orderBy"),
        ({"orderBy": "a[b"}, "query:orderBy"),
        ({"orderBy": "a;dist-asc"}, "query:orderFrom"),
        ({"orderBy": "a;dist-asc", "orderFrom": "x"}, "query:orderFrom"),
        ({"orderBy": "a;dist-asc", "orderFrom": "[1,2]", "orderGeometry": "X"}, "query:orderFrom"),
        ({"orderBy": "a", "collation": "!!"}, "query:collation"),
        ({"orderBy": "a", "collation": "a"}, "query:collation"),
    ],
)
async def test_what_is_no_order_is_refused_with_its_place(
    quick: Client, parameters: dict[str, str], place: str
) -> None:
    answer = await ordered(quick, parameters.pop("orderBy"), **parameters)
    assert refusal(answer) == (400, "BadRequestData", place)
