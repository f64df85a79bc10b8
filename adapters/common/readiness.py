"""When an adapter is ready: when all its parts are."""

from __future__ import annotations

from collections.abc import Callable


class Readiness:
    """Calls `ready` once, when every part that was asked for has said that it is ready."""

    def __init__(self, ready: Callable[[], None]) -> None:
        self._ready = ready
        self._waiting: set[object] = set()

    def part(self) -> Callable[[], None]:
        """Return what a further part calls when it is ready; calling it again does nothing."""
        part = object()
        self._waiting.add(part)

        def done() -> None:
            if part in self._waiting:
                self._waiting.discard(part)
                if not self._waiting:
                    self._ready()

        return done
