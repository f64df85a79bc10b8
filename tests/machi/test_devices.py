"""The simulated devices."""

from itertools import islice

import pytest

from machi.pauses import pauses


@pytest.mark.parametrize(
    ("every", "expected"), [(10.0, [1, 2, 4, 8, 10, 10]), (0.5, [0.5, 0.5, 0.5, 0.5, 0.5, 0.5])]
)
def test_first_reports_come_close_together(every: float, expected: list[float]):
    assert list(islice(pauses(every), 6)) == expected
