"""What the kernel says about a process: CPU time and memory (Linux, /proc)."""

import os
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
MB = 1024 * 1024


def cpu_seconds(pid: int) -> float:
    """Return the user and system time the process and all its threads have used."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / TICK


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in MB. `rss` counts mapped file pages in full, `pss` its share of them."""

    rss: float
    pss: float
    anonymous: float


def memory(pid: int) -> Memory:
    """Return the memory of a process as it is now."""
    fields: dict[str, float] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        fields[name] = int(rest.split()[0]) * 1024 / MB
    return Memory(rss=fields["Rss"], pss=fields["Pss"], anonymous=fields["Anonymous"])
