"""Style sheets inside the broker's own pages, allowed to browsers by their digest."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from importlib.resources import files


def style_source(template: str) -> str:
    """Return the source by which a content security policy allows a template's style sheet."""
    text = files("broker.api").joinpath("templates", template).read_text(encoding="utf-8")
    _, _, begun = text.partition("<style>")
    style, _, _ = begun.partition("</style>")
    return f"'sha256-{b64encode(hashlib.sha256(style.encode()).digest()).decode()}'"
