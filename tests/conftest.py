"""Settings of the whole suite: Hypothesis profile, which tests are left out, what workers count."""

import gc
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.support.mongodb import REAL
from tests.support.patience import be_patient
from tests.support.runs import LONG, load_hypothesis_profile
from tests.support.tally import OWED, TALLY, is_whole

REFERENCE = "MACHI_REFERENCE_DATA"
MOST_OF_LONG = 4 * 3600
"""Seconds that a test of a long run may take, which has up to 33 times as many examples."""

LEFT_OUT: set[Path] = set()
"""Files with tests that are not in this run."""

load_hypothesis_profile()
be_patient()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests marked with what this run does not have."""
    there = {"reference": os.environ.get(REFERENCE), "real_mongodb": REAL, "long": LONG}
    lacking = [marker for marker, value in there.items() if not value]
    left_out = {item for item in items if any(map(item.get_closest_marker, lacking))}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    if LONG:
        for item in items:
            item.add_marker(pytest.mark.timeout(MOST_OF_LONG))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests without the garbage collector's rounds: next to nothing is dropped."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Note where tests are left out."""
    LEFT_OUT.update(item.path for item in items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Keep what is loaded by now, which stays to the end, from the garbage collector's rounds."""
    collected = {item.path for item in session.items}
    config = session.config
    TALLY.whole = not config.option.collectonly and is_whole(config.args, collected, LEFT_OUT)
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let the collector have it at the end: some libraries tell of what is left over."""
    gc.unfreeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a worker tell what it has counted; fail a run that sent too little."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["requests"] = TALLY.count
        session.config.workeroutput["whole"] = TALLY.whole
    elif TALLY.too_few and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a worker has counted."""
    told = getattr(node, "workeroutput", {})
    TALLY.count += told.get("requests", 0)
    TALLY.whole |= told.get("whole", False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how many requests were made up and sent."""
    if TALLY.count or TALLY.whole:
        owed = f", fewer than {OWED}" if TALLY.too_few else ""
        terminalreporter.write_line(f"fuzzing sent {TALLY.count} requests{owed}")


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Return the folder of the reference data, for tests marked `reference`."""
    folder = Path(os.environ[REFERENCE])
    if not folder.is_dir():
        pytest.fail(f"{REFERENCE} names no folder: {folder}")
    return folder
