"""PINs that people type: made up, and not the kind that everybody tries first."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final

WEAK: Final = re.compile(r"^12|(\d)\1\1|^(19|20)\d\d|0000$")
"""Beginnings and repetitions that are guessed first, or that some locks do not take."""


def new_pin(digits: int, below: Callable[[int], int]) -> str:
    """Return a PIN of so many digits (4 to 10); `below(n)` gives a number from 0 to n - 1.

    The first digit is not 0, because some locks take a PIN for a number.
    """
    first = 10 ** (digits - 1)
    while True:
        pin = str(first + below(9 * first))
        if not WEAK.search(pin) and not _runs(pin):
            return pin


def _runs(pin: str) -> bool:
    """Say whether a PIN counts up or down in four digits, such as 2345."""
    steps = [int(after) - int(before) for before, after in pairwise(pin)]
    return any(steps[n : n + 3] in ([1] * 3, [-1] * 3) for n in range(len(steps)))
