"""A broker process for each file of fuzz tests."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzz.wire import Wire
from tests.support import free_port
from tests.support.server import Server
from tests.support.tally import TALLY, Tally

SERVE = Path(__file__).with_name("serve.py")


@pytest.fixture(scope="session")
def tally() -> Tally:
    """Return the count of made-up requests of this run."""
    return TALLY


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a broker process; at its end it must still be the same one, and well."""
    folder = tmp_path_factory.mktemp("fuzz")
    port = free_port()
    command = [sys.executable, str(SERVE), str(port), str(folder / "data")]
    server = Server(command, port, folder / "log")
    server.start()
    pid = server.pid
    yield server
    assert server.alive
    assert server.pid == pid
    server.stop()
    assert "Traceback" not in server.log.read_text()


@pytest.fixture(scope="module")
def line(server: Server) -> Iterator[Wire]:
    """Give a connection that is kept, for many small requests."""
    wire = Wire(server.port)
    yield wire
    wire.close()


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    """Give a connection; the broker must still answer after the test."""
    wire = Wire(server.port)
    yield wire
    wire.close()
    assert wire.get("/ready").status == 200
    wire.close()
