"""Codes as links, for a phone's own camera app, which opens addresses and nothing else (pure)."""

from __future__ import annotations

from urllib.parse import parse_qs, quote, urlsplit

PATH = "/pay"


def link(home: str, code: str) -> str:
    """Return the address at which a citizen's phone is asked to pay what a shop's code says."""
    return f"{home}{PATH}?code={quote(code, safe='')}"


def code_in(text: str) -> str:
    """Return the code that a scanned text carries: of such a link its code, of others all of it.

    Whose link it is does not matter: what pays is the code, and that is checked by itself.
    """
    text = text.strip()
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    if parts.scheme not in ("http", "https") or not parts.path.endswith(PATH):
        return text
    return parse_qs(parts.query).get("code", [text])[0]
