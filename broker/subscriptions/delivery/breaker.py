"""A circuit breaker per endpoint: one that does not answer costs only its own probe (pure)."""

from __future__ import annotations

from enum import StrEnum

from broker.subscriptions.delivery.policy import Policy, pause


class State(StrEnum):
    """Whether tries reach the endpoint."""

    CLOSED = "closed"
    PROBING = "probing"
    OPEN = "open"


class Breaker:
    """Counts tries without an answer. Times are seconds of a clock that never jumps.

    After `policy.failures` of them in a row it opens: nobody tries before `until`, and then one
    probe alone goes out. Its answer, whatever it says, closes the breaker.
    """

    __slots__ = ("_policy", "failed", "state", "until")

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.failed = 0
        self.state = State.CLOSED
        self.until = 0.0

    @property
    def shut(self) -> bool:
        """Tell whether tries have to wait."""
        return self.state is not State.CLOSED

    def admits(self, now: float) -> bool:
        """Tell whether a try may go out now; one that may while open is the probe."""
        if self.state is State.CLOSED:
            return True
        if self.state is State.PROBING or now < self.until:
            return False
        self.state = State.PROBING
        return True

    def answered(self) -> bool:
        """Note that the endpoint answered; return whether this closed the breaker."""
        was = self.state
        self.failed = 0
        self.state = State.CLOSED
        return was is not State.CLOSED

    def silent(self, now: float, draw: float) -> None:
        """Note a try without an answer."""
        self.failed += 1
        if self.failed >= self._policy.failures:
            self.state = State.OPEN
            self.until = now + pause(self._policy, self.failed, draw)
