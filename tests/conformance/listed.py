"""What docs/conformance.md says of tests that do not pass, read from its tables."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
MOST = 25
"""Differences that may be listed in all."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What is listed: a test's id, or a pattern of ids or (with `/`) of folders; and why."""

    pattern: str
    clause: str
    reason: str

    def holds(self, test_id: str, folder: str) -> bool:
        """Tell whether this is about a test."""
        name = folder if "/" in self.pattern else test_id
        return fnmatch.fnmatchcase(name, self.pattern)


def differences(page: str) -> list[Listed]:
    """Return the tests whose expectation this broker does not share."""
    return _rows(page, "## Differences")


def missing(page: str) -> list[Listed]:
    """Return the tests of parts that are not there yet."""
    return _rows(page, "## Parts that are not there yet")


def _rows(page: str, heading: str) -> list[Listed]:
    section = page.partition(f"{heading}\n")[2].partition("\n## ")[0]
    rows = []
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 3:
            rows += [Listed(pattern.strip("`"), *cells[1:]) for pattern in cells[0].split()]
    return rows
