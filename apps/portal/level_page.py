"""The page of a gauge's level over any period, with its thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from apps.portal.figures import figures
from apps.portal.hub import Hub
from apps.portal.period_curve import period_curve
from apps.portal.periods import LENGTHS, OWN, Period, UnclearPeriod, period_of
from apps.portal.state import STATION
from apps.portal.texts import TEXTS, name_of
from apps.portal.times import JST, local_time
from apps.shell.language import language_of
from apps.shell.pages import trouble
from broker.client import ClientError, Entity, Forbidden, value

KINDS: Final = ("real", "drill")
MINUTE: Final = timedelta(minutes=1)
"""How finely the end of a period is told: all who ask within one see the same."""


async def levels_page(request: Request) -> Response:
    """Return the page: `?of=` real or drill/station, `?period=`, `?from=`, `?to=`."""
    state, language, asked = request.app.state, language_of(request), request.query_params
    stations = stations_of(state.hub)
    of = asked.get("of") or next(iter(stations), "")
    if "of" in asked and of not in stations:
        return trouble(404, language)
    kind = of.partition("/")[0] or "real"
    now = state.pages.now(kind).replace(second=0, microsecond=0) + MINUTE
    status, why, shown = 200, "", None
    period: Period | None = None
    try:
        period = period_of(asked, now)
        if of:
            shown = await _curve(request, stations[of], of, period, language)
    except UnclearPeriod as unclear:
        status, why = 400, unclear.why
    except ClientError as error:
        status, why = 503, "records_slow" if isinstance(error, Forbidden) else "broker_lost"
    page = state.pages.template("levels.html").render(
        t=TEXTS[language],
        language=language,
        kind=kind,
        stations=[_choice(key, one, of, language) for key, one in stations.items()],
        lengths=[*LENGTHS, OWN],
        why=why,
        curve=shown,
        period=period and _period(period, now, of, language),
        asked=asked,
        path="/levels?" + urlencode([(k, v) for k, v in asked.items() if k != "lang"], safe=":/"),
    )
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    return HTMLResponse(page, status_code=status, headers=headers)


def stations_of(hub: Hub) -> dict[str, Entity]:
    """Return the stations of both tenants by `kind/id`, the real ones and those rated first."""
    found: dict[str, Entity] = {}
    for kind, tenant in zip(KINDS, (hub.real, hub.drill), strict=True):
        some = sorted(tenant.of_type(STATION), key=lambda one: not value(one, "cautionLevel"))
        found |= {f"{kind}/{station['id']}": station for station in some}
    return found


async def _curve(
    request: Request, station: Entity, of: str, period: Period, language: str
) -> dict[str, Any]:
    state = request.app.state
    client = state.drill if of.startswith("drill/") else state.town
    key = ("figures", of, period.start, period.end)
    spans = await state.kept.get(key, lambda: figures(client, str(station["id"]), period))
    return period_curve(station, spans, period, language)


def _choice(key: str, station: Entity, of: str, language: str) -> dict[str, Any]:
    return {
        "of": key,
        "name": name_of(station, "name", language),
        "drill": key.startswith("drill/"),
        "chosen": key == of,
    }


def _period(period: Period, now: datetime, of: str, language: str) -> dict[str, Any]:
    """Return a period as the page shows it, with the ways to those before and after it."""
    before, after = period.start, period.end + (period.end - period.start)
    length = after - period.end
    earlier = {"from": before - length, "to": before}
    later = {"from": period.end, "to": min(after, now)}
    return {
        "name": period.name,
        "from": _field(period.start),
        "to": _field(period.end),
        "text": f"{local_time(period.start)[:16]} – {local_time(period.end)[:16]}",
        "step": TEXTS[language][f"span_{period.duration}"],
        "earlier": _way(of, earlier, language),
        "later": _way(of, later, language) if period.end < now - period.step else "",
    }


def _way(of: str, part: Mapping[str, datetime], language: str) -> str:
    asked = {"of": of, "period": OWN, **{name: _field(at) for name, at in part.items()}}
    return "/levels?" + urlencode({**asked, "lang": language}, safe=":/")


def _field(at: datetime) -> str:
    """Return a moment as a page's field for date and time holds it."""
    return f"{at.astimezone(JST):%Y-%m-%dT%H:%M}"
