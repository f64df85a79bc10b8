"""Batches by the code of several checkouts: `python -m bench.in_turns BEFORE AFTER`.

A machine shared with others is twice as fast in one minute as in the next. So each checkout has a
broker of its own, they run the same batches in turns of some seconds, and what is told is how they
compare within a round. All run with the packages of this environment, and know `OPTIONS`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.batches import SETTLE
from bench.process import cpu_seconds
from bench.rates import COUNT, Bodies
from bench.requests import BATCH, RequestFailed, Requests
from tests.support.ports import free_port
from tests.support.server import HOST, Server, ServerFailed

OPTIONS = ("--auth", "off", "--no-history")
GENERATIONS = 2
"""Values of the entities that take the place of each other."""

PART = 5
"""Batches of new entities in a turn."""


class Turn(NamedTuple):
    """Entities a second of the median batch, and microseconds of processor time for each."""

    per_second: float
    micros: float


class Arm:
    """The broker of one checkout."""

    def __init__(self, checkout: Path, folder: Path) -> None:
        self.name = str(checkout)
        port = free_port()
        source = checkout.resolve()
        place = ("/usr/bin/env", "-C", str(source), f"PYTHONPATH={source}", sys.executable)
        where = ("--host", HOST, "--port", str(port), "--data", str(folder / "data"))
        command = [*place, "-m", "machi", "broker", *where, *OPTIONS]
        self.server = Server(command, port, folder / "log")
        self.new: list[Turn] = []
        self.existing: list[Turn] = []

    def run(self, batches: Sequence[bytes]) -> Turn:
        """Upsert batches one after another; what they leave to do afterwards counts as well."""
        requests, before = Requests(self.server), cpu_seconds(self.server.pid)
        seconds = [requests.upsert(batch) for batch in batches]
        time.sleep(SETTLE)
        used = cpu_seconds(self.server.pid) - before
        return Turn(BATCH / median(seconds), used * 1e6 / (BATCH * len(batches)))


@contextmanager
def brokers(checkouts: Sequence[Path]) -> Iterator[tuple[list[Arm], Bodies]]:
    """Run a broker of each checkout, and give them what to send."""
    with tempfile.TemporaryDirectory() as root, ExitStack() as stack:
        arms = []
        for number, checkout in enumerate(checkouts):
            folder = Path(root, str(number))
            folder.mkdir()
            arm = Arm(checkout, folder)
            arm.server.start()
            stack.callback(arm.server.kill)
            arms.append(arm)
        yield arms, Bodies(Path(root), COUNT)


def compare(arms: Sequence[Arm], bodies: Bodies, rounds: int) -> None:
    """Let the brokers create all entities in turns, a part at a time, then replace all in turns."""
    generations = [list(bodies.batches(number)) for number in range(GENERATIONS)]
    first = generations[0]
    for number, start in enumerate(range(0, len(first), PART)):
        for arm in arms[:: -1 if number % 2 else 1]:
            arm.new.append(arm.run(first[start : start + PART]))
            print(f"new, from {start * BATCH:,}  {arm.name}: {told(arm.new[-1])}", flush=True)
    for number in range(1, rounds + 1):
        for arm in arms[:: -1 if number % 2 else 1]:
            arm.existing.append(arm.run(generations[number % GENERATIONS]))
            print(f"{number}/{rounds}  {arm.name}: {told(arm.existing[-1])}", flush=True)


def told(turn: Turn) -> str:
    """Return a turn in words."""
    return f"{turn.per_second:,.0f} entities/s, {turn.micros:.0f} µs of processor time each"


def summary(arms: Sequence[Arm]) -> str:
    """Return how the brokers compare with the first one, by medians of what each round says."""
    lines = [
        "",
        "| checkout | entities | 1/s | ÷ first | µs | ÷ first |",
        "|---|---|---|---|---|---|",
    ]
    for arm in arms:
        for kind in ("new", "existing"):
            own: list[Turn] = getattr(arm, kind)
            pairs = list(zip(own, getattr(arms[0], kind), strict=True))
            fast = median(turn.per_second / first.per_second for turn, first in pairs)
            cheap = median(turn.micros / first.micros for turn, first in pairs)
            speed, micros = median(turn.per_second for turn in own), median(t.micros for t in own)
            lines.append(
                f"| {arm.name} | {kind} | {speed:,.0f} | {fast:.2f} | {micros:.0f} | {cheap:.2f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Compare the checkouts named on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.in_turns",
        description="Upsert the same batches of 1,000 entities by the code of several checkouts.",
        epilog="example: git worktree add ../before HEAD~1 && python -m bench.in_turns ../before .",
    )
    parser.add_argument("before", type=Path, help="the source the others are held against")
    parser.add_argument("after", nargs="+", type=Path, help="another folder with the source")
    parser.add_argument("--rounds", type=int, default=7, help="of existing entities (default 7)")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error(f"--rounds {options.rounds} is none: name 1 or more.")
    checkouts = [options.before, *options.after]
    for checkout in checkouts:
        if not (checkout / "broker").is_dir():
            parser.error(f"{checkout} holds no source of Machi: name a checkout.")
    try:
        with brokers(checkouts) as (arms, bodies):
            compare(arms, bodies, options.rounds)
            print(summary(arms))
    except (RequestFailed, ServerFailed) as error:
        sys.exit(f"stopped: {error}")


if __name__ == "__main__":
    main()
