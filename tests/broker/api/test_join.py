"""Linked entities within and beside those that link them (§4.5.23)."""

from typing import Any
from urllib.parse import quote

import pytest

from broker.entities import links
from tests.broker.api.data import ENTITIES, refusal
from tests.support.asgi import Client


def thing(name: str, **members: Any) -> dict[str, Any]:
    """Return an entity."""
    return {"id": f"urn:{name}:1", "type": name.title(), "name": name, **members}


def to(*names: str) -> dict[str, Any]:
    """Return a Relationship to one or several entities."""
    ids = [f"urn:{name}:1" for name in names]
    return {"type": "Relationship", "object": ids[0] if len(ids) == 1 else ids}


async def fill(client: Client) -> None:
    """Create gauge → bridge → river → gauge, and a river's list of bridges."""
    bridges = {"type": "ListRelationship", "objectList": ["urn:bridge:1", "urn:none:1"]}
    for entity in (
        thing("gauge", over=to("bridge")),
        thing("bridge", crosses=to("river", "none")),
        thing("river", measured=to("gauge"), bridges=bridges),
    ):
        assert (await client.post(ENTITIES, entity)).status == 201


async def one(client: Client, name: str, parameters: str) -> Any:
    """Return an entity as retrieved, and see that a query shows the same of it."""
    answer = await client.get(f"{ENTITIES}/urn:{name}:1?{parameters}")
    assert answer.status == 200, answer.body
    listed = (await client.get(f"{ENTITIES}?type={name.title()}&{parameters}")).json()
    assert listed == (answer.json() if isinstance(answer.json(), list) else [answer.json()])
    return answer.json()


async def test_a_linked_entity_is_shown_within(client: Client) -> None:
    await fill(client)
    gauge = await one(client, "gauge", "join=inline")
    bridge = gauge["over"]["entity"]
    assert bridge["name"] == {"type": "Property", "value": "bridge"}
    assert "entity" not in bridge["crosses"]
    deeper = await one(client, "gauge", "join=inline&joinLevel=2")
    (river,) = deeper["over"]["entity"]["crosses"]["entity"]
    assert river["id"] == "urn:river:1"


async def test_a_list_is_shown_in_its_order_as_far_as_it_exists(client: Client) -> None:
    await fill(client)
    river = await one(client, "river", "join=inline")
    assert [each["id"] for each in river["bridges"]["entityList"]] == ["urn:bridge:1"]
    assert "entity" not in river["bridges"]


async def test_simplified_puts_entities_in_the_place_of_uris(client: Client) -> None:
    await fill(client)
    bridge = await one(client, "bridge", "join=inline&format=simplified")
    river, missing = bridge["crosses"]
    assert (river["name"], missing) == ("river", "urn:none:1")


async def test_a_loop_ends_where_it_began(client: Client) -> None:
    await fill(client)
    gauge = await one(client, "gauge", "join=inline&joinLevel=9&format=simplified")
    assert gauge["over"]["crosses"][0]["measured"] == "urn:gauge:1"


async def test_linked_entities_are_beside_each_once(client: Client) -> None:
    await fill(client)
    flat = await one(client, "gauge", "join=flat&joinLevel=9&format=simplified")
    assert [each["id"] for each in flat] == ["urn:gauge:1", "urn:bridge:1", "urn:river:1"]
    assert flat[0]["over"] == "urn:bridge:1"


async def test_an_entity_linked_with_nothing_is_no_list(client: Client) -> None:
    await client.post(ENTITIES, thing("gauge", over=to("none")))
    answer = await client.get(f"{ENTITIES}/urn:gauge:1?join=flat")
    assert answer.json()["id"] == "urn:gauge:1"


async def test_what_is_contained_is_not_joined(client: Client) -> None:
    await fill(client)
    gauge = await one(client, "gauge", "join=inline&containedBy=urn:bridge:1,urn:x:2")
    assert "entity" not in gauge["over"]


@pytest.mark.parametrize(
    ("parameters", "shown"),
    [
        ("pick=id,name", [{"id", "name"}]),
        ("pick=id,over", [{"id", "over"}, {"id", "type", "name", "crosses"}]),
        ("pick=id,over{id,name}&joinLevel=3", [{"id", "over"}, {"id", "name"}]),
        ("omit=type,over{name}", [{"id", "name", "over"}, {"id", "type", "crosses"}]),
    ],
)
async def test_projections_act_level_by_level(
    client: Client, parameters: str, shown: list[set[str]]
) -> None:
    await fill(client)
    answer = await client.get(f"{ENTITIES}?type=Gauge&join=flat&{parameters}")
    assert [each.keys() for each in answer.json()] == shown


async def test_features_are_joined_in_a_collection(client: Client) -> None:
    await fill(client)
    geo = {"accept": "application/geo+json"}
    answer = await client.get(f"{ENTITIES}/urn:gauge:1?join=flat", geo)
    collection = answer.json()
    assert collection["type"] == "FeatureCollection"
    assert [each["id"] for each in collection["features"]] == ["urn:gauge:1", "urn:bridge:1"]
    within = (await client.get(f"{ENTITIES}/urn:gauge:1?join=inline", geo)).json()
    assert within["properties"]["over"]["entity"]["id"] == "urn:bridge:1"


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ('over{name}=="bridge"', ["gauge"]),
        ("over{Bridge:name}", ["gauge"]),
        ("over{River,Bridge:name}", ["gauge"]),
        ("over{River:name}", []),
        ('crosses{name}=="river"', ["bridge"]),
        ('bridges{name}~="^b"', ["river"]),
        ('over{crosses{name}}=="river"', ["gauge"]),
        ('over{name}!="river"', ["gauge"]),
        ("!over{name}", ["bridge", "river"]),
        ('over{crosses{measured}}=="urn:gauge:1"|name=="river"', ["gauge", "river"]),
    ],
)
async def test_conditions_look_at_linked_entities(client: Client, q: str, found: list[str]) -> None:
    await fill(client)
    given = f"type=Gauge,Bridge,River&join=flat&joinLevel=2&pick=id&q={quote(q)}"
    answer = await client.get(f"{ENTITIES}?{given}")
    assert answer.status == 200, answer.body
    assert sorted(each["id"].split(":")[1] for each in answer.json()) == found


async def test_conditions_reach_as_far_as_is_joined(quick: Client) -> None:
    for given in ("", "&join=inline"):
        answer = await quick.get(f"{ENTITIES}?type=Gauge&q=a{{b{{c}}}}{given}")
        assert refusal(answer) == (400, "BadRequestData", "query:q")


async def meshed(client: Client) -> None:
    """Create seven entities, each linked with all others."""
    names = "abcdefg"
    for name in names:
        await client.post(ENTITIES, thing(name, to=to(*names.replace(name, ""))))


async def test_linked_entities_are_shown_within_up_to_a_number_in_all(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "MOST", 36)
    await meshed(client)
    for path in (f"{ENTITIES}/urn:a:1?join=inline", f"{ENTITIES}?q=to&join=inline&limit=1"):
        assert (await client.get(f"{path}&joinLevel=2")).status == 200
        answer = await client.get(f"{path}&joinLevel=3")
        assert refusal(answer) == (403, "TooManyResults", "query:join")
        assert (await client.get(f"{path.replace('inline', 'flat')}&joinLevel=6")).status == 200
