"""Settings of the whole suite: Hypothesis profile, reference tests."""

import os
from pathlib import Path

import pytest

from tests.support.runs import load_hypothesis_profile

REFERENCE = "MACHI_REFERENCE_DATA"

load_hypothesis_profile()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests marked `reference` where the reference data is not named."""
    if os.environ.get(REFERENCE):
        return
    left_out = [item for item in items if item.get_closest_marker("reference")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """Return the folder of the reference data, for tests marked `reference`."""
    folder = Path(os.environ[REFERENCE])
    if not folder.is_dir():
        pytest.fail(f"{REFERENCE} names no folder: {folder}")
    return folder
