"""Quick and long runs: the same tests with more or less effort."""

import os

from hypothesis import HealthCheck, settings

LONG = os.environ.get("MACHI_HYPOTHESIS") == "long"


def effort(*, quick: int, long: int) -> int:
    """Return `long` in a long run (`MACHI_HYPOTHESIS=long`), else `quick`."""
    return long if LONG else quick


def load_hypothesis_profile() -> None:
    """Register the profiles `quick` and `long` and load the one of this run.

    No deadline per example: the machine may be busy, and time-outs are tested on their own.
    """
    slow = [HealthCheck.too_slow]
    settings.register_profile(
        "quick", max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=slow
    )
    settings.register_profile(
        "long", max_examples=2000, stateful_step_count=80, deadline=None, suppress_health_check=slow
    )
    settings.load_profile("long" if LONG else "quick")
