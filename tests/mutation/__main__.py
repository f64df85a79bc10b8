"""`python -m tests.mutation`: take away one call of the guard at a time, and want a test to fail.

First the tests run once, to see which of them come to which call of a guard that decides, and how
long each takes. Then those that come to a call run without it, the quickest first, until one fails.
What is known is kept in `.mutants`, so a run that was ended goes on; it begins anew where a line of
code has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Final

from tests.mutation.running import killer, pool, reach
from tests.mutation.sites import ROOT, Site, sites

SUITES: Final = (
    "tests/broker",
    "tests/consent",
    "tests/properties/test_no_uncovered_deed.py",
    "tests/properties/test_no_uncovered_hint.py",
    "tests/properties/test_no_uncovered_value.py",
    "tests/properties/test_no_uncovered_value_by_policies.py",
)


class Run:
    """A run of mutants, and what it has found out so far."""

    def __init__(self, folder: Path, by: str) -> None:
        self._by = by
        self._folder = folder / _digest()
        self._folder.mkdir(parents=True, exist_ok=True)
        of = by and f"-{by.replace('/', '-')}"
        self._told = self._folder / f"results{of}.jsonl"
        self._reach = self._reached(self._folder / f"reach{of}.json")

    def known(self) -> dict[str, str]:
        """Return what is known of calls, by key: the test that failed, empty for none."""
        if not self._told.exists():
            return {}
        return dict(json.loads(line) for line in self._told.read_text().splitlines())

    def tests(self, site: Site) -> list[str]:
        """Return the tests that come to a call, the quickest first."""
        return [test for _, test in self._reach.get(site.key, ()) if self._by in test]

    def keep(self, site: Site, killer: str) -> None:
        """Keep which test fails without a call."""
        with self._told.open("a") as file:
            file.write(json.dumps([site.key, killer]) + "\n")

    def _reached(self, path: Path) -> dict[str, list[tuple[float, str]]]:
        if not path.exists():
            print("Running the tests once, to see which of them come to which call", flush=True)
            unsure = path.with_suffix(".unsure")
            suites = [suite for suite in SUITES if self._by in suite] or SUITES
            with pool(1) as processes:
                failed = processes.submit(reach, str(unsure), suites).result()
            if failed:
                sys.exit(f"With every call in its place fails {failed}")
            unsure.rename(path)
        found: dict[str, list[tuple[float, str]]] = json.loads(path.read_text())
        return found


def _digest() -> str:
    """Return a name of all code and tests as they are."""
    digest = hashlib.sha256()
    for package in ("broker", "consent", "tests"):
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def main() -> None:
    """Run every mutant asked for; end with 1 where one survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--only", default="", help="calls whose place has this text in it")
    parser.add_argument("--by", default="", help="tests whose name has this text in it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    run = Run(ROOT / ".mutants", options.by)
    chosen, known = [site for site in sites() if options.only in str(site)], run.known()
    begun, survivors = time.monotonic(), 0
    print(f"{len(chosen)} calls, {sum(one.key in known for one in chosen)} known", flush=True)
    with pool(options.jobs) as processes:
        judged = [
            None if site.key in known else processes.submit(killer, site.key, run.tests(site))
            for site in chosen
        ]
        for at, (site, future) in enumerate(zip(chosen, judged, strict=True), 1):
            found = known[site.key] if future is None else future.result()
            if future is not None:
                run.keep(site, found)
            survivors += not found
            told = f"killed by {found}" if found else "SURVIVES"
            spent = time.monotonic() - begun
            print(f"{at:3}/{len(chosen)} {spent:6.0f} s  {site}  {told}", flush=True)
    print(f"{len(chosen)} calls taken away one at a time; {survivors} survive")
    sys.exit(1 if survivors or not chosen else 0)


if __name__ == "__main__":
    main()
