"""One thing the doctor has looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How it is: well, worth knowing, or in need of a hand."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at (`check`, the same word always), how it is, and what to do."""

    check: str
    state: State
    text: str
    remedy: str = ""


def ok(check: str, text: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(check, State.OK, text)


def note(check: str, text: str, remedy: str = "") -> Finding:
    """Return a finding that is worth knowing."""
    return Finding(check, State.NOTE, text, remedy)


def problem(check: str, text: str, remedy: str) -> Finding:
    """Return a finding that needs a hand."""
    return Finding(check, State.PROBLEM, text, remedy)
