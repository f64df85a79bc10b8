"""From the town of a moment to what the page of the past shows, in one language. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from apps.portal.each import each, place_of
from apps.portal.state import LIGHT, SHELTER, STATION, TenantState
from apps.portal.texts import TEXTS
from apps.portal.times import JST, local_time
from apps.portal.town_map import numbered
from apps.portal.view import View, shelter_view, situation
from broker.client import Entity, observed_at

RECENT: Final = timedelta(hours=24)
"""How old a drill's levels may be for the drill to be shown."""

STEP: Final = 10
"""Minutes between two places of the slider."""

UNKNOWN: Final = {"openState": {"type": "Property", "value": "unknown"}}


def past_view(real: TenantState, drill: TenantState, language: str, at: datetime) -> View:
    """Return what the page shows of a moment; of the drill's river only where it has levels."""
    parts = {"real": _part(real, language, at)}
    if _measured(drill, at):
        parts["drill"] = _part(drill, language, at)
    shelters = each(real.of_type(SHELTER), lambda s: shelter_view({**UNKNOWN, **s}, language))
    lit = next((kind for kind in ("real", "drill") if parts.get(kind, {}).get("light")), None)
    return {
        "parts": parts,
        "lit": lit,
        "shelters": numbered(shelters),
        "bridge": _bridge(real),
        "text": local_time(at)[:16],
        **slider(at),
    }


def slider(at: datetime) -> dict[str, Any]:
    """Return the day and the minute of the day at which the slider stands."""
    local = at.astimezone(JST)
    minute = (local.hour * 60 + local.minute) // STEP * STEP
    return {
        "day": f"{local:%Y-%m-%d}",
        "minute": minute,
        "clock": f"{minute // 60:02}:{minute % 60:02}",
    }


def _part(state: TenantState, language: str, at: datetime) -> View:
    """Return the river of a moment; its stage and light are None where history has none."""
    shown = situation(state, language, at)
    station = shown["station"]
    stations = {one["id"]: one for one in state.of_type(STATION)}
    if station is not None and "stageStep" not in stations[station["id"]]:
        shown["stage"] = None
    for one in (station, *shown["stations"]):
        if one is not None and one["level"] is None:
            one |= {"levelText": TEXTS[language]["no_record"], "note": ""}
    light = next(iter(state.of_type(LIGHT)), {})
    if not {"colour", "reportedColour"} & light.keys():
        shown["light"] = None
    told = shown["light"] or shown["alerts"] or shown["orders"]
    shown["known"] = bool(told) or any(one["level"] is not None for one in shown["stations"])
    return shown


def _measured(state: TenantState, at: datetime) -> bool:
    """Tell whether any level was measured shortly before a moment."""
    times = [observed_at(station, "waterLevel") for station in state.of_type(STATION)]
    return any(time and at - datetime.fromisoformat(time) <= RECENT for time in times)


def _bridge(state: TenantState) -> tuple[float, float] | None:
    light: Entity = next(iter(state.of_type(LIGHT)), {})
    place = place_of(light)
    return (place[0], place[1]) if place else None
