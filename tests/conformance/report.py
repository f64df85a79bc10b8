"""Results by folder of the suite, as docs/conformance.md shows them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.conformance.listed import Listed
from tests.conformance.runs import Result

BEGIN, END = "<!-- results -->", "<!-- end of results -->"


def unexpected(results: Iterable[Result], listed: Iterable[Listed]) -> list[Result]:
    """Return the failures that no row is about."""
    rows = list(listed)
    return [
        one
        for one in results
        if not one.passed and not any(row.holds(one.id, one.folder) for row in rows)
    ]


def outdated(results: Iterable[Result], differences: Iterable[Listed]) -> list[str]:
    """Return the differences of which every test that was run passes."""
    found = list(results)
    old = []
    for row in differences:
        about = [one for one in found if row.holds(one.id, one.folder)]
        if about and all(one.passed for one in about):
            old.append(row.pattern)
    return old


def table(results: Iterable[Result]) -> str:
    """Return a table of what passed, by folder, with the clauses the tests name."""
    groups: dict[str, list[Result]] = {}
    for one in results:
        groups.setdefault(str(Path(*Path(one.folder).parts[:3])), []).append(one)
    lines = ["| folder | clauses | tests | passed |", "|---|---|---|---|"]
    for folder, found in sorted(groups.items()):
        clauses = sorted({_clause(c) for one in found for c in one.clauses}, key=_order)
        passed = sum(one.passed for one in found)
        lines.append(f"| {folder} | {', '.join(clauses)} | {len(found)} | {passed} |")
    everything = [one for found in groups.values() for one in found]
    passed = sum(one.passed for one in everything)
    lines.append(f"| **in all** | | **{len(everything)}** | **{passed}** |")
    return "\n".join(lines)


def record(page: Path, text: str) -> None:
    """Put the results into the page."""
    before, _, rest = page.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def _clause(clause: str) -> str:
    """Return a clause to two levels, which is what the table has room for."""
    return ".".join(clause.split(".")[:2])


def _order(clause: str) -> list[int]:
    return [int(part) for part in clause.split(".") if part.isdigit()]
