"""The report: what was measured, how, on what, and whether the targets are met."""

from statistics import median

from bench.figures import Figure, Rate, number

METHOD = """\
Speed is **requests per CPU-second of the server process** (user and system time of all its
threads, from `/proc`), divided by the same figure of a bare ASGI application under the same load
in the same round. The bare application (`bench/bare.py`) runs on uvicorn with uvloop and
httptools, one worker; it answers 600 bytes of JSON to GET, and parses the body of everything else
with orjson. Both servers get the same requests from wrk with 1 thread and {connections} keep-alive
connections on the same machine; rounds alternate, cells last {seconds} s, {rounds} rounds.
A target is held against the median.

The broker is one process with a new file, `synchronous=FULL`, the change feed on and every
attribute indexed as it is by default; for operations and batches of 1,000 it runs with
`--no-history`, and what history costs is measured apart. It holds {count:,} entities of 15
attributes (about 1.4 KB as sent). *retrieve*: by id, uniform over all. *update*: PATCH of one
number to a new value. *create*: POST of an entity with 15 attributes. *query*: type and `q` on a
number that selects 0.1 % of the entities, limit 20. *mix*: 60 % retrieve, 25 % update, 10 %
query, 5 % create. Every answer of a cell must be a success. Created entities are deleted between
the cells, outside the measured time. *batch*: five upserts of 1,000 entities one after the other
from one client; a request is one entity, the times are those of a whole batch (the longest for
p99), and processor time counts until what a batch leaves to do is done. The bare server gets such
entities one by one. The target of 5,000 entities a second was set on a machine on which that
answers 24,000 of them per CPU-second, hence {batch_target:g}. Race, starts and the batches of the
second table are wall time on the machine named above; a start counts from
the command to the first 200 of `/ready`, with modules compiled; a query's time is that of one
client which waits for each answer, once history has caught up with the load (one type of 60,000
entities and 19 others, 100,000 in all, limit 20); memory is read after loading, after each load
with reads and writes, and after each start.

Notifications: receivers run in a process of their own, writers and listeners in a third, all on
the same cores. *Age* is the time from the change (taken before its commit) to the receiver, at 500
updates a second that go to one HTTP and one SSE receiver each. *Beside a hanging receiver*: pairs
of rounds, with and without one more subscription to everything whose receiver never answers.
*Deliveries*: 8 writers as fast as answers come; from the first write to the last notification. What
came is held against the broker's books; a run in which they differ fails.

History: *updates with history* run against two brokers in alternation, one with `--no-history`; the
processor time counts until history has caught up. A million instances of 2,000 series arrive in
turn, 4,000 in each commit, which is the worst order for series that lie together; their times have
microseconds. The rate is that of the engine, merging into chunks included, and the bytes are those
of all pages of history's tables. Reads are over HTTP, one after the other, of that file.

Guard: the same public reads of 5,000 entities, with nobody showing a key, against two brokers in
alternation: one with `--auth off`, one with the town's policies. Fifteen pairs.

Town: a whole town in processes of its own beside Mosquitto; a gauge's uplink a second, after three
that do not count, and one Chromium with ten open pages, all on the same cores. Times count from
before the uplink is handed to Mosquitto: to the broker's stream, to the portal's event stream, and
in the pages to the first task after the frame that draws the level. Each round is the 95th
percentile of 20 messages, in the pages of 200. The start has a town's own MQTT broker and devices.

Kijiko: 64 payments at once for 5 s a round; each answer means that the payment is on disk, and all
books must balance afterwards. The shop's screen: payments one after the other on one page of a
Chromium, seen on another; from the first byte of the answer, and from the press of the button, to
the first task after the frame that draws the line, all by the browser's clock.
"""


def render(rates: list[Rate], figures: list[Figure], machine: list[str], **method: float) -> str:
    """Return the report as Markdown."""
    lines = ["# Benchmark report", "", "Written by `make bench`.", ""]
    lines += ["## Machine and versions", "", *(f"- {line}" for line in machine), ""]
    if rates:
        lines += ["## Operations against a bare ASGI server", "", *rate_table(rates), ""]
    if figures:
        lines += ["## Wall time, memory, start", "", *figure_table(figures), ""]
    lines += ["## Method", "", METHOD.format(**method)]
    return "\n".join(lines)


def rate_table(rates: list[Rate]) -> list[str]:
    """Return the table of ratios."""
    rows = [
        "| operation | ratio: min | median | max | target | | per CPU-second | bare |"
        " requests/s | p50 ms | p99 ms |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for rate in rates:
        ratio = rate.ratio
        cells = [
            rate.name,
            *(f"{value:.3f}" for value in ratio.spread),
            str(ratio.target or "–"),
            ratio.verdict,
            number(median(cell.per_cpu for cell in rate.broker)),
            number(median(cell.per_cpu for cell in rate.bare)),
            number(median(cell.per_second for cell in rate.broker)),
            number(median(cell.p50_ms for cell in rate.broker)),
            number(median(cell.p99_ms for cell in rate.broker)),
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def figure_table(figures: list[Figure]) -> list[str]:
    """Return the table of everything that is not a ratio."""
    rows = ["| what | unit | min | median | max | target | |", "|---|---|---|---|---|---|---|"]
    for figure in figures:
        spread = [number(value) for value in figure.spread]
        cells = [figure.name, figure.unit, *spread, str(figure.target or "–"), figure.verdict]
        rows.append("| " + " | ".join(cells) + " |")
    return rows
