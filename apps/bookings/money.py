"""What opening by PIN costs and saves: the town's own figures, and Aso's for comparison. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from apps.bookings.process.case import Booking, Status

SAVED: Final = 1_380_000
"""Fees for keeping keys that Aso no longer pays, yen a year."""
RUNNING: Final = 760_000
"""Aso's telecommunication and usage, yen a year."""
INITIAL: Final = 2_450_000
"""Aso's initial cost without tax, yen."""
ASO_SITES: Final = 16
TRIPS: Final = 2
"""Ways to the key's keeper that each booking took: to fetch it and to bring it back."""
HAPPENED: Final = frozenset(
    {Status.CONFIRMED, Status.IN_USE, Status.OVERSTAYED, Status.COMPLETED, Status.NO_SHOW}
)


def net() -> int:
    """Return what Aso saves in a year."""
    return SAVED - RUNNING


def case_view(bookings: Iterable[Booking], sites: int, t: Mapping[str, str]) -> dict[str, Any]:
    """Return the figures of the case page; running cost is Aso's for each site, times the sites."""
    counted = [one for one in bookings if one.status in HAPPENED]
    minutes = sum(one.span.minutes for one in counted)
    running = RUNNING * sites // ASO_SITES
    saved = SAVED * sites // ASO_SITES
    yen = t["yen"]
    each = yen.format(n=f"{running // len(counted):,}") if counted else "–"
    return {
        "sites": t["case_sites_n"].format(n=sites),
        "saved": yen.format(n=f"{saved:,}"),
        "running": yen.format(n=f"{running:,}"),
        "net": yen.format(n=f"{saved - running:,}"),
        "initial": yen.format(n=f"{INITIAL:,}"),
        "years": t["case_years_n"].format(n=f"{INITIAL / net():.1f}"),
        "bookings": f"{len(counted):,}",
        "trips": f"{len(counted) * TRIPS:,}",
        "hours": f"{minutes // 60:,}",
        "income": yen.format(n=f"{sum(one.fee for one in counted):,}"),
        "each": each,
    }
