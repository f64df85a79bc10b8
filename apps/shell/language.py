"""The languages of the pages, and which one a request wants."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import orjson
from starlette.requests import Request

LANGUAGES: Final = ("ja", "en")


def words(folder: Path) -> dict[str, dict[str, str]]:
    """Return the sentences by language and key, from `<language>.json` in a folder."""
    return {
        language: orjson.loads((folder / f"{language}.json").read_bytes()) for language in LANGUAGES
    }


def language_of(request: Request) -> str:
    """Return the page's language: `?lang=`, else what the browser prefers, else Japanese."""
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        return asked
    first = request.headers.get("accept-language", "").split(",")[0][:2].lower()
    return first if first in LANGUAGES else "ja"


def other(language: str) -> str:
    """Return the language to switch to."""
    return next(name for name in LANGUAGES if name != language)
