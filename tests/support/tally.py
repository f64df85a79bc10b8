"""How many requests were made up and sent."""

from dataclasses import dataclass


@dataclass
class Tally:
    """A count of this process."""

    count: int = 0


TALLY = Tally()
