"""The command `machi` with a disclosure log that notes nothing: what is left is the cost of rules.

Nobody else may run a broker so; that is why there is no option for it.
"""

from typing import Any

from consent.log.written import Written
from machi.cli import main


def _nothing(self: Written, *shown: Any) -> None:
    """Note nothing."""


if __name__ == "__main__":
    Written._note = _nothing  # type: ignore[method-assign, assignment]
    main()
