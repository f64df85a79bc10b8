"""The pinned @context as it was released; `smart_data_models.vocabulary` makes it."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

NAME: Final = "context-1.jsonld"


def pinned() -> bytes:
    """Return the pinned context document."""
    return files("smart_data_models").joinpath(NAME).read_bytes()
