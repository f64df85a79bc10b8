"""A server that speaks MongoDB's wire protocol: one named by the environment, or nx-27017.

`MACHI_MONGO_URL` names a real server (a replica set; databases `machi_test_…` are made there and
dropped). Without it nx-27017 answers, which keeps documents in SQLite: it has no index on the
sphere and does not keep transactions apart.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.support.ports import free_port
from tests.support.server import HOST, Server

REAL = os.environ.get("MACHI_MONGO_URL", "")


class NxServer(Server):
    """An nx-27017 process."""

    def _answers(self) -> bool:
        client: MongoClient[dict[str, object]]
        with MongoClient(HOST, self.port, serverSelectionTimeoutMS=500) as client:
            try:
                client.admin.command("ping")
            except PyMongoError:
                return False
            return True


def nx_server(folder: Path, *, data: str = "memory") -> NxServer:
    """Return a server that keeps its databases in `data`, a folder or `memory`; not yet started."""
    port = free_port()
    command = [sys.executable, "-m", "nx_27017.nx_27017", "--data-dir", data, "-p", str(port)]
    command += ["--log-file", str(folder / "nx.log"), "--pid-file", str(folder / "nx.pid")]
    return NxServer(command, port, folder / "nx-output.log")


@contextlib.contextmanager
def mongodb(folder: Path) -> Iterator[str]:
    """Yield the URL of a server."""
    if REAL:
        yield REAL
        return
    with nx_server(folder) as server:
        yield f"mongodb://{HOST}:{server.port}/"


@contextlib.contextmanager
def kept_apart(folder: Path) -> Iterator[str]:
    """Yield the URL of a server that keeps transactions of several clients apart."""
    if REAL:
        yield REAL
        return
    port = free_port()
    command = [sys.executable, "-m", "tests.support.nx_apart", str(port)]
    with NxServer(command, port, folder / "nx-apart.log") as server:
        yield f"mongodb://{HOST}:{server.port}/"


def database_name() -> str:
    """Return a name no other test uses."""
    return f"machi_test_{uuid4().hex[:12]}"
