"""What follows from a try: settled, again later, or dead (pure).

A receiver that does not answer, or answers that it cannot now, is tried again with growing
pauses until the notification is a day old. One that answers and refuses is tried a few times,
since a refusal seldom changes, and its queue must not wait a day behind it. 410 Gone is final.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias


class Fate(StrEnum):
    """How a try ended."""

    DELIVERED = "delivered"
    NO_ANSWER = "no answer"
    """No connection, no answer in time, or none that can be understood."""
    NOT_NOW = "not now"
    """5xx, 408, 425, 429: the receiver is there and cannot take it at present."""
    REFUSED = "refused"
    """3xx, other 4xx, or an endpoint that cannot be used as it is written."""
    GONE = "gone"
    """410: the receiver wants no more notifications."""


OUTDATED: Final = "What the receiver may see changed while it was connected to."


@dataclass(frozen=True, slots=True)
class Tried:
    """The end of a try. `words` say why it failed; `after` is what Retry-After asks, in seconds.

    `tries` is 2 where a kept connection turned out dead and the try was made again at once.
    """

    fate: Fate
    words: str = ""
    after: float = 0.0
    tries: int = 1


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how long deliveries are tried. Times in seconds.

    `shortest` and `longest` bound the pause between tries. A notification dies after `refusals`
    refused tries; or at the age `oldest`, if it was tried at least `fewest` times, so that a
    clock set forward kills nothing. `patience` is how long a try may take where the endpoint has
    no `timeout`, `most_patience` the most an endpoint can ask for. After `failures` tries in a
    row without an answer an endpoint is only probed.
    """

    shortest: float = 0.5
    longest: float = 60.0
    refusals: int = 8
    oldest: float = 86_400.0
    fewest: int = 20
    patience: float = 10.0
    most_patience: float = 60.0
    failures: int = 3


@dataclass(frozen=True, slots=True)
class Again:
    """Try again after `pause` seconds."""

    pause: float


@dataclass(frozen=True, slots=True)
class Dead:
    """Give up, for this reason."""

    words: str


Next: TypeAlias = Again | Dead


def pause(policy: Policy, failed: int, draw: float) -> float:
    """Return the pause after so many failures in a row; `draw` from [0, 1) spreads it."""
    full = min(policy.longest, policy.shortest * 2.0 ** min(failed - 1, 32))
    return full * (0.5 + draw / 2)


def decide(
    policy: Policy, tried: Tried, attempts: int, age: float, cooldown: float, draw: float
) -> Next:
    """Return what follows a failed try, the `attempts`-th of a notification of `age` seconds.

    `cooldown` is the endpoint's own shortest pause after a failure (§5.2.15).
    """
    if tried.fate is Fate.GONE:
        return Dead(tried.words)
    if tried.fate is Fate.REFUSED and attempts >= policy.refusals:
        return Dead(f"{tried.words} Refused {attempts} times.")
    if age >= policy.oldest and attempts >= policy.fewest:
        return Dead(f"{tried.words} Tried {attempts} times in {age / 3600:.0f} hours.")
    asked = min(tried.after, policy.oldest)
    return Again(max(pause(policy, attempts, draw), cooldown, asked))
