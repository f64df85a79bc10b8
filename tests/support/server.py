"""A server in a process of its own, for tests and benchmarks that start, kill and measure it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from tests.support.patience import PATIENCE
from tests.support.ports import free_port

HOST = "127.0.0.1"
POLL = 0.002


class ServerFailed(Exception):
    """The process ended, or did not answer in time; the message carries the end of its log."""


class Server:
    """A command that serves HTTP on a loopback port. `ready` is the path that says it may be used.

    Output goes to `log`. The process leads its own group, so that `kill` takes what it started
    with it.
    """

    def __init__(self, command: list[str], port: int, log: Path, ready: str = "/ready") -> None:
        self.command = command
        self.port = port
        self.log = log
        self.ready = ready
        self.url = f"http://{HOST}:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the process id. Raises ServerFailed where nothing runs."""
        if self._process is None:
            raise ServerFailed("not started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Say whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def processor_time(self) -> float:
        """Return the seconds of processor time the process has had (Linux)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def spawn(self) -> None:
        """Start the process and return at once."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def start(self, timeout: float = PATIENCE) -> float:
        """Start the process, wait until it is ready, and return the seconds that took.

        One that does not become ready is ended.
        """
        begun = time.perf_counter()
        self.spawn()
        try:
            self.wait_ready(timeout)
        except BaseException:
            self.kill()
            raise
        return time.perf_counter() - begun

    def wait_ready(self, timeout: float = PATIENCE) -> None:
        """Wait until `ready` answers 200. Raises ServerFailed."""
        deadline = time.monotonic() + timeout
        while not self._answers():
            if not self.alive:
                raise ServerFailed(f"ended before it was ready:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"not ready after {timeout:.0f} s:\n{self.tail()}")
            time.sleep(POLL)

    def kill(self) -> None:
        """End the process group by SIGKILL and reap it."""
        self._end(signal.SIGKILL)

    def stop(self, timeout: float = PATIENCE) -> None:
        """End the process by SIGTERM, as an operator would; by SIGKILL where that does not do."""
        if self.alive:
            os.kill(self.pid, signal.SIGTERM)
            try:
                assert self._process is not None
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise ServerFailed(
                    f"did not end in {timeout:.0f} s after SIGTERM:\n{self.tail()}"
                ) from None
        self._process = None

    def tail(self, characters: int = 3000) -> str:
        """Return the end of the log."""
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, how)
        self._process.wait()
        self._process = None

    def _answers(self) -> bool:
        request = (
            f"GET {self.ready} HTTP/1.1\r\nHost: {HOST}:{self.port}\r\nConnection: close\r\n\r\n"
        )
        try:
            with socket.create_connection((HOST, self.port), timeout=1.0) as connection:
                connection.sendall(request.encode())
                return connection.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False


def broker(data: Path, log: Path, port: int | None = None, *more: str) -> Server:
    """Return a broker on the folder `data`, without authentication; not yet started.

    `more` are further options of the command line.
    """
    port = port or free_port()
    machi = str(Path(sys.executable).with_name("machi"))
    options = ["--host", HOST, "--port", str(port), "--data", str(data), "--auth", "off"]
    return Server([machi, "broker", *options, *more], port, log)
