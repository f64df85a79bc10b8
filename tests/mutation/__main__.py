"""`python -m tests.mutation`: take away one call of the guard at a time, and want a test to fail.

First all tests run once, to see which of them come to which call and how long each takes. Then
those that come to a call run without it, the quickest first, until one fails. What is known is kept
in `.mutants`, so a run that was ended goes on; it begins anew where a line of code has changed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.mutation.sites import ROOT, Site, sites

SUITES: Final = (
    "tests/broker",
    "tests/consent",
    "tests/properties/test_no_uncovered_value.py",
    "tests/properties/test_no_uncovered_value_by_policies.py",
)
PYTEST: Final = (sys.executable, "-m", "pytest", "-q", "-x", "-n0", "--no-cov", "-p", "no:randomly",
                 "-p", "no:cacheprovider", "-p", "tests.mutation.plugin")  # fmt: skip
FAILED: Final = 1
"""What pytest ends with where a test failed, and not where it could not run."""


class Run:
    """A run of mutants, and what it has found out so far."""

    def __init__(self, folder: Path, by: str) -> None:
        self._by = by
        self._folder = folder / _digest()
        self._folder.mkdir(parents=True, exist_ok=True)
        self._told = self._folder / f"results{by and '-'}{by.replace('/', '-')}.jsonl"
        self._reach = self._reached()

    def known(self) -> dict[str, str]:
        """Return what is known of calls, by key: the test that failed, empty for none."""
        if not self._told.exists():
            return {}
        return dict(json.loads(line) for line in self._told.read_text().splitlines())

    def judge(self, site: Site) -> str:
        """Return the test that fails without a call, empty where all pass. Keep it."""
        tests = [test for _, test in self._reach.get(site.key, ()) if self._by in test]
        found = self._killer(site, tests) if tests else ""
        with self._told.open("a") as file:
            file.write(json.dumps([site.key, found]) + "\n")
        return found

    def _killer(self, site: Site, tests: list[str]) -> str:
        chosen = self._folder / f"{site.key.replace('/', '.')}.json"
        chosen.write_text(json.dumps(tests))
        files = {test.partition("::")[0] for test in tests}
        done = _pytest(sorted(files), MACHI_MUTANT=site.key, MACHI_TESTS=str(chosen))
        if done.returncode not in (0, FAILED):
            sys.exit(f"{site}: the tests do not run\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
        return failed[0].split(" ")[1] if failed else "error" if done.returncode else ""

    def _reached(self) -> dict[str, list[tuple[float, str]]]:
        path = self._folder / "reach.json"
        if not path.exists():
            print("Running all tests once, to see which of them come to which call", flush=True)
            unsure = path.with_suffix(".unsure")
            done = _pytest(SUITES, MACHI_REACH=str(unsure))
            if done.returncode:
                sys.exit(f"Tests fail with every call in its place:\n{done.stdout[-2000:]}")
            unsure.rename(path)
        reach: dict[str, list[tuple[float, str]]] = json.loads(path.read_text())
        return reach


def _pytest(arguments: tuple[str, ...] | list[str], **named: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*PYTEST, *arguments],
        cwd=ROOT,
        env={**os.environ, **named},
        capture_output=True,
        text=True,
        check=False,
    )


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
    with ThreadPoolExecutor(options.jobs) as pool:

        def judge(site: Site) -> str:
            return known[site.key] if site.key in known else run.judge(site)

        for at, (site, killer) in enumerate(zip(chosen, pool.map(judge, chosen), strict=True), 1):
            survivors += not killer
            told = f"killed by {killer}" if killer else "SURVIVES"
            print(
                f"{at:3}/{len(chosen)} {time.monotonic() - begun:6.0f} s  {site}  {told}",
                flush=True,
            )
    print(f"{len(chosen)} calls taken away one at a time; {survivors} survive")
    sys.exit(1 if survivors or not chosen else 0)


if __name__ == "__main__":
    main()
