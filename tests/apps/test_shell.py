"""What all pages share: pages for what goes wrong."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from apps.shell.headers import SecurityHeaders
from apps.shell.pages import HERE, TEXTS, equip
from tests.support.live import serve

WORDS = sorted(HERE.parent.glob("*/words/*.json"))
"""The sentences of all apps, a file for each app and language."""


async def _fail(request: Request) -> Response:
    raise RuntimeError("secret detail")


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    app = Starlette()
    app.add_route("/fails", _fail, methods=["GET"])
    equip(app)
    app.add_middleware(SecurityHeaders)
    async with serve(app) as url, aiohttp.ClientSession(url) as session:
        yield session


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("DELETE", "/fails", 405), ("GET", "/fails", 500)],
)
@pytest.mark.parametrize("language", ["ja", "en"])
async def test_trouble_is_told_on_a_page_that_keeps_the_rules(
    session: aiohttp.ClientSession, method: str, path: str, status: int, language: str
):
    async with session.request(method, path, params={"lang": language}) as answer:
        text = await answer.text()
        assert answer.status == status
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert TEXTS[language][f"error_{status}"] in text
    assert TEXTS[language]["demo"] in text
    assert "secret" not in text


async def test_a_method_that_a_page_does_not_know_is_answered_with_those_it_knows(
    session: aiohttp.ClientSession,
):
    async with session.delete("/fails") as answer:
        assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_both_languages_have_the_same_words():
    assert set(TEXTS["ja"]) == set(TEXTS["en"])


@pytest.mark.parametrize("path", WORDS, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_no_word_has_the_name_of_something_a_template_would_take_for_a_method(path: Path):
    assert json.loads(path.read_text()).keys() & {*dir(dict)} == set()
