"""How many requests were made up and sent, and whether they are as many as a run owes."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.support.runs import effort

FOLDER = Path(__file__).parents[1] / "fuzz"
OWED = effort(quick=2_000, long=20_000)
"""Requests that the fuzz tests send at least, taken together."""


@dataclass
class Tally:
    """A count of this process; `whole` where no fuzz test is left out of the run."""

    count: int = 0
    whole: bool = False

    @property
    def too_few(self) -> bool:
        """Tell whether fewer were sent than all fuzz tests owe."""
        return self.whole and self.count < OWED


TALLY = Tally()


def is_whole(
    arguments: Iterable[str], collected: Collection[Path], left_out: Iterable[Path]
) -> bool:
    """Tell whether all fuzz tests are in a run, by what it was asked for and the tests' files."""
    return (
        not any("::" in argument for argument in arguments)
        and all(path in collected for path in FOLDER.glob("test_*.py"))
        and not any(path.parent == FOLDER for path in left_out)
    )
