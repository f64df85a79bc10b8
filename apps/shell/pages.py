"""Templates with the shared frame, and the page for what went wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from apps.shell.headers import HEADERS
from apps.shell.language import language_of, other, words

HERE: Final = Path(__file__).parent
TEXTS: Final = words(HERE / "words")
"""The frame's own sentences by language and key."""

TOLD: Final = (400, 404, 405, 500)
"""Statuses with a sentence of their own; others are told as 500 is."""


def templates(folder: Path) -> Environment:
    """Return an app's templates, with the frame's beside them."""
    found = Environment(
        loader=FileSystemLoader([folder, HERE / "templates"]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        auto_reload=False,
    )
    found.globals["shell"] = TEXTS
    found.globals["other"] = other
    return found


FRAME: Final = templates(HERE / "templates")


def trouble(status: int, language: str) -> HTMLResponse:
    """Return the page that says what went wrong and where to go on."""
    told = status if status in TOLD else 500
    page = FRAME.get_template("error.html").render(
        language=language, status=status, text=TEXTS[language][f"error_{told}"]
    )
    return HTMLResponse(page, status, headers={"Content-Language": language})


def equip(app: Starlette) -> None:
    """Give an app the frame's files and its pages for what goes wrong."""
    app.mount("/static/shell", StaticFiles(directory=HERE / "static"))
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(500, _failed)


async def _refused(request: Request, error: Exception) -> HTMLResponse:
    assert isinstance(error, HTTPException)
    page = trouble(error.status_code, language_of(request))
    page.headers.update(error.headers or {})
    return page


async def _failed(request: Request, error: Exception) -> HTMLResponse:
    """Answer for a failure; no middleware sees this answer, so that it brings the headers along."""
    page = trouble(500, language_of(request))
    page.raw_headers.extend(HEADERS)
    return page
