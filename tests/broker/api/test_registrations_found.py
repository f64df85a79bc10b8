"""Discovery: which registrations a query finds, page by page (§5.10.2)."""

import pytest

from tests.broker.api.data import refusal
from tests.broker.api.data import urn as entity
from tests.broker.registry.sources import (
    POINT,
    REGISTRATIONS,
    TOWN,
    about,
    found,
    register,
    source,
    urn,
)
from tests.support.asgi import Client

SOURCES = [
    source(1, about(type="Gauge")),
    source(2, about("level", type="Gauge", id=entity(1))),
    source(3, about("rain", type=["Station", "Gauge"], idPattern="north$")),
    source(4, about("level")),
    source(5, about("rain", type="Other"), about("level", type="Lake")),
]


@pytest.mark.parametrize(
    ("parameters", "numbers"),
    [
        ({"type": "Gauge"}, "1234"),
        ({"type": "(Station;Gauge)"}, "34"),
        ({"type": "Lake|Nothing"}, "45"),
        ({"type": "Gauge", "id": entity(1)}, "124"),
        ({"type": "Gauge", "id": f"{entity(2)},urn:x:north"}, "134"),
        ({"type": "Gauge", "idPattern": "Gauge:1"}, "1234"),
        ({"type": "Gauge", "idPattern": "Gauge:2"}, "134"),
        ({"id": entity(1)}, "1245"),
        ({"attrs": "level"}, "1245"),
        ({"attrs": "level,rain"}, "12345"),
        ({"type": "Lake", "attrs": "rain"}, ""),
        ({"type": "Gauge", "attrs": "wind"}, "1"),
        ({"type": "Gauge", "pick": "id,level"}, "124"),
        ({"q": "rain>5|level<1"}, "12345"),
        ({"type": "Gauge", "q": "rain>5"}, "13"),
    ],
    ids=str,
)
async def test_sources_are_found_by_what_they_may_have(
    quick: Client, parameters: dict[str, str], numbers: str
) -> None:
    await register(quick, *SOURCES)
    assert "".join(await found(quick, **parameters)) == numbers


@pytest.mark.parametrize(
    ("parameters", "numbers"),
    [
        ({"csf": 'basin=="Kuma"'}, "1"),
        ({"csf": 'basin!="Kuma"'}, "2"),
        ({"csf": 'endpoint=="http://localhost:9"'}, "12"),
        ({"csf": 'mode=="redirect"'}, "2"),
        ({"csf": "sensors[count]>2"}, "1"),
        ({"csf": "contextSourceInfo"}, ""),
        ({"scopeQ": "/a/#"}, "1"),
    ],
    ids=str,
)
async def test_sources_are_found_by_their_own_properties(
    quick: Client, parameters: dict[str, str], numbers: str
) -> None:
    secret = [{"key": "Authorization", "value": "secret"}]
    wrapped = {"type": "Property", "value": "Kawabe"}
    await register(
        quick,
        source(1, basin="Kuma", sensors={"count": 3}, scope=["/a/b", "/c"]),
        source(2, basin=wrapped, mode="redirect", contextSourceInfo=secret),
    )
    assert "".join(await found(quick, type="Gauge", **parameters)) == numbers


def near(metres: int, relation: str = "maxDistance") -> dict[str, str]:
    """Return a geoquery for what is so near to a point in the town."""
    return {
        "georel": f"near;{relation}=={metres}",
        "geometry": "Point",
        "coordinates": "[130.75,32.21]",
    }


def polygon(relation: str, west: float, east: float) -> dict[str, str]:
    """Return a geoquery with a box."""
    ring = [[west, 31.5], [east, 31.5], [east, 33.5], [west, 33.5], [west, 31.5]]
    return {"georel": relation, "geometry": "Polygon", "coordinates": str([ring])}


