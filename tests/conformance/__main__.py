"""`python -m tests.conformance`: run the suite, compare with what the documents say."""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.conformance import checkout, listed, report, runs
from tests.conformance.contexts import Contexts

EPILOGUE = """\
The suite is ETSI's "NGSI-LD Test Suite" (Robot Framework), or a fork of it; give a checkout of it.
It is not changed: a copy is made whose @context addresses lead to this machine. The first call
makes an environment with the suite's requirements in the folder --work.

The exit code is 0 only if all failures are listed in docs/conformance.md, and everything listed
there as a difference still fails.

examples:
  python -m tests.conformance --suite ../ngsi-ld-test-suite
  python -m tests.conformance --suite ../ngsi-ld-test-suite CommonBehaviours jsonldContext
  python -m tests.conformance --suite ../ngsi-ld-test-suite --record    writes the results down
"""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance",
        description="Run the ETSI NGSI-LD test suite against brokers that are started for it.",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folders", nargs="*", help="below TP/NGSI-LD (default: all)")
    parser.add_argument("--suite", type=Path, required=True, help="a checkout of the suite")
    parser.add_argument("--work", type=Path, default=Path(".conformance"), help="where that is")
    parser.add_argument("--json", type=Path, help="write all results into this file")
    parser.add_argument("--record", action="store_true", help="write them into docs/conformance.md")
    return parser.parse_args()


def main() -> int:
    """Run, print, compare."""
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        suite, work = Path(folder) / "suite", Path(folder) / "work"
        work.mkdir()
        try:
            checkout.copy(options.suite.resolve(), suite)
        except checkout.NotASuite as error:
            print(error, file=sys.stderr)
            return 2
        contexts = Contexts(suite)
        checkout.redirect(suite, contexts.base)
        python = checkout.environment(suite, options.work.resolve() / "venv")
        results = run(python, suite, work, options.folders)
        contexts.close()
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in results], indent=1))
    print(report.table(results))
    if options.record:
        report.record(listed.PAGE, report.table(results))
    return verdict(results)


def run(python: Path, suite: Path, work: Path, wanted: list[str]) -> list[runs.Result]:
    """Run folder by folder and say how it goes."""
    if runs.mqtt_possible() is None:
        print("mosquitto is not installed: the tests with MQTT will fail", file=sys.stderr)
    results: list[runs.Result] = []
    for folder in runs.leaves(suite, wanted):
        begun = time.monotonic()
        found = runs.run_folder(python, suite, folder, work)
        results += found
        passed = sum(one.passed for one in found)
        name = folder.relative_to(suite / "TP" / "NGSI-LD")
        seconds = time.monotonic() - begun
        print(f"{passed:4} of {len(found):4} in {seconds:4.0f} s  {name}", file=sys.stderr)
    return results


def verdict(results: list[runs.Result]) -> int:
    """Compare with the documents; return the exit code."""
    page = listed.PAGE.read_text()
    differences = listed.differences(page)
    wrong = report.unexpected(results, [*differences, *listed.missing(page)])
    for one in wrong:
        print(f"fails, and is not listed: {one.id} ({one.folder}): {one.message}")
    old = report.outdated(results, differences)
    for pattern in old:
        print(f"is listed as a difference, and passes: {pattern}")
    return 1 if wrong or old else 0


if __name__ == "__main__":
    sys.exit(main())
