"""`GET /entities`: selection, pages, counts, GeoJSON."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.broker.api.data import CORE, ENTITIES, ERRORS, OPERATIONS, V1, gauge, urn
from tests.support.asgi import HOST, Answer, Client

HERE = {"type": "Point", "coordinates": [130.757, 32.213]}
AFTER = "timerel=after&timeAt=2020-01-01T00:00:00Z&timeproperty=createdAt"
THERE = {"type": "Point", "coordinates": [131.5, 33.0]}


def ids(answer: Answer) -> list[str]:
    """Return the ids of a page."""
    assert answer.status == 200, answer.body
    return [one["id"] for one in answer.json()]


async def fill(client: Client, count: int = 5) -> None:
    """Create `count` gauges with levels 0, 1, …"""
    created = await client.post(f"{OPERATIONS}/create", [gauge(n, n) for n in range(count)])
    assert created.status == 201


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("type=Gauge", [0, 1, 2, 3, 4]),
        ("type=Bridge", []),
        ("type=Bridge,Gauge&q=level>2", [3, 4]),
        ("q=level==1..3;level!=2", [1, 3]),
        ("attrs=level&q=level<1", [0]),
        ("attrs=absent", []),
        (f"type=Gauge&id={urn(1)},{urn(3)},urn:x:none", [1, 3]),
        ("type=Gauge&idPattern=:[02]$", [0, 2]),
        ("local=true", [0, 1, 2, 3, 4]),
        ("type=*", [0, 1, 2, 3, 4]),
    ],
)
async def test_a_query_selects(client: Client, query: str, found: list[int]) -> None:
    await fill(client)
    answer = await client.get(f"{ENTITIES}?{quote(query, safe='&=')}")
    assert ids(answer) == [urn(number) for number in found]


async def test_a_query_by_place_selects(client: Client) -> None:
    await client.post(ENTITIES, gauge(1, location=HERE))
    await client.post(ENTITIES, gauge(2, location=THERE, site=HERE))
    near = "georel=near;maxDistance==1000&geometry=Point&coordinates=[130.757,32.214]"
    assert ids(await client.get(f"{ENTITIES}?{near}")) == [urn(1)]
    assert ids(await client.get(f"{ENTITIES}?{near}&geoproperty=site")) == [urn(2)]
    assert ids(await client.get(f"{ENTITIES}?type=Gauge&geoproperty=site")) == [urn(1), urn(2)]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "id=urn:x:1",
        "idPattern=x",
        "q=modifiedAt>2020-01-01T00:00:00Z",
        "limit=5",
        "local=false",
    ],
)
async def test_a_query_that_selects_nothing_in_particular_is_too_wide(
    quick: Client, query: str
) -> None:
    answer = await quick.get(f"{ENTITIES}?{query}")
    assert answer.problem["type"] == ERRORS + "BadRequestData"


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("type=Gauge&limit=-1", "query:limit"),
        ("type=Gauge&limit=x", "query:limit"),
        ("type=Gauge&limit=0", "query:limit"),
        ("type=Gauge&limit=1.0", "query:limit"),
        ("type=Gauge&offset=-1", "query:offset"),
        ("type=Gauge&count=maybe", "query:count"),
        ("type=", "query:type"),
        ("type=*&local=false", "query:local"),
        ("q=level>", "query:q"),
        ("q=", "query:q"),
        ("type=Gauge&id=nouri", "query:id"),
        ("type=Gauge&idPattern=(", "query:idPattern"),
        ("attrs=", "query:attrs"),
        ("attrs=createdAt", "query:attrs"),
        ("attrs=a-b", "query:attrs"),
        ("georel=near;maxDistance==0&geometry=Point&coordinates=[0,0]", "query:georel"),
        ("georel=within&geometry=Polygon", "query:coordinates"),
        ("type=Gauge&geometryProperty=location", "query:geometryProperty"),
        ("type=Gauge&csf=source%7Blevel%7D==1", "query:csf"),
        ("type=Gauge&splitEntities=perhaps", "query:splitEntities"),
        ("type=Gauge&entityMap=yes", "query:entityMap"),
        ("type=Gauge&entityMap=true&entityMapLifetime=soon", "query:entityMapLifetime"),
    ],
)
async def test_a_bad_parameter_is_named(quick: Client, query: str, place: str) -> None:
    answer = await quick.get(f"{ENTITIES}?{query}")
    assert answer.status == 400
    assert answer.problem["type"] == ERRORS + "BadRequestData"
    assert answer.problem["place"] == place


MAPS = "entityMap=true&entityMapLifetime=PT10M"


@pytest.mark.parametrize(
    "path",
    [
        f"{ENTITIES}?type=Gauge&splitEntities=true&{MAPS}",
        f"{ENTITIES}/{urn(0)}?{MAPS}",
        f"{V1}/temporal/entities?type=Gauge&{AFTER}&splitEntities=true&{MAPS}",
        f"{V1}/temporal/entities/{urn(0)}?{AFTER}&{MAPS}",
    ],
)
async def test_an_entity_map_is_declined_by_telling_of_none(client: Client, path: str) -> None:
    await client.post(ENTITIES, gauge(0))
    await client.post(f"{V1}/temporal/entities", gauge(0))
    answer = await client.get(path)
    assert answer.status == 200
    assert urn(0) in str(answer.json())
    assert answer.header("ngsild-entitymap") is None


async def test_a_page_larger_than_the_broker_serves_is_refused(quick: Client) -> None:
    answer = await quick.get(f"{ENTITIES}?type=Gauge&limit=1001")
    assert answer.status == 403
    assert answer.problem["type"] == ERRORS + "TooManyResults"


async def test_the_count_is_of_all_that_match(client: Client) -> None:
    await fill(client)
    page = await client.get(f"{ENTITIES}?type=Gauge&limit=2&count=true")
    assert (len(page.json()), page.header("ngsild-results-count")) == (2, "5")
    none = await client.get(f"{ENTITIES}?type=Gauge&limit=0&count=true")
    assert (none.json(), none.header("ngsild-results-count")) == ([], "5")
    assert not [value for value in none.all("link") if 'rel="next"' in value]
    plain = await client.get(f"{ENTITIES}?type=Gauge")
    assert plain.header("ngsild-results-count") is None


def pages(answer: Answer) -> dict[str, str]:
    """Return the pagination links: relation → target, as sent."""
    found = {}
    for value in answer.all("link"):
        target, relation, media = value.split("; ")
        if "json-ld#context" not in relation:
            assert media == 'type="application/json"'
            found[relation.removeprefix('rel="').removesuffix('"')] = target.strip("<>")
    return found


async def test_page_links_are_relative_sorted_and_explicit(client: Client) -> None:
    await fill(client)
    first = await client.get(f"{ENTITIES}?type=Gauge&limit=2&count=true")
    assert pages(first) == {"next": f"{ENTITIES}?count=true&limit=2&offset=2&type=Gauge"}
    middle = await client.get(f"{ENTITIES}/?offset=3&type=Gauge&limit=1")
    assert pages(middle) == {
        "next": f"{ENTITIES}?limit=1&offset=4&type=Gauge",
        "prev": f"{ENTITIES}?limit=1&offset=2&type=Gauge",
    }
    last = await client.get(f"{ENTITIES}?type=Gauge&offset=4&limit=20")
    assert pages(last) == {"prev": f"{ENTITIES}?limit=20&offset=0&type=Gauge"}


async def test_following_next_meets_every_entity_once(client: Client) -> None:
    await fill(client, 7)
    path = f"{ENTITIES}?type=Gauge&limit=3&q={quote('level>=0')}"
    seen = []
    while path:
        page = await client.get(path)
        seen += ids(page)
        path = pages(page).get("next", "")
    assert seen == [urn(number) for number in range(7)]


async def test_beyond_the_end_there_is_nothing(client: Client) -> None:
    await fill(client, 2)
    assert ids(await client.get(f"{ENTITIES}?type=Gauge&offset=9")) == []


async def test_a_type_selection_may_be_a_conjunction(client: Client) -> None:
    await client.post(ENTITIES, {"id": urn(1), "type": ["Gauge", "Device"]})
    await client.post(ENTITIES, {"id": urn(2), "type": "Gauge"})
    assert ids(await client.get(f"{ENTITIES}?type=(Gauge;Device)")) == [urn(1)]
    assert ids(await client.get(f"{ENTITIES}?type=Device|Gauge")) == [urn(1), urn(2)]


async def test_pages_behind_an_id_meet_what_stays_once_whatever_is_written(client: Client) -> None:
    await fill(client, 9)
    met, path = [], f"{ENTITIES}?type=Gauge&limit=2&count=true&pageAfter="
    while path:
        page = await client.get(path)
        met += ids(page)
        assert set(pages(page)) <= {"next"}
        await client.request("DELETE", f"{ENTITIES}/{met[0]}")
        await client.post(ENTITIES, gauge(f"{met[-1][-1]}a"))
        path = pages(page).get("next", "")
    assert sorted(set(met)) == met
    assert {urn(number) for number in range(9)} <= set(met)


async def test_a_page_behind_an_id_links_to_the_next_by_its_last_id(client: Client) -> None:
    await fill(client)
    page = await client.get(f"{ENTITIES}?type=Gauge&limit=2&pageAfter={urn(1)}&orderBy=id")
    assert ids(page) == [urn(2), urn(3)]
    assert pages(page) == {
        "next": f"{ENTITIES}?limit=2&orderBy=id&pageAfter={urn(3)}&type=Gauge",
    }
    last = await client.get(pages(page)["next"])
    assert ids(last) == [urn(4)]
    assert pages(last) == {}
    body = {"type": "Query", "entities": [{"type": "Gauge"}]}
    posted = await client.post(f"{OPERATIONS}/query?limit=2&pageAfter={urn(1)}", body)
    assert ids(posted) == [urn(2), urn(3)]
    assert pages(posted) == {"next": f"{OPERATIONS}/query?limit=2&pageAfter={urn(3)}"}


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        ("orderBy=level", "query:pageAfter"),
        ("orderBy=id;desc", "query:pageAfter"),
        ("offset=1", "query:offset"),
    ],
)
async def test_a_page_behind_an_id_has_no_other_order_or_beginning(
    quick: Client, asked: str, place: str
) -> None:
    answer = await quick.get(f"{ENTITIES}?type=Gauge&pageAfter={urn(1)}&{asked}")
    assert (answer.status, answer.problem["place"]) == (400, place)
    assert answer.problem["remedy"]


async def test_lists_carry_no_etag_and_one_context_link(client: Client) -> None:
    await fill(client, 1)
    answer = await client.get(f"{ENTITIES}?type=Gauge&options=keyValues")
    assert answer.json() == [gauge(0, 0)]
    assert answer.header("etag") is None
    assert [value for value in answer.all("link") if CORE in value] == answer.all("link")


async def geojson(client: Client, path: str) -> Any:
    """Return a GeoJSON answer."""
    answer = await client.get(path, {"accept": "application/geo+json"})
    assert answer.status == 200, answer.body
    assert answer.header("content-type") == "application/geo+json"
    assert answer.all("link") == []
    return answer.json()


async def test_one_entity_as_geojson_is_a_feature(client: Client) -> None:
    await client.post(ENTITIES, gauge(1, location=HERE))
    assert await geojson(client, f"{ENTITIES}/{urn(1)}?options=keyValues") == {
        "id": urn(1),
        "type": "Feature",
        "geometry": HERE,
        "properties": {"type": "Gauge", "level": 1.5, "location": HERE},
        "@context": CORE,
    }


async def test_a_query_as_geojson_is_a_feature_collection(client: Client) -> None:
    await client.post(ENTITIES, gauge(1, location=HERE))
    await client.post(ENTITIES, gauge(2, site=THERE))
    told = await geojson(client, f"{ENTITIES}?type=Gauge")
    assert (told["type"], told["@context"]) == ("FeatureCollection", CORE)
    assert [one["geometry"] for one in told["features"]] == [HERE, None]
    assert all("@context" not in one for one in told["features"])
    other = await geojson(client, f"{ENTITIES}?type=Gauge&geometryProperty=site")
    assert [one["geometry"] for one in other["features"]] == [None, THERE]
    assert (await geojson(client, f"{ENTITIES}?type=Bridge"))["features"] == []


async def test_queries_alike_but_for_q_are_not_taken_for_each_other(client: Client) -> None:
    await fill(client)
    asked = f"{ENTITIES}?type=Gauge&limit=2"
    for _ in range(2):
        for least in range(4):
            page = await client.get(f"{asked}&q=level%3E%3D{least}")
            assert ids(page) == [urn(least), urn(least + 1)]
        assert ids(await client.get(asked)) == [urn(0), urn(1)]
        assert ids(await client.get(f"{asked}&q=level%3E1&offset=1")) == [urn(3), urn(4)]
        shown = await client.get(f"{asked}&q=level%3E3&format=keyValues")
        assert [one["level"] for one in shown.json()] == [4]
        faulty = await client.get(f"{asked}&q=level%3E")
        assert faulty.problem["place"] == "query:q"


async def test_alike_queries_mean_what_their_contexts_say(client: Client) -> None:
    await fill(client)
    other = {"@context": {"Gauge": "https://other.example/Gauge"}}
    made = await client.post(f"{V1}/jsonldContexts", other)
    link = f'<http://{HOST}{made.header("location")}>; rel="http://www.w3.org/ns/json-ld#context"'
    asked = f"{ENTITIES}?type=Gauge&q=level%3E2"
    for _ in range(2):
        assert ids(await client.get(asked)) == [urn(3), urn(4)]
        assert ids(await client.get(asked, {"link": link})) == []
