"""What an HTTP status says about a delivery (pure)."""

from __future__ import annotations

from http import HTTPStatus

from broker.subscriptions.delivery.policy import Fate, Tried

_LATER = frozenset((408, 425, 429))


def judge(status: int, after: float = 0.0) -> Tried:
    """Return what an answer means; `after` is what Retry-After asks for, in seconds."""
    if 200 <= status < 300:
        return Tried(Fate.DELIVERED)
    words = f"The receiver answers {status}{_phrase(status)}."
    if status == 410:
        return Tried(Fate.GONE, words)
    if status >= 500 or status in _LATER:
        return Tried(Fate.NOT_NOW, words, after)
    if 300 <= status < 400:
        words = f"{words[:-1]}; notifications do not follow redirects."
    return Tried(Fate.REFUSED, words)


def retry_after(value: str) -> float:
    """Return the seconds of a Retry-After header; 0 where it is a date or nonsense."""
    return float(value) if value.isascii() and value.isdigit() and len(value) < 7 else 0.0


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""
