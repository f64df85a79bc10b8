"""Files are written page by page and are the same however small the pages."""

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from apps.portal.downloads import comma_separated, file_name, geo_json, json_ld
from broker.client import Client
from tests.support.live import live_broker


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with live_broker(tmp_path) as url, Client(url) as client:
        await client.upsert(
            [
                {
                    "id": f"urn:x:{number}",
                    "type": "T",
                    f"a{number}": {"type": "Property", "value": number},
                }
                for number in range(5)
            ]
        )
        yield client


@pytest.mark.parametrize("size", [1, 2, 5, 6])
async def test_pages_join_to_one_document(client: Client, size: int):
    ids = [f"urn:x:{number}" for number in range(5)]
    whole = b"".join([chunk async for chunk in json_ld(client, "T", size)])
    assert [entity["id"] for entity in orjson.loads(whole)] == ids
    whole = b"".join([chunk async for chunk in geo_json(client, "T", size)])
    assert [feature["id"] for feature in orjson.loads(whole)["features"]] == ids


async def test_table_has_the_columns_of_all_pages_and_one_header(client: Client):
    chunks = [chunk async for chunk in comma_separated(client, "T", 2)]
    assert len(chunks) == 3
    lines = b"".join(chunks).decode().splitlines()
    assert lines[0] == "id,type,a0,a1,a2,a3,a4"
    assert lines[5] == "urn:x:4,T,,,,,4"
    assert len(lines) == 6


async def test_type_without_entities_is_an_empty_document(client: Client):
    for write in (json_ld, geo_json):
        whole = orjson.loads(b"".join([chunk async for chunk in write(client, "None", 2)]))
        assert whole in ([], {"type": "FeatureCollection", "features": []})


@pytest.mark.parametrize(
    ("type", "name"),
    [
        ("Alert", "Alert.csv"),
        ("https://example.org/models#River", "River.csv"),
        ('"\r\nX: y', "---X--y.csv"),
        ("https://", "https-.csv"),
    ],
)
def test_file_name_is_plain(type: str, name: str):
    assert file_name(type, "csv") == name
