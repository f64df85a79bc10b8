"""A run with all fuzz tests owes a number of requests; one with some of them owes none."""

from pathlib import Path

import pytest

from tests.support.tally import FOLDER, OWED, Tally, is_whole

FILES = set(FOLDER.glob("test_*.py"))
OTHER = FOLDER.parent / "broker" / "test_other.py"


@pytest.mark.parametrize(
    ("arguments", "collected", "left_out", "whole"),
    [
        (["tests"], FILES | {OTHER}, set(), True),
        (["tests/fuzz"], FILES, set(), True),
        (["tests"], FILES | {OTHER}, {OTHER}, True),
        (["tests"], FILES | {OTHER}, {FOLDER / "test_tally.py"}, False),
        (["tests/fuzz"], FILES - {FOLDER / "test_tally.py"}, set(), False),
        (["tests/fuzz", "tests/fuzz/test_tally.py::test_one"], FILES, set(), False),
        (["tests/broker"], {OTHER}, set(), False),
    ],
)
def test_a_run_is_whole_if_no_fuzz_test_is_left_out(
    arguments: list[str], collected: set[Path], left_out: set[Path], whole: bool
) -> None:
    assert is_whole(arguments, collected, left_out) is whole


@pytest.mark.parametrize(
    ("count", "whole", "too_few"),
    [(OWED - 1, True, True), (OWED, True, False), (OWED - 1, False, False), (0, True, True)],
)
def test_a_whole_run_owes_its_number(count: int, whole: bool, too_few: bool) -> None:
    assert Tally(count, whole).too_few is too_few
