"""What a key box without network does: it knows its key and its clock. Pure.

It holds back whoever guesses: after five wrong PINs in a row for five minutes, after ten for an
hour, then for three hours after each further five. That is 50 tries on the first day. A PIN that
opens ends it.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from adapters.key_box.offline_pin import (
    DIGITS,
    LEADERS,
    VARIANCES,
    Tolerance,
    Window,
    block_pin,
    candidates,
    emergency_pin,
    pin,
    receipt,
)

TRIES: Final = 5
PAUSES: Final = (300, 3600, 10_800)
"""Seconds the box takes no PIN after the first five wrong ones, the next five, and all later."""


class Why(StrEnum):
    """What a box made of what was typed."""

    OPENED = "opened"
    EMERGENCY = "emergency"
    WRONG = "wrong"
    BLOCKED = "blocked"
    """A PIN that staff have blocked at this box."""
    HELD_BACK = "heldBack"
    """Not looked at: too many wrong ones before."""
    NOW_BLOCKED = "nowBlocked"
    """A block PIN: from now on the PIN of its window is not taken."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether the box opens, why, and for how many seconds it takes no PIN from now on."""

    opens: bool
    why: Why
    wait: int = 0
    window: Window | None = None


@dataclass(slots=True)
class Box:
    """A box. Times are what its own clock says, in seconds since 1970."""

    key: bytes
    tolerance: Tolerance = field(default_factory=Tolerance)
    wrong: int = 0
    waits_until: float = 0
    blocked: set[Window] = field(default_factory=set)

    def enter(self, typed: str, now: float) -> Answer:
        """Take a PIN. One that is typed while the box holds back is not looked at."""
        if now < self.waits_until:
            return Answer(False, Why.HELD_BACK, round(self.waits_until - now))
        answer = self._judge(typed, now)
        if answer.opens:
            self.wrong = 0
        elif answer.why is Why.WRONG:
            self.wrong += 1
            if self.wrong % TRIES == 0:
                wait = PAUSES[min(self.wrong // TRIES, len(PAUSES)) - 1]
                self.waits_until = now + wait
                return Answer(False, Why.WRONG, wait)
        return answer

    def shut(self, now: float) -> str:
        """Return the receipt that the box shows when the key hangs in it again."""
        return receipt(self.key, int(now // 60))

    def _judge(self, typed: str, now: float) -> Answer:
        if len(typed) != DIGITS or not typed.isascii() or not typed.isdigit():
            return Answer(False, Why.WRONG)
        answer = Answer(False, Why.WRONG)
        # Everything is compared, whatever has matched: the time taken says nothing.
        for leader in range(LEADERS):
            if hmac.compare_digest(emergency_pin(self.key, leader), typed):
                answer = Answer(True, Why.EMERGENCY)
        for hours in candidates(now, self.tolerance):
            for variance in range(VARIANCES):
                window = Window(hours.start, hours.hours, variance)
                if hmac.compare_digest(pin(self.key, window), typed):
                    taken = window not in self.blocked
                    answer = Answer(taken, Why.OPENED if taken else Why.BLOCKED, window=window)
                if hmac.compare_digest(block_pin(self.key, window), typed):
                    self.blocked.add(window)
                    answer = Answer(False, Why.NOW_BLOCKED, window=window)
        return answer
