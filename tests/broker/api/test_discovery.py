"""`/types` and `/attributes` (§5.7.5 to §5.7.10)."""

from typing import Any
from urllib.parse import quote

import pytest

from broker.store.sqlite import census
from tests.broker.api.data import DEFAULT_CONTEXT, EX, OPERATIONS, V1, gauge, refusal
from tests.support.asgi import Client

TYPES, ATTRIBUTES = f"{V1}/types", f"{V1}/attributes"
ENTITIES: list[dict[str, Any]] = [
    gauge(1, 1, name="a"),
    gauge(2, {"object": "urn:x:1"}),
    {
        "id": "urn:b:1",
        "type": ["Bridge", "Gauge"],
        "level": [1, {"value": 2, "datasetId": "urn:d"}],
    },
    {"id": "urn:b:2", "type": "Bare", "scope": "/a"},
]


def iri(name: str) -> str:
    """Return the IRI of a name."""
    return DEFAULT_CONTEXT + name


@pytest.fixture
async def filled(client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Return a broker with some entities, which SQLite counts three at a time."""
    monkeypatch.setattr(census, "SLICE", 3)
    assert (await client.post(f"{OPERATIONS}/create", ENTITIES)).status == 201
    return client


async def test_names_are_listed(filled: Client) -> None:
    types = await filled.get(f"{TYPES}?count=true")
    assert types.json()["type"] == "EntityTypeList"
    assert types.json()["typeList"] == ["Bare", "Bridge", "Gauge"]
    assert types.header("ngsild-results-count") == "3"
    attributes = (await filled.get(ATTRIBUTES)).json()
    assert attributes["type"] == "AttributeList"
    assert attributes["attributeList"] == ["level", "name"]


async def test_lists_tell_more_of_each(filled: Client) -> None:
    assert (await filled.get(f"{TYPES}?details=true")).json() == [
        {"id": iri("Bare"), "type": "EntityType", "typeName": "Bare", "attributeNames": []},
        {"id": iri("Bridge"), "type": "EntityType", "typeName": "Bridge",
         "attributeNames": ["level"]},
        {"id": iri("Gauge"), "type": "EntityType", "typeName": "Gauge",
         "attributeNames": ["level", "name"]},
    ]  # fmt: skip
    assert (await filled.get(f"{ATTRIBUTES}?details=true")).json() == [
        {"id": iri("level"), "type": "Attribute", "attributeName": "level",
         "typeNames": ["Bridge", "Gauge"]},
        {"id": iri("name"), "type": "Attribute", "attributeName": "name", "typeNames": ["Gauge"]},
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["Gauge", quote(iri("Gauge"), safe="")])
async def test_a_type_is_described(filled: Client, name: str) -> None:
    assert (await filled.get(f"{TYPES}/{name}")).json() == {
        "id": iri("Gauge"),
        "type": "EntityTypeInfo",
        "typeName": "Gauge",
        "entityCount": 3,
        "attributeDetails": [
            {"id": iri("level"), "type": "Attribute", "attributeName": "level",
             "attributeTypes": ["Property", "Relationship"]},
            {"id": iri("name"), "type": "Attribute", "attributeName": "name",
             "attributeTypes": ["Property"]},
        ],
    }  # fmt: skip


async def test_an_attribute_is_described(filled: Client) -> None:
    assert (await filled.get(f"{ATTRIBUTES}/level")).json() == {
        "id": iri("level"),
        "type": "Attribute",
        "attributeName": "level",
        "attributeCount": 4,
        "attributeTypes": ["Property", "Relationship"],
        "typeNames": ["Bridge", "Gauge"],
    }


async def test_what_is_gone_is_not_known_any_more(filled: Client) -> None:
    await filled.request("DELETE", f"{V1}/entities/urn:b:2")
    await filled.request("DELETE", f"{V1}/entities/{gauge(1)['id']}/attrs/name")
    for path in (f"{TYPES}/Bare", f"{ATTRIBUTES}/name"):
        answer = await filled.get(path)
        assert refusal(answer)[:2] == (404, "ResourceNotFound")
    assert (await filled.get(TYPES)).json()["typeList"] == ["Bridge", "Gauge"]


async def test_unlisted_type_is_in_no_list_and_can_still_be_queried(filled: Client) -> None:
    assert (await filled.put(f"{EX}/typeRules/Gauge", {"unlisted": True})).status == 204
    assert (await filled.get(TYPES)).json()["typeList"] == ["Bare", "Bridge"]
    assert refusal(await filled.get(f"{TYPES}/Gauge"))[0] == 404
    named = (await filled.get(f"{ATTRIBUTES}?details=true")).json()
    assert {one["attributeName"]: one["typeNames"] for one in named} == {"level": ["Bridge"]}
    assert len((await filled.get(f"{V1}/entities?type=Gauge")).json()) == 3


async def test_each_element_has_its_context(filled: Client) -> None:
    answer = await filled.get(f"{TYPES}?details=true", {"accept": "application/ld+json"})
    assert all("@context" in each for each in answer.json())
    assert "@context" in (await filled.get(TYPES, {"accept": "application/ld+json"})).json()


@pytest.mark.parametrize(
    ("path", "refused"),
    [
        (f"{TYPES}?details=maybe", (400, "BadRequestData", "query:details")),
        (f"{TYPES}?limit=5", (400, "InvalidRequest", "query:limit")),
        (f"{TYPES}/Gauge?details=true", (400, "InvalidRequest", "query:details")),
        (f"{TYPES}/a-b", (400, "BadRequestData", "path:type")),
        (f"{ATTRIBUTES}/none", (404, "ResourceNotFound", "path:attrId")),
        (f"{ATTRIBUTES}/type", (404, "ResourceNotFound", "path:attrId")),
        (f"{ATTRIBUTES}/a%20b", (400, "BadRequestData", "path:attrId")),
    ],
)
async def test_what_cannot_be_answered_is_said(
    quick: Client, path: str, refused: tuple[int, str, str]
) -> None:
    assert refusal(await quick.get(path)) == refused
