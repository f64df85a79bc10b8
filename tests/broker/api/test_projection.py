"""What of entities is shown: pick, omit, datasetId, lang, GeoJSON (§4.15, §4.21, §4.5.16)."""

from typing import Any

import pytest

from tests.broker.api.data import ENTITIES, gauge, refusal, urn
from tests.support.asgi import Client

GEO = {"accept": "application/geo+json"}
HERE = {"type": "Point", "coordinates": [130.757, 32.213]}
ONE = gauge(
    1,
    3.5,
    scope="/a",
    label={"languageMap": {"ja": "川", "en": ["river", "stream"], "@none": "-"}},
    reading=[1, {"value": 2, "datasetId": "urn:ds:b"}],
    place=HERE,
)


async def shown(client: Client, parameters: str, **headers: str) -> Any:
    """Return what a query shows of the one gauge."""
    answer = await client.get(f"{ENTITIES}?type=Gauge&format=simplified&{parameters}", headers)
    assert answer.status == 200, answer.body
    return answer.json()


@pytest.mark.parametrize(
    ("parameters", "members"),
    [
        ("pick=id,level", {"id", "level"}),
        ("pick=id|type|scope", {"id", "type", "scope"}),
        ("pick=level", {"level"}),
        ("omit=id,type,scope,label,reading,place", {"level"}),
        ("omit=level", {"id", "type", "scope", "label", "reading", "place"}),
        ("pick=id,level,place&omit=label", {"id", "level", "place"}),
        ("attrs=level", {"id", "type", "scope", "level"}),
        ("datasetId=urn:ds:b", {"id", "type", "scope", "reading"}),
    ],
)
async def test_members_are_kept_and_left_out(
    quick: Client, parameters: str, members: set[str]
) -> None:
    await quick.post(ENTITIES, ONE)
    (one,) = await shown(quick, parameters)
    assert one.keys() == members
    answer = await quick.get(f"{ENTITIES}/{urn(1)}?{parameters}")
    assert answer.json().keys() == members


async def test_entities_without_anything_picked_are_not_on_the_page(client: Client) -> None:
    await client.post(ENTITIES, ONE)
    await client.post(ENTITIES, gauge(2, 1))
    assert await shown(client, "pick=label,absent&lang=ja") == [{"label": "川"}]
    assert await shown(client, "pick=scope") == [{"scope": "/a"}]
    for named in ("pick=label", "omit=id,type,level"):
        answer = await client.get(f"{ENTITIES}/{urn(2)}?{named}")
        assert refusal(answer) == (404, "ResourceNotFound", f"query:{named.partition('=')[0]}")


@pytest.mark.parametrize(
    ("parameters", "place"),
    [
        ("pick=id&omit=id", "query:omit"),
        ("pick=id&attrs=level", "query:attrs"),
        ("omit=id&attrs=level", "query:attrs"),
        ("pick=id,,level", "query:pick"),
        ("pick=", "query:pick"),
        ("pick=a-b", "query:pick"),
        ("pick=a,a", "query:pick"),
        ("pick=a{b}", "query:pick"),
        ("pick=a{b{c}}&join=inline", "query:pick"),
        ("omit=a{b", "query:omit"),
        ("omit=a}b", "query:omit"),
        ("omit=id{b}&join=flat", "query:omit"),
        ("datasetId=x", "query:datasetId"),
        ("lang=1", "query:lang"),
        ("join=outer", "query:join"),
        ("join=inline&joinLevel=0", "query:joinLevel"),
        ("joinLevel=1", "query:joinLevel"),
        ("containedBy=urn:x:1", "query:containedBy"),
        ("join=flat&containedBy=x", "query:containedBy"),
    ],
)
async def test_what_is_no_view_is_refused_with_its_place(
    quick: Client, parameters: str, place: str
) -> None:
    answer = await quick.get(f"{ENTITIES}?type=Gauge&{parameters}")
    assert refusal(answer) == (400, "BadRequestData", place)


@pytest.mark.parametrize(
    ("lang", "text", "chosen"),
    [
        ("ja", "川", "ja"),
        ("en-GB", ["river", "stream"], "en"),
        ("fr;q=0.9,en;q=0.8", ["river", "stream"], "en"),
        ("en;q=0.1,JA", "川", "ja"),
        ("fr", "-", "@none"),
        ("*", "-", "@none"),
        ("ja;q=0,fr", "-", "@none"),
    ],
)
async def test_a_language_is_chosen(quick: Client, lang: str, text: Any, chosen: str) -> None:
    await quick.post(ENTITIES, ONE)
    (one,) = await shown(quick, f"lang={lang}")
    assert one["label"] == text
    whole = (await quick.get(f"{ENTITIES}/{urn(1)}?lang={lang}")).json()
    assert whole["label"] == {"type": "Property", "value": text, "lang": chosen}
    concise = (await quick.get(f"{ENTITIES}/{urn(1)}?lang={lang}&format=concise")).json()
    assert concise["label"] == {"value": text, "lang": chosen}


async def test_a_feature_is_projected_and_keeps_its_geometry(quick: Client) -> None:
    await quick.post(ENTITIES, ONE)
    answer = await quick.get(
        f"{ENTITIES}/{urn(1)}?pick=id,level&format=simplified&geometryProperty=place", GEO
    )
    feature = answer.json()
    assert (feature["geometry"], feature["properties"]) == (HERE, {"level": 3.5})
    assert "@context" in feature
    plain = await quick.get(f"{ENTITIES}/{urn(1)}", {**GEO, "prefer": "body=json"})
    assert "@context" not in plain.json()
    assert "json-ld#context" in (plain.header("link") or "")
