"""Who is told of rows that begin to wait, and of subscriptions that changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import TypeVar

from broker.store.outbox import NewsListener, RowListener, Waiting

T = TypeVar("T")


class Listeners:
    """The listeners of an outbox. They are called on the event loop, right after a commit."""

    def __init__(self) -> None:
        self._rows: list[RowListener] = []
        self._news: list[NewsListener] = []

    def listen(self, listener: RowListener) -> Callable[[], None]:
        """Call `listener` with rows that begin to wait; return the way to stop it."""
        return _added(self._rows, listener)

    def follow(self, listener: NewsListener) -> Callable[[], None]:
        """Call `listener` with subscriptions that changed; return the way to stop it."""
        return _added(self._news, listener)

    def rows(self, rows: Sequence[Waiting]) -> None:
        """Tell of rows that begin to wait."""
        if rows:
            for listener in list(self._rows):
                listener(rows)

    def news(self, sids: Collection[int]) -> None:
        """Tell of subscriptions that changed."""
        if sids:
            for listener in list(self._news):
                listener(sids)


def _added(listeners: list[T], listener: T) -> Callable[[], None]:
    listeners.append(listener)

    def stop() -> None:
        with suppress(ValueError):
            listeners.remove(listener)

    return stop
