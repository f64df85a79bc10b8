"""How much else a machine has to do, for tests that hold something to a time."""

import os
from pathlib import Path


def crowding() -> float:
    """Return how many processes share each processor now or of late, 1 where there are enough."""
    *_, running, _ = Path("/proc/loadavg").read_text().split()
    busy = max(os.getloadavg()[0], int(running.partition("/")[0]))
    return max(1.0, busy / (os.cpu_count() or 1))
