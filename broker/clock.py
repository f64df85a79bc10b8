"""The clock: the one place that asks the machine for the time.

Everything that needs the time takes a `Clock`, so that tests decide what time it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], str]
"""Returns the time now in UTC, fixed width, microseconds: `2026-01-02T03:04:05.123456Z`."""

_begun = 0
_prefix = ""


def now() -> str:
    """Return the time now as every `Clock` does. Times of this form sort as text."""
    global _begun, _prefix
    microseconds = time.time_ns() // 1000
    fraction = microseconds - _begun
    if not 0 <= fraction < 1_000_000:
        second, fraction = divmod(microseconds, 1_000_000)
        _prefix = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))
        _begun = microseconds - fraction
    return f"{_prefix}{str(1_000_000 + fraction)[1:]}Z"
