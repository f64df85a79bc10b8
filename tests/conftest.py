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
from tests.support.tally import TALLY

REFERENCE = "MACHI_REFERENCE_DATA"

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


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests without the garbage collector's rounds: next to nothing is dropped."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Keep what is loaded by now, which stays to the end, from the garbage collector's rounds."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Let the collector have it at the end: some libraries tell of what is left over."""
    gc.unfreeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let a worker tell what it has counted."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["requests"] = TALLY.count


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a worker has counted."""
    TALLY.count += getattr(node, "workeroutput", {}).get("requests", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how many requests were made up and sent."""
    if TALLY.count:
        terminalreporter.write_line(f"fuzzing sent {TALLY.count} requests")


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Return the folder of the reference data, for tests marked `reference`."""
    folder = Path(os.environ[REFERENCE])
    if not folder.is_dir():
        pytest.fail(f"{REFERENCE} names no folder: {folder}")
    return folder
