"""The page of the past: the town at a moment, and the slider that leads there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from apps.portal.past import town_at
from apps.portal.past_view import past_view
from apps.portal.periods import UnclearPeriod, moment_of
from apps.portal.state import TenantState
from apps.portal.texts import TEXTS
from apps.portal.times import JST
from apps.portal.town_map import town_map
from apps.shell.language import language_of
from apps.shell.pages import trouble
from broker.client import Client, ClientError, NotFound


def of_the_past(asked: Mapping[str, str]) -> bool:
    """Tell whether a request asks for another moment than now."""
    return "at" in asked or "day" in asked


async def past_page(request: Request) -> Response:
    """Return the town at `?at=`; `?day=` and `?minute=`, as the form sends them, lead there."""
    state, language, asked = request.app.state, language_of(request), request.query_params
    now = state.pages.now()
    try:
        at = moment_of(asked["at"], now) if "at" in asked else _chosen(asked, now)
    except UnclearPeriod:
        return trouble(400, language)
    at = at.replace(second=0, microsecond=0)
    if at >= now.replace(second=0, microsecond=0):
        return RedirectResponse(f"/?lang={language}", 303)
    if "at" not in asked:
        return RedirectResponse(address(at, language), 303)
    hub = state.hub
    try:
        real, drill = await asyncio.gather(
            state.kept.get(("past", "real", at), lambda: _town(state.town, hub.real, at)),
            state.kept.get(("past", "drill", at), lambda: _town(state.drill, hub.drill, at)),
        )
    except ClientError:
        return trouble(503, language)
    view = past_view(real, drill, language, at)
    page = state.pages.template("past.html").render(
        t=TEXTS[language],
        language=language,
        view=view,
        map=town_map(view["shelters"], view["bridge"]),
        path=address(at),
        today=f"{now.astimezone(JST):%Y-%m-%d}",
    )
    return HTMLResponse(page, headers={"Content-Language": language, "Vary": "Accept-Language"})


def address(at: datetime, language: str = "") -> str:
    """Return where the town of a moment is shown."""
    asked = {"at": f"{at.astimezone(JST):%Y-%m-%dT%H:%M}", "lang": language}
    return "/?" + urlencode({name: text for name, text in asked.items() if text}, safe=":")


async def _town(client: Client, present: TenantState, at: datetime) -> TenantState:
    try:
        return await town_at(client, present, at)
    except NotFound:
        return TenantState()


def _chosen(asked: Mapping[str, str], now: datetime) -> datetime:
    """Return the moment of a day and a minute of it; raises UnclearPeriod."""
    minute = asked.get("minute", "0")
    if not minute.isdecimal() or len(minute) > 4 or int(minute) >= 24 * 60:
        raise UnclearPeriod("period_no_time")
    return moment_of(f"{asked['day']}T{int(minute) // 60:02}:{int(minute) % 60:02}", now)
