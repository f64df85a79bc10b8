"""Load by wrk, and what it cost the server."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench.process import cpu_seconds
from tests.support.server import Server

CONNECTIONS = 32
SCRIPT = Path(__file__).parent / "lua" / "load.lua"


class LoadFailed(Exception):
    """wrk is absent, or the server did not answer every request as it should."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement: an operation, repeated for some seconds against one server."""

    requests: int
    seconds: float
    cpu: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Requests per second of wall time."""
        return self.requests / self.seconds

    @property
    def per_cpu(self) -> float:
        """Requests per CPU-second of the server process: the speed that is compared."""
        return self.requests / self.cpu


def load(
    server: Server,
    operation: str,
    *,
    count: int,
    cell: int,
    seconds: int,
    bodies: Path,
    headers: Sequence[str] = (),
) -> Cell:
    """Run one cell; `headers` are sent with each request, as `Name: value`.

    Raises LoadFailed where an answer was an error or a connection broke.
    """
    wrk = shutil.which("wrk")
    if wrk is None:
        raise LoadFailed("wrk is not installed (Debian package wrk)")
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(SCRIPT), server.url]
    arguments = ["--", operation, str(count), str(cell), str(bodies), *headers]
    before = cpu_seconds(server.pid)
    run = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    cpu = cpu_seconds(server.pid) - before
    result = run.stdout.rpartition("RESULT ")[2]
    if run.returncode or not result.startswith("{"):
        raise LoadFailed(f"wrk failed on {operation}: {run.stdout}{run.stderr}")
    figures = orjson.loads(result)
    if figures["refused"] or figures["broken"]:
        raise LoadFailed(
            f"{operation}: {figures['refused']} error answers and {figures['broken']} broken"
            f" connections among {figures['requests']} requests\n{server.tail()}"
        )
    return Cell(
        requests=figures["requests"],
        seconds=figures["microseconds"] / 1e6,
        cpu=cpu,
        p50_ms=figures["p50"] / 1000,
        p99_ms=figures["p99"] / 1000,
    )
