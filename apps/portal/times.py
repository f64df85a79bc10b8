"""Moments and ages as the page writes them. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

from apps.alerts.moments import moment_of
from apps.portal.texts import TEXTS

JST: Final = timezone(timedelta(hours=9))


def local_time(moment: datetime) -> str:
    """Return a moment in Japan's time, as the page writes it."""
    return moment.astimezone(JST).strftime("%Y-%m-%d %H:%M:%S JST")


def told_time(text: object) -> str:
    """Return a time that an entity tells as the page writes it; nothing for what is no time."""
    try:
        return local_time(moment_of(text))
    except (OverflowError, ValueError):
        return ""


def age_text(seconds: float, language: str) -> str:
    """Return how long ago something was, in the largest fitting unit."""
    text = TEXTS[language]
    space = "" if language == "ja" else " "
    for limit, unit, name in ((120, 1, "seconds"), (7200, 60, "minutes"), (172800, 3600, "hours")):
        if seconds < limit:
            return f"{max(0, int(seconds // unit))}{space}{text[name]}"
    return f"{int(seconds // 86400)}{space}{text['days']}"
