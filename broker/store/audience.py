"""Whom a store tells of its commits: before anybody may see them, and after."""

from __future__ import annotations

import logging
from collections.abc import Callable

from broker.store.contract import Committed, Listener

log = logging.getLogger(__name__)


class Audience:
    """The listeners of a store's change feed, called on the event loop."""

    def __init__(self) -> None:
        self._before: list[Listener] = []
        self._after: list[Listener] = []

    def foresee(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` before each commit; return the way to stop it."""
        self._before.append(listener)
        return lambda: self._before.remove(listener)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` after each commit; return the way to stop it."""
        self._after.append(listener)
        return lambda: self._after.remove(listener)

    def foretell(self, coming: list[Committed]) -> None:
        """Tell of changes that are about to be committed."""
        _tell(self._before, coming)

    def tell(self, committed: list[Committed]) -> None:
        """Tell of changes that were committed."""
        _tell(self._after, committed)


def _tell(listeners: list[Listener], committed: list[Committed]) -> None:
    if not committed:
        return
    for listener in list(listeners):
        try:
            listener(committed)
        except Exception:
            log.exception("a listener of the change feed failed")
