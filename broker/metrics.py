"""Counters of one broker process, in the Prometheus text format.

Written by hand because a request's share of it must stay under a microsecond; labels are
route names and statuses only, never ids, tenants or values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping


class Metrics:
    """Counts requests and their time; asks its gauges when it is read."""

    def __init__(self) -> None:
        self.requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._gauges: list[Callable[[], Mapping[str, float]]] = []

    def gauge(self, read: Callable[[], Mapping[str, float]]) -> None:
        """Add a source of figures: name (without prefix) → value, read at each scrape.

        A name that ends in `_total` is a counter's, which never goes back while the broker runs.
        """
        self._gauges.append(read)

    def text(self, more: Mapping[str, float]) -> str:
        """Return all figures in the Prometheus text exposition format, version 0.0.4.

        `more` are gauges read by the caller.
        """
        lines = [
            "# HELP machi_requests_total Requests answered, by operation and status.",
            "# TYPE machi_requests_total counter",
        ]
        lines += [
            f'machi_requests_total{{operation="{name}",status="{status}"}} {count}'
            for (name, status), count in sorted(self.requests.items())
        ]
        lines += [
            "# HELP machi_request_seconds_total Time spent answering, by operation.",
            "# TYPE machi_request_seconds_total counter",
        ]
        lines += [
            f'machi_request_seconds_total{{operation="{name}"}} {seconds:.6f}'
            for name, seconds in sorted(self.seconds.items())
        ]
        for gauges in (*(read() for read in self._gauges), more):
            for name, value in gauges.items():
                kind = "counter" if name.endswith("_total") else "gauge"
                lines += [f"# TYPE machi_{name} {kind}", f"machi_{name} {value}"]
        return "\n".join(lines) + "\n"