@pytest.mark.parametrize(
    ("parameters", "numbers"),
    [
        (near(2000), "12"),
        (near(500), "2"),
        (near(20_000, "minDistance"), "2"),
        (polygon("within", 129, 132), "12"),
        (polygon("within", 130.5, 132), "12"),
        (polygon("within", 140, 141), ""),
        (polygon("disjoint", 140, 141), "12"),
        (polygon("disjoint", 130.5, 132), "2"),
        (polygon("disjoint", 129, 132), ""),
        (polygon("intersects", 130.9, 132), "2"),
        ({"georel": "equals", "geometry": "Point", "coordinates": "[130.5,32.5]"}, "2"),
        ({**near(500), "geoproperty": "observationSpace"}, "3"),
        ({**near(20_000, "minDistance"), "geoproperty": "basin"}, ""),
    ],
    ids=str,
)
async def test_sources_are_found_where_they_may_have_places_that_match(
    quick: Client, parameters: dict[str, str], numbers: str
) -> None:
    await register(
        quick,
        source(1, location=POINT),
        source(2, location=TOWN),
        source(3, observationSpace={"type": "GeoProperty", "value": TOWN}),
        source(4, basin={"coordinates": 5}),
    )
    assert "".join(await found(quick, type="Gauge", **parameters)) == numbers


OBSERVED = {"startAt": "2020-01-01T00:00:00Z", "endAt": "2020-12-31T00:00:00Z"}


@pytest.mark.parametrize(
    ("parameters", "numbers"),
    [
        ({}, "1"),
        ({"timerel": "before", "timeAt": "2019-01-01T00:00:00Z"}, ""),
        ({"timerel": "before", "timeAt": "2020-01-01T00:00:00Z"}, "2"),
        ({"timerel": "after", "timeAt": "2020-12-31T00:00:00Z"}, "2"),
        ({"timerel": "after", "timeAt": "2021-01-01T00:00:00Z"}, ""),
        (
            {
                "timerel": "between",
                "timeAt": "2020-06-01T00:00:00Z",
                "endTimeAt": "2022-06-01T00:00:00Z",
            },
            "2",
        ),
        (
            {"timerel": "after", "timeAt": "2030-01-01T00:00:00Z", "timeproperty": "modifiedAt"},
            "3",
        ),
    ],
    ids=str,
)
async def test_the_past_is_found_by_temporal_queries_only(
    quick: Client, parameters: dict[str, str], numbers: str
) -> None:
    await register(
        quick,
        source(1),
        source(2, observationInterval=OBSERVED),
        source(3, managementInterval={"startAt": "2020-01-01T00:00:00Z"}),
    )
    assert "".join(await found(quick, type="Gauge", **parameters)) == numbers


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("", "query:"),
        ("idPattern=a", "query:"),
        ("type=Gauge&timerel=after", "query:timeAt"),
        ("type=Gauge&timeAt=2020-01-01T00:00:00Z", "query:timerel"),
        ("type=Gauge&timerel=between&timeAt=2020-01-01T00:00:00Z", "query:endTimeAt"),
        (
            "type=Gauge&timerel=between&timeAt=2020-01-02T00:00:00Z&endTimeAt=2020-01-01T00:00:00Z",
            "query:endTimeAt",
        ),
        (
            "type=Gauge&timerel=after&timeAt=2020-01-01T00:00:00Z&timeproperty=x",
            "query:timeproperty",
        ),
        ("type=Gauge&csf=a==", "query:csf"),
        ("id=one", "query:id"),
    ],
)
async def test_a_query_that_means_nothing_is_refused(quick: Client, query: str, place: str) -> None:
    answer = await quick.get(f"{REGISTRATIONS}?{query}")
    assert refusal(answer)[:2] == (400, "BadRequestData")
    assert answer.problem["place"].startswith(place)


async def test_registrations_come_in_pages_with_links_and_a_count(client: Client) -> None:
    await register(client, *map(source, range(5)))
    answer = await client.get(f"{REGISTRATIONS}?type=Gauge&limit=2&offset=2&count=true")
    assert [one["id"] for one in answer.json()] == [urn(2), urn(3)]
    assert answer.header("ngsild-results-count") == "5"
    assert [link for link in answer.all("link") if "csource" in link] == [
        f'<{REGISTRATIONS}?count=true&limit=2&offset=4&type=Gauge>; rel="next"; '
        'type="application/json"',
        f'<{REGISTRATIONS}?count=true&limit=2&offset=0&type=Gauge>; rel="prev"; '
        'type="application/json"',
    ]
