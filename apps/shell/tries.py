"""How often somebody may fail to sign in from one address."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MOST: Final = 20
"""Failures from one address within `SPAN`, beyond which none is tried any more."""
SPAN: Final = 600.0
_ADDRESSES: Final = 10_000


class Tries:
    """Failures by address; `monotonic` gives seconds. Of many addresses the oldest go first."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._known: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def too_many(self, address: str) -> bool:
        """Tell whether no more tries are taken from an address now."""
        count, since = self._known.get(address, (0, 0.0))
        return count >= MOST and self._monotonic() - since < SPAN

    def failed(self, address: str) -> None:
        """Count a failure."""
        count, since = self._known.pop(address, (0, self._monotonic()))
        if self._monotonic() - since >= SPAN:
            count, since = 0, self._monotonic()
        self._known[address] = (count + 1, since)
        if len(self._known) > _ADDRESSES:
            self._known.popitem(last=False)
