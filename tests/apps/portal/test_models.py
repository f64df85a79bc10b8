"""The model browser, on a small registry of its own."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from apps.portal.app import PortalSettings, portal
from apps.portal.models import enumeration, json_type, own_first
from smart_data_models.model import Attribute, Model
from smart_data_models.registry import write
from tests.support.live import serve


def model(subject: str, name: str, origin: str, *attributes: Attribute) -> Model:
    """Return a model that says little."""
    return Model(
        subject,
        name,
        f"https://example.org/{name}",
        "1.2",
        f"About a <{name}>.",
        "CC0",
        origin,
        required=("level",),
        attributes=attributes,
    )


LEVEL = Attribute(
    "level", "https://example.org/level", "Property", {"type": "number"}, "Height", "m"
)
TREND = Attribute(
    "trend", "https://example.org/trend", "Property", {"type": "string", "enum": ["up", "down"]}
)


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[aiohttp.ClientSession]:
    path = tmp_path / "registry.sqlite"
    write([model("Alert", "Flood", "official"), model("Machi", "Gauge", "own", LEVEL, TREND)], path)
    settings = PortalSettings("http://127.0.0.1:1", "drill", registry=path)
    async with serve(portal(settings)) as url, aiohttp.ClientSession(url) as session:
        yield session


async def read(session: aiohttp.ClientSession, status: int = 200, **asked: str) -> str:
    """Return a page."""
    async with session.get("/models", params={"lang": "en", **asked}) as answer:
        assert answer.status == status
        return await answer.text()


async def test_own_models_come_first(session: aiohttp.ClientSession):
    text = await read(session)
    assert 0 < text.index("subject=Machi") < text.index("subject=Alert")


async def test_subject_lists_its_models(session: aiohttp.ClientSession):
    text = await read(session, subject="Alert")
    assert "subject=Alert&amp;model=Flood" in text
    assert "About a &lt;Flood&gt;." in text


async def test_model_shows_each_attribute_whole(session: aiohttp.ClientSession):
    text = await read(session, subject="Machi", model="Gauge")
    for part in (
        "https://example.org/Gauge",
        "https://example.org/level",
        "Property · number · m",
        "Height",
        "<span>up</span> <span>down</span>",
    ):
        assert part in text
    assert text.count(">required<") == 1


@pytest.mark.parametrize(("text", "found"), [("gauge", 1), ("about", 2), ("%", 0)])
async def test_search_finds_names_and_descriptions(
    session: aiohttp.ClientSession, text: str, found: int
):
    page = await read(session, q=text)
    assert f"Found {found}: {text}" in page
    assert page.count("&amp;model=") == found


@pytest.mark.parametrize("asked", [{"subject": "No"}, {"subject": "Machi", "model": "No"}])
async def test_what_is_not_there_is_404(session: aiohttp.ClientSession, asked: dict[str, str]):
    assert "There is no such page." in await read(session, 404, **asked)


async def test_search_is_shown_as_text(session: aiohttp.ClientSession):
    assert "<script>" not in await read(session, q="<script>")


async def test_without_a_registry_the_page_says_how_to_get_one(tmp_path: Path):
    settings = PortalSettings("http://127.0.0.1:1", "drill", registry=tmp_path / "none")
    async with serve(portal(settings)) as url, aiohttp.ClientSession(url) as session:
        assert "run make setup" in await read(session, 503)


@pytest.mark.parametrize(
    ("schema", "told", "values"),
    [
        ({"type": "string", "enum": ["a"]}, "string", ["a"]),
        ({"type": "array", "items": {"type": "number", "enum": [1]}}, "array of number", [1]),
        ({"type": "array"}, "array", []),
        ({"type": ["string", "null"]}, "string | null", []),
        ({"anyOf": [{"type": "string"}, {"type": "object"}]}, "string | object", []),
        ({}, "", []),
    ],
)
def test_schema_is_told_in_words(schema: dict[str, Any], told: str, values: list[Any]):
    assert json_type(schema) == told
    assert enumeration(schema) == values


def test_own_subject_goes_before_the_others_which_keep_their_order():
    assert own_first([("B", 1), ("Machi", 2), ("A", 3)]) == [("Machi", 2), ("B", 1), ("A", 3)]
