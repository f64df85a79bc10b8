"""From entities to what the page shows, in one language. Pure.

The same plain data fill the template at first and update the open page afterwards.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from apps.alerts.current import orders_now
from apps.alerts.drill import DrillClock, drill_clock
from apps.alerts.evacuation import CANCELLATION
from apps.alerts.lights import look_for
from apps.alerts.metres import metres_of
from apps.alerts.stage import table_at, tables_from
from apps.alerts.texts import step_name
from apps.portal.each import each, place_of, shown
from apps.portal.levels import quality_of, stale_after_of
from apps.portal.light import alert_legend, light_view
from apps.portal.scale import gauge_scale
from apps.portal.state import LIGHT, ORDER, SHELTER, STATION, TenantState
from apps.portal.texts import (
    HAZARDS,
    OPEN_STATES,
    PROVENANCES,
    QUALITIES,
    SHELTER_KINDS,
    TEXTS,
    light_words,
    name_of,
    word,
)
from apps.portal.times import age_text, told_time
from apps.portal.town_map import numbered
from broker.client import Entity, observed_at, value

View = dict[str, Any]
MOST_AHEAD: Final = 300.0
"""Seconds by which a level's time may lie ahead of now; further ahead it tells nothing of now."""


def town_view(real: TenantState, drill: TenantState, language: str, now: datetime) -> View:
    """Return all that the page shows of the town."""
    shelters = each(real.of_type(SHELTER), lambda shelter: shelter_view(shelter, language))
    return {**live_view(real, drill, language, now), "shelters": numbered(shelters)}


def live_view(real: TenantState, drill: TenantState, language: str, now: datetime) -> View:
    """Return what changes on the page while it is open."""
    drills = [clock for entity in drill.of_type("Drill") if (clock := drill_clock(entity))]
    clock = drills[0] if drills and drills[0].shown(now) else None
    running = clock is not None and clock.running(now)
    return {
        "now": now.isoformat(),
        "connected": real.connected and drill.connected,
        "drill": "running" if running else ("ended" if clock else "none"),
        "drillText": _drill_text(clock, running, language),
        "clock": _clock(clock),
        "alertLevels": alert_legend(language),
        "situations": {
            "real": situation(real, language, now),
            "drill": situation(drill, language, clock.time(now) if clock else now, now),
        },
    }


def situation(
    state: TenantState, language: str, now: datetime, real: datetime | None = None
) -> View:
    """Return a tenant's river: the lit bridge's gauge, stage, light, all gauges, what is issued.

    `now` is the time by which ages are told: the drill's own clock in a drill. A light reports in
    `real` time, in a drill too.
    """
    lights = state.of_type(LIGHT)
    stations = state.of_type(STATION)
    light = lights[0] if lights else None
    lit = value(light, "refStation") if light else None
    main = next((s for s in stations if s["id"] == lit), stations[0] if stations else None)
    orders, alerts = orders_now(state.of_type(ORDER), real or now), state.of_type("Alert")
    station = shown(main, lambda one: _station(one, language, now))
    return {
        "known": station is not None,
        "curve": state.levels.version,
        "station": station,
        "stage": shown(main, lambda one: _stage(one, language)),
        "light": shown(light, lambda one: light_view(one, language, real or now)),
        "rules": [] if main is None or light is None else _rules(main, light, language, now),
        "stations": each(stations, lambda one: _station(one, language, now)),
        "orders": each(orders, lambda one: _order(one, language)),
        "alerts": each(
            (one for one in alerts if value(one, "alertState") == "active"),
            lambda one: _alert(one, language),
        ),
    }


