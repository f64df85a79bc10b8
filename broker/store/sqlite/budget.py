"""How long one read may take, counted across its statements and the Python between them."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final

import apsw

STEPS: Final = 2000
"""Virtual machine steps of SQLite between two looks at the clock."""


class Budget:
    """Ends a read on one connection after some seconds by `apsw.InterruptError`.

    As a context manager it opens one read transaction, so that all statements see one state.
    `inline` tells that the read runs on the event loop.
    """

    __slots__ = ("_end", "connection", "inline")

    def __init__(self, connection: apsw.Connection, seconds: float, *, inline: bool) -> None:
        self.connection = connection
        self.inline = inline
        self._end = time.monotonic() + seconds

    def __enter__(self) -> Budget:
        self.connection.set_progress_handler(self._spent, STEPS)
        self.connection.execute("BEGIN")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connection.set_progress_handler(None)
        self.connection.execute("COMMIT")

    def leave_loop(self) -> None:
        """Raise InterruptError on the event loop, for work that is too long for it for certain."""
        if self.inline:
            raise apsw.InterruptError("this read is too long for the event loop")

    def check(self) -> None:
        """Raise InterruptError where the time is used up."""
        if self._spent():
            raise apsw.InterruptError("the time for this read is used up")

    def _spent(self) -> bool:
        return time.monotonic() > self._end
