"""Codes are read in the pictures of phones whose browsers have no reader."""

import asyncio
from collections.abc import AsyncIterator
from threading import Event, Semaphore

import aiohttp
import pytest
import pytest_asyncio
import segno
from starlette.applications import Starlette

from apps.kijiko.app import STATIC, answered
from apps.kijiko.pages import camera
from apps.kijiko.pages.camera import AT_ONCE, Camera
from apps.shell.application import application
from tests.support.live import serve
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEXT = "豆腐屋 000201"
BLANK = b"\xff" * 400
READ = {"height": "20", "width": "20"}


@pytest_asyncio.fixture(loop_scope="module")
async def phone() -> AsyncIterator[aiohttp.ClientSession]:
    app: Starlette = application("kijiko", STATIC)
    app.add_route("/read", answered(Camera().read), methods=["POST"])
    async with serve(app) as url, aiohttp.ClientSession(url) as session:
        yield session


def picture(text: str) -> tuple[dict[str, str], bytes]:
    """Return the query and the body with a picture of a code, wider than high."""
    rows = [list(row) for row in segno.make_qr(text, encoding="utf-8").matrix_iter(3, 4)]
    grey = bytes(0 if dark else 255 for row in rows for dark in [*row, *[0] * 30])
    return {"height": str(len(rows)), "width": str(len(rows[0]) + 30)}, grey


async def test_code_in_a_picture_is_read(phone: aiohttp.ClientSession):
    query, body = picture(TEXT)
    async with phone.post("/read", params=query, data=body) as answer:
        assert (answer.status, await answer.text()) == (200, TEXT)


async def test_picture_without_a_code_has_no_text(phone: aiohttp.ClientSession):
    async with phone.post("/read", params=READ, data=BLANK) as answer:
        assert (answer.status, await answer.read()) == (204, b"")


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ({"height": "20", "width": "19"}, BLANK),
        ({"height": "20"}, BLANK),
        ({"height": "0", "width": "20"}, b""),
        ({"height": "-20", "width": "-20"}, BLANK),
        ({"height": "٢٠", "width": "20"}, BLANK),
        ({"height": "1", "width": "641"}, b"\xff" * 641),
        ({"height": "640", "width": "640"}, b"\xff" * (640 * 640 + 1)),
    ],
)
async def test_what_is_no_picture_of_its_size_is_refused(
    phone: aiohttp.ClientSession, query: dict[str, str], body: bytes
):
    async with phone.post("/read", params=query, data=body) as answer:
        assert answer.status == 400


async def test_pages_of_others_have_nothing_read(phone: aiohttp.ClientSession):
    elsewhere = {"Origin": "https://evil.example"}
    async with phone.post("/read", params=READ, data=BLANK, headers=elsewhere) as answer:
        assert answer.status == 403


async def test_picture_is_left_unread_while_as_many_as_may_are_read(
    phone: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
):
    begun, may_end = Semaphore(0), Event()

    def slow(*_: object) -> str:
        begun.release()
        assert may_end.wait(PATIENCE)
        return TEXT

    monkeypatch.setattr(camera, "code_in", slow)
    reading = [
        asyncio.ensure_future(phone.post("/read", params=READ, data=BLANK)) for _ in range(AT_ONCE)
    ]
    for _ in reading:
        assert await asyncio.to_thread(begun.acquire, timeout=PATIENCE)
    async with phone.post("/read", params=READ, data=BLANK) as one_more:
        assert one_more.status == 503
    may_end.set()
    assert [(await one).status for one in reading] == [200] * AT_ONCE
