"""`python -m bench`: measure the broker against a bare ASGI server, and write the report."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from bench import machine
from bench.batches import TARGET
from bench.bookings import measure_bookings
from bench.consent_bound import measure_consent_bound
from bench.delivery import measure_delivery
from bench.figures import Figure, Rate
from bench.guard import ROUNDS as GUARD_ROUNDS
from bench.guard import measure_guard
from bench.history import measure_history
from bench.kijiko import measure_kijiko
from bench.kijiko_screen import measure_kijiko_screen
from bench.queries import measure_queries
from bench.race import measure_race
from bench.rates import COUNT, TARGETS, Say, measure_rates, replaced, seeded_broker
from bench.report import figure_table, rate_table, render
from bench.requests import RequestFailed
from bench.scale import measure_empty_start, measure_scale
from bench.streams import measure_streams
from bench.subscriptions import measure_subscriptions
from bench.town import measure_town
from bench.withdrawal import measure_withdrawal
from bench.wrk import CONNECTIONS, LoadFailed
from tests.support.server import ServerFailed, broker

REPORT = Path(__file__).parent / "REPORT.md"
PARTS = [
    *TARGETS,
    "batch",
    "race",
    "scale",
    "queries",
    "start",
    "streams",
    "subscriptions",
    "delivery",
    "history",
    "guard",
    "town",
    "withdrawal",
    "bookings",
    "kijiko",
    "kijiko_screen",
]

ALONE = {
    "streams": measure_streams,
    "withdrawal": measure_withdrawal,
    "bookings": measure_bookings,
    "kijiko": measure_kijiko,
    "kijiko_screen": measure_kijiko_screen,
}
"""Parts that need no rounds."""

TIMED = {
    "subscriptions": measure_subscriptions,
    "delivery": measure_delivery,
    "history": measure_history,
}
"""Parts of rounds of so many seconds."""

TOWN_ROUNDS = 3
"""Rounds of 20 messages, one a second."""

EPILOGUE = """\
operations (requests per CPU-second, as a ratio to a bare server):
  retrieve  GET an entity by id          create  POST an entity of 15 attributes
  update    PATCH one attribute          query   type and selective q, limit 20
  mix       60 % retrieve, 25 % update, 10 % query, 5 % create
others (wall time, memory):
  batch     upsert of 1,000 entities     race    200 clients add -1 to 100
  scale     100,000 entities             start   on an empty folder
  queries   100,000 entities of 20 types: conditions, places, order, count, far pages
  streams   2,000 listeners: memory, one change told to all, back after a kill
  subscriptions   an update that 4 of 10,000 match, against one without
  delivery        ages at receivers, beside one that hangs, deliveries a second
  history         what it costs an update, its lag, a million instances, their bytes, reads
  guard           public and consent-bound reads with policies, against --auth off
  town            a message a second to ten open pages, hop by hop, and a town's start
  withdrawal      what still leaves of a person, with 1,000 subscriptions to them
  bookings        pages of the bookings app with 10,000 bookings over a year
  kijiko          payments a second over 60 shops and into one, the chain sealed behind them
  kijiko_screen   from a payment's answer to the line on the shop's screen, in a browser

examples:
  python -m bench                          everything, about 8 minutes, writes bench/REPORT.md
  python -m bench --quick                  everything in short, about 2 minutes, prints only
  python -m bench retrieve --rounds 3      one operation, prints only
  python -m bench.in_turns ../before .     batches by the code of two checkouts, in turns
"""


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measure the broker against a bare ASGI server under the same load.",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="part",
        help=f"one or more of: {', '.join(PARTS)} (default: all)",
    )
    parser.add_argument("--quick", action="store_true", help="3 rounds of 1 s, and no report file")
    parser.add_argument("--rounds", type=int, help="rounds per operation (default 11)")
    parser.add_argument("--seconds", type=int, help="length of one measurement (default 2)")
    parser.add_argument("--folder", type=Path, help="where the files lie (default: a temporary)")
    parser.add_argument("--report", type=Path, help=f"where to write (default bench/{REPORT.name})")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return options


def measure(
    folder: Path,
    parts: list[str],
    rounds: int,
    seconds: int,
    say: Say,
    rates: list[Rate],
    figures: list[Figure],
) -> None:
    """Measure the parts asked for; put what is measured into `rates` and `figures`."""
    operations = [name for name in TARGETS if name in parts]
    apart = (
        "rates",
        "race",
        "scale",
        "queries",
        "streams",
        "subscriptions",
        "delivery",
        "history",
        "guard",
        "town",
        "withdrawal",
        "bookings",
        "kijiko",
        "kijiko_screen",
    )
    places = {name: folder / name for name in apart}
    for place in places.values():
        place.mkdir()
    if operations:
        measured, batches = measure_rates(places["rates"], operations, rounds, seconds, say)
        rates += measured
        figures += batches if "batch" in parts else []
    elif "batch" in parts:
        with seeded_broker(places["rates"], COUNT) as (_, requests, bodies, created):
            figures += [created, replaced(requests, bodies)]
    if "race" in parts:
        with broker(places["race"] / "data", places["race"] / "broker.log") as server:
            figures.append(measure_race(server, rounds))
        say("race done")
    if "scale" in parts:
        figures += measure_scale(places["scale"], seconds, say)
    if "queries" in parts:
        figures += measure_queries(places["queries"], rounds, say)
    for name, alone in ALONE.items():
        if name in parts:
            figures += alone(places[name], say)
    for name, timed in TIMED.items():
        if name in parts:
            figures += timed(places[name], rounds, seconds, say)
    if "guard" in parts:
        pairs = GUARD_ROUNDS if rounds >= 11 else rounds
        figures += measure_guard(places["guard"], pairs, seconds, say)
        figures += measure_consent_bound(places["guard"] / "persons", pairs, seconds, say)
    if "town" in parts:
        figures += measure_town(places["town"], min(rounds, TOWN_ROUNDS), say)
    if "start" in parts:
        figures.append(measure_empty_start(folder))


def main() -> int:
    """Run the benchmark; return the exit code."""
    options = arguments()
    # Starts are those of an installed broker, whose modules are compiled.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parts = options.parts or PARTS
    rounds = options.rounds or (3 if options.quick else 11)
    seconds = options.seconds or (1 if options.quick else 2)
    begun = time.monotonic()
    rates: list[Rate] = []
    figures: list[Figure] = []

    def say(line: str) -> None:
        print(f"[{time.monotonic() - begun:5.0f} s] {line}", flush=True)

    with tempfile.TemporaryDirectory(prefix="machi-bench-", dir=options.folder) as name:
        folder = Path(name)
        failed = False
        try:
            measure(folder, parts, rounds, seconds, say, rates, figures)
        except (LoadFailed, RequestFailed, ServerFailed) as failure:
            print(f"bench: {failure}", file=sys.stderr)
            failed = True
        described = machine.describe(folder)
    print()
    for table in (rate_table(rates) if rates else [], figure_table(figures) if figures else []):
        print("\n".join(table))
    where = options.report or (REPORT if parts == PARTS and not options.quick else None)
    if where is not None and not failed:
        text = render(
            rates,
            figures,
            described,
            connections=CONNECTIONS,
            seconds=seconds,
            rounds=rounds,
            count=COUNT,
            batch_target=TARGET.value,
        )
        where.write_text(text + "\n" if not text.endswith("\n") else text, encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
