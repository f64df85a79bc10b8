"""Quick, repeatable and long runs: the same tests with more or less effort."""

import os

from hypothesis import HealthCheck, settings

EFFORT = os.environ.get("MACHI_HYPOTHESIS", "quick")
LONG = EFFORT == "long"


def effort(*, quick: int, long: int) -> int:
    """Return `long` in a long run (`MACHI_HYPOTHESIS=long`), else `quick`."""
    return long if LONG else quick


def load_hypothesis_profile() -> None:
    """Register the profiles and load the one of this run: `quick`, `repeatable` or `long`.

    `quick` and `long` draw new examples in every run; `repeatable` draws those of the source, so
    that a gate says the same of the same commit.

    No deadline per example: the machine may be busy, and time-outs are tested on their own.
    """
    slow = [HealthCheck.too_slow]
    settings.register_profile(
        "quick", max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=slow
    )
    settings.register_profile(
        "long", max_examples=2000, stateful_step_count=80, deadline=None, suppress_health_check=slow
    )
    settings.register_profile("repeatable", settings.get_profile("quick"), derandomize=True)
    settings.load_profile(EFFORT)
