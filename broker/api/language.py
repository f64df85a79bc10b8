"""In which of our two languages a request is answered."""

from __future__ import annotations

from broker.api.request import Request
from broker.subscriptions.explain_words import Language


def language(request: Request) -> Language:
    """Return Japanese or English: the parameter `lang`, else what Accept-Language names first."""
    accepted = request.headers.get(b"accept-language", b"").decode("latin-1").lower()
    asked = request.query.get("lang", accepted.strip()[:2])
    return "ja" if asked == "ja" else "en"
