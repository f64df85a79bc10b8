"""`python -m tests.crash`: crash the broker under load, many times, and compare."""

import argparse
import asyncio
import sys
import tempfile
import time
import traceback
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any

from tests.crash.cuts import Cuts
from tests.crash.kills import Kills
from tests.crash.replicas import ReplicaKills
from tests.crash.tally import Tally

EPILOGUE = """\
Two runs, one after the other, or with --store mongodb a third kind instead:

  kills   A broker process with 8 clients that create, patch, append, merge, delete, upsert in
          batches and run transactions (several entities; transfers between accounts). At a random
          moment the process gets SIGKILL. After the restart everything that was answered must be
          stored, what was not answered must be stored wholly or not at all, the sum of all
          accounts must be what it was, a repeated idempotency key must give the first answer and
          no second effect, the change feed must go on without a gap, and the file be intact.
          Twenty subscriptions, on HTTP and MQTT receivers that fail, hang, close and restart,
          are told meanwhile: after each restart the books must balance, and in the end every
          change due must have come at least once, in order, repeats under the same id and marked.
          Each fifth restart is killed on the way up as well.

  cuts    The same writes against the store in this process, on a disk that loses what was not
          synced: nothing of it, some sectors, or all survives. Then the same comparison.

  replicas
          Two broker processes on one database of a MongoDB server (nx-27017, or the one of
          MACHI_MONGO_URL), clients that turn to either, the same subscriptions. One gets SIGKILL at
          random, and the other goes on; then the same comparison, at the one that is left. At last
          both are restarted in turn under load, and every request has to be answered.

The exit code is 0 only if nothing was lost, doubled, half-applied or out of order.

examples:
  python -m tests.crash --kills 50              50 kills and 50 power cuts, about 6 minutes
  python -m tests.crash --kills 5 --cuts 0      only kills
  python -m tests.crash --kills 0 --cuts 500    only power cuts, many
  python -m tests.crash --store mongodb --kills 30   two brokers on MongoDB
  python -m tests.crash --seed 7                the same writes and moments again; what the
                                                kernel does in between still differs
"""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.crash",
        description="Kill the broker, and cut its power, under load; compare with its answers.",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=50, help="SIGKILLs under load (default 50)")
    parser.add_argument("--cuts", type=int, default=50, help="power cuts (default 50)")
    parser.add_argument(
        "--store", choices=["sqlite", "mongodb"], default="sqlite", help="which engine"
    )
    parser.add_argument("--seed", type=int, help="of all random choices (default: a new one)")
    parser.add_argument(
        "--seconds-between",
        type=float,
        nargs=2,
        default=(0.2, 1.5),
        metavar=("MIN", "MAX"),
        help="how long the load runs before each kill (default 0.2 1.5)",
    )
    parser.add_argument("--keep", type=Path, help="work in this empty folder and leave it there")
    return parser.parse_args()


def attempt(tally: Tally, run: Coroutine[Any, Any, None]) -> Tally:
    """Run to the end; what stops it is a violation as well."""
    try:
        asyncio.run(run)
    except Exception as failure:
        traceback.print_exc()
        tally.wrong.append(f"stopped by {type(failure).__name__}: {failure}")
    return tally


def main() -> int:
    """Run kills and cuts; return the exit code."""
    options = arguments()
    seed = options.seed if options.seed is not None else int(time.time())
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - begun:5.0f} s] {line}", flush=True)

    say(f"seed {seed}")
    tallies = []
    with tempfile.TemporaryDirectory(prefix="machi-crash-") as temporary:
        folder = options.keep or Path(temporary)
        if options.store == "mongodb":
            options.cuts = 0
            (folder / "replicas").mkdir(parents=True)
            tally = Tally("SIGKILL of one of two brokers")
            pause = tuple(options.seconds_between)
            draw = Random(f"replicas {seed}")
            run = ReplicaKills(folder / "replicas", draw, pause, say, tally)
            tallies.append(attempt(tally, run.run(options.kills)))
        elif options.kills:
            (folder / "kills").mkdir(parents=True)
            tally = Tally("SIGKILL under load")
            pause = tuple(options.seconds_between)
            kills = Kills(folder / "kills", Random(f"kills {seed}"), pause, say, tally)
            tallies.append(attempt(tally, kills.run(options.kills)))
        if options.cuts:
            (folder / "cuts").mkdir(parents=True)
            tally = Tally("power cuts under load")
            cuts = Cuts(folder / "cuts", Random(f"cuts {seed}"), say, tally)
            tallies.append(attempt(tally, cuts.run(options.cuts)))
    for tally in tallies:
        print(f"\n{tally.table()}")
    bad = sum(len(tally.wrong) for tally in tallies)
    print(f"\n{'FAILED' if bad else 'Nothing lost'} (seed {seed})")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
