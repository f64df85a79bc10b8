"""Runs inside the suite's environment: no test without an end."""

from __future__ import annotations

from typing import Any


class Timeout:
    """A modifier for Robot Framework: gives tests without a timeout one of `seconds`."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, seconds: str) -> None:
        self.timeout = f"{seconds} seconds"

    def visit_suite(self, suite: Any) -> None:
        """Go through a suite and those within."""
        for test in suite.tests:
            test.timeout = test.timeout or self.timeout
        for inner in suite.suites:
            self.visit_suite(inner)