def _station(station: Entity, language: str, now: datetime) -> View:
    text = TEXTS[language]
    at = observed_at(station, "waterLevel")
    level = metres_of(station) if at else None
    moment = datetime.fromisoformat(at) if at else None
    stale_after = stale_after_of(station)
    age = (now - moment).total_seconds() if moment else None
    stale = age is not None and not -MOST_AHEAD <= age <= stale_after
    quality = quality_of(station)
    return {
        "id": station["id"],
        "name": name_of(station, "name", language),
        "level": level,
        "levelText": text["no_data"] if level is None else f"{level:.2f} m",
        "observedAt": None if level is None else at,
        "observedText": told_time(at),
        "ageText": "" if age is None else age_text(age, language),
        "stale": stale,
        "staleText": text["stale"] if stale else "",
        "staleAfter": stale_after,
        "note": _note(station, quality, language),
        "scale": gauge_scale(station, level),
        "position": place_of(station),
    }


def _note(station: Entity, quality: str, language: str) -> str:
    instance = station.get("waterLevel")
    provenance = value(instance, "provenance") if isinstance(instance, dict) else None
    if provenance:
        return word(PROVENANCES, str(provenance), language)
    return "" if quality == "good" else word(QUALITIES, quality, language)


def _stage(station: Entity, language: str) -> View:
    step = str(value(station, "stageStep", "normal"))
    stage = value(station, "stage", 0)
    name = step_name(step)[language]
    level = TEXTS[language]["stage_level"].format(stage=stage)
    at = told_time(value(station, "stageSince"))
    return {
        "step": step,
        "text": name + (level if stage else ""),
        "sinceText": "" if not at else (f"{at} から" if language == "ja" else f"since {at}"),
    }


def _rules(station: Entity, light: Entity, language: str, now: datetime) -> list[View]:
    """Return what the light means: one line per step of the threshold table in force."""
    try:
        table = table_at(tables_from(value(station, "stageTable")), now)
    except ValueError:
        table = None
    looks = value(light, "lookTable")
    rules = []
    for step in table.steps if table else ():
        look = look_for(step.name, looks, now)
        rules.append(
            {
                "step": step.name,
                "level": f"{step.level:.2f} m",
                "name": step_name(step.name)[language],
                "colour": look.colour,
                "effect": look.effect,
                "words": light_words(look.colour, look.effect, language),
            }
        )
    return rules


def _alert(alert: Entity, language: str) -> View:
    return {
        "id": alert["id"],
        "text": name_of(alert, "headline", language),
        "issuedText": told_time(value(alert, "dateIssued")),
    }


def _order(order: Entity, language: str) -> View:
    """Return a published evacuation information; `lifted` where it ends the one before."""
    body = value(order, "body")
    return {
        "id": order["id"],
        "level": value(order, "alertLevel"),
        "lifted": value(order, "informationKind") == CANCELLATION,
        "text": name_of(order, "headline", language),
        "body": name_of(order, "body", language) if body else "",
        "issuedText": told_time(value(order, "issuedAt")),
    }


def shelter_view(shelter: Entity, language: str) -> View:
    """Return a shelter as lists show it."""
    hazards = _list(shelter, "hazardTypes")
    state = str(value(shelter, "openState", "closed"))
    return {
        "id": shelter["id"],
        "name": name_of(shelter, "name", language),
        "kinds": [word(SHELTER_KINDS, kind, language) for kind in _list(shelter, "shelterKind")],
        "hazards": [word(HAZARDS, hazard, language) for hazard in hazards],
        "flood": "flood" in hazards,
        "state": state,
        "stateText": word(OPEN_STATES, state, language),
        "position": place_of(shelter),
    }


def _list(entity: Entity, name: str) -> list[str]:
    found = value(entity, name) or []
    return [str(one) for one in found] if isinstance(found, list) else [str(found)]


def _drill_text(clock: DrillClock | None, running: bool, language: str) -> str:
    if clock is None:
        return ""
    return TEXTS[language]["drill_running" if running else "drill_ended"]


def _clock(clock: DrillClock | None) -> View | None:
    if clock is None:
        return None
    return {
        "startedAt": clock.started_at.isoformat(),
        "playedFrom": clock.played_from.isoformat(),
        "playedUntil": clock.played_until.isoformat(),
        "speed": clock.speed,
    }
