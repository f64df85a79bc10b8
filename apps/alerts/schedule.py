"""When a light burns in ordinary times: its `schedule`, such as sunset to 22:00. Pure.

Alerts are shown at any hour; only the normal look follows the schedule.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from typing import Any, Final

from apps.alerts.sun import sunset

JST: Final = timezone(timedelta(hours=9))


def lit(schedule: object, position: object, now: datetime) -> bool:
    """Say whether a light burns now.

    `schedule` is `{"from": "sunset" or "HH:MM", "to": "HH:MM"}` in Japan's time, `to` on the
    next day where it is not after `from`; `position` is [east, north] in degrees. A light
    without a schedule, or with one that cannot be read, burns always.
    """
    today = now.astimezone(JST).date()
    for day in (today, today - timedelta(days=1)):
        try:
            begin, end = _span(schedule, position, day)
        except (IndexError, KeyError, TypeError, ValueError):
            return True
        if begin <= now < end:
            return True
    return False


def _span(schedule: Any, position: Any, day: date) -> tuple[datetime, datetime]:
    if schedule["from"] == "sunset":
        begin = sunset(day, float(position[0]), float(position[1]))
        if begin is None:
            raise ValueError("the sun does not set")
    else:
        begin = _at(day, schedule["from"])
    end = _at(day, schedule["to"])
    return begin, end if end > begin else end + timedelta(days=1)


def _at(day: date, clock: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), JST)
