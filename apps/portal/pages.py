"""The town's page, its parts, and its light copy, rendered from what the hub knows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from jinja2 import Template

from apps.alerts.drill import drill_clock
from apps.portal.curve import curve
from apps.portal.each import each
from apps.portal.hub import Hub
from apps.portal.past_view import slider
from apps.portal.state import STATION, TenantState
from apps.portal.texts import TEXTS
from apps.portal.times import local_time
from apps.portal.town_map import town_map
from apps.portal.view import View, live_view, town_view
from apps.shell.pages import templates

HERE: Final = Path(__file__).parent

KEPT: Final = 5.0
"""Seconds for which the light page and the curves are given again as they are."""

SCRIPT_WORDS: Final = (
    *("seconds", "minutes", "hours", "days"),
    *("state_live", "state_poll", "state_stale", "published_at"),
)


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


class Pages:
    """Renders the pages; `clock` gives the present moment."""

    def __init__(self, hub: Hub, clock: Callable[[], datetime] = utc_now) -> None:
        self._hub = hub
        self._clock = clock
        self._templates = templates(HERE / "templates")
        self._kept: dict[tuple[str, str], tuple[datetime, int, str]] = {}
        self._told: dict[str, tuple[int, bytes]] = {}

    def template(self, name: str) -> Template:
        """Return a page's template."""
        return self._templates.get_template(name)

    def now(self, kind: str = "real") -> datetime:
        """Return the present moment, of the drill's river that of its own clock."""
        now = self._clock()
        for entity in self._hub.drill.of_type("Drill") if kind == "drill" else ():
            clock = drill_clock(entity)
            now = clock.time(now) if clock else now
        return now

    def view(self, language: str) -> View:
        """Return the changing part of the page."""
        return town_view(self._hub.real, self._hub.drill, language, self._clock())

    def event(self, language: str) -> bytes:
        """Return the event that tells of the hub's present version; all listeners share it."""
        version, told = self._told.get(language, (-1, b""))
        if version != self._hub.version:
            parts = live_view(self._hub.real, self._hub.drill, language, self._clock())
            version, told = (
                self._hub.version,
                b"event: town\ndata: " + orjson.dumps(parts) + b"\n\n",
            )
            self._told[language] = version, told
        return told

    def page(self, language: str) -> str:
        """Return the page."""
        view = self.view(language)
        light = view["situations"]["real"]["light"]
        bridge = tuple(light["position"]) if light and light["position"] else None
        return self.template("page.html").render(
            t=TEXTS[language],
            language=language,
            view=view,
            curves={kind: self._curves(kind, language) for kind in view["situations"]},
            map=town_map(view["shelters"], bridge),
            where=slider(self._clock()),
            words=orjson.dumps({key: TEXTS[language][key] for key in SCRIPT_WORDS}).decode(),
        )

    def curves(self, kind: str, language: str) -> str:
        """Return the curves of the real river or of the drill's, as a part of the page."""
        return self._once(
            (kind, language),
            self._state(kind).levels.version,
            lambda: self.template("curves.html").render(
                t=TEXTS[language],
                language=language,
                kind=kind,
                curves=self._curves(kind, language),
            ),
        )

    def snapshot(self, language: str) -> str:
        """Return the light page: the same for all who ask within a few seconds."""
        return self._once(("snapshot", language), 0, lambda: self._snapshot(language))

    def _snapshot(self, language: str) -> str:
        return self.template("snapshot.html").render(
            t=TEXTS[language],
            language=language,
            view=self.view(language),
            made=local_time(self._clock()),
        )

    def _once(self, key: tuple[str, str], version: int, render: Callable[[], str]) -> str:
        """Render what is asked for, or return what was rendered of this version moments ago."""
        now = self._clock()
        at, known, text = self._kept.get(key, (now, version, ""))
        if not text or known != version or not 0 <= (now - at).total_seconds() < KEPT:
            text = render()
            self._kept[key] = now, version, text
        return text

    def _state(self, kind: str) -> TenantState:
        return self._hub.drill if kind == "drill" else self._hub.real

    def _curves(self, kind: str, language: str) -> list[dict[str, Any]]:
        """Return the curves of a tenant's stations; those with thresholds first."""
        state, now = self._state(kind), self.now(kind)
        stations = state.of_type(STATION)
        found = each(stations, lambda one: curve(one, state.levels, language, now))
        return sorted(found, key=lambda one: not one["rated"])
