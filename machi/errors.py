"""The front door's exceptions: each ends a command with a message, a remedy and an exit code."""

from __future__ import annotations

from typing import ClassVar


class MachiCommandError(Exception):
    """Root of what commands end with. `remedy` says what to do next, where the text does not."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class PortBusy(MachiCommandError):
    """A port is taken, so one of the town's processes cannot start."""

    exit_code = 3


class NotReachable(MachiCommandError):
    """A running town is needed, and part of it gives no answer."""

    exit_code = 4


class ChildFailed(MachiCommandError):
    """One of the town's processes does not come up."""

    exit_code = 5


class DataFaulty(MachiCommandError):
    """A data folder or backup is faulty, in use, missing or in the way."""

    exit_code = 6


class Refusal(MachiCommandError):
    """The broker refuses what was asked of it."""

    exit_code = 7


class Unwell(MachiCommandError):
    """The doctor found something that needs a hand."""

    exit_code = 8
