"""`python -m tests.mutation`: take away one call of the guard at a time, and want a test to fail.

Takes about half a minute for each call, several at a time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.mutation.sites import ROOT, Site, sites

SUITES = (
    "tests/broker/test_guard_asked.py",
    "tests/broker/test_guard_tripwire.py",
    "tests/broker/entities/test_service.py",
    "tests/broker/api/test_operator_entry.py",
    "tests/broker/api/test_explain_subscription.py",
    "tests/broker/api/test_linked_conditions.py",
    "tests/consent",
    "tests/properties/test_no_uncovered_value.py",
)
FAILED = 1
"""What pytest ends with where a test failed, and not where it could not run."""


def survives(site: Site) -> str:
    """Return what is wrong: empty where a test failed without the call, as it must."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "--no-cov", "-p", "no:randomly"]
    command += ["-p", "no:cacheprovider", "-p", "tests.mutation.plugin", *SUITES]
    mutant = {**os.environ, "MACHI_MUTANT": f"{site.file} {site.number}"}
    done = subprocess.run(
        command, cwd=ROOT, env=mutant, capture_output=True, text=True, check=False
    )
    if done.returncode == FAILED:
        return ""
    return "no test fails" if done.returncode == 0 else done.stdout[-2000:] + done.stderr[-2000:]


def main() -> None:
    """Run every mutant asked for; end with 1 where one survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--only", default="", help="calls whose place has this text in it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    chosen = [site for site in sites() if options.only in str(site)]
    begun, survivors = time.monotonic(), 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for site, wrong in zip(chosen, pool.map(survives, chosen), strict=True):
            survivors += bool(wrong)
            print(f"{'SURVIVES' if wrong else 'killed  '} {site}  {wrong}", flush=True)
    spent = time.monotonic() - begun
    print(f"{len(chosen)} calls taken away one at a time in {spent:.0f} s; {survivors} survive")
    sys.exit(1 if survivors or not chosen else 0)


if __name__ == "__main__":
    main()
