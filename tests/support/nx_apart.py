"""nx-27017, made to keep transactions apart as a MongoDB replica set does.

By itself it runs everything on one connection of SQLite: transactions of two clients would nest,
and what a killed client had begun would stay. Here a transaction that begins while another is open
is told of a conflict, as by a server whose first write met another's; what belongs to no
transaction waits for its end; and the transaction of a client whose connections end is undone,
once the command that is under way is done.

    python -m tests.support.nx_apart PORT
"""

import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bson.binary import UUID_SUBTYPE, Binary
from nx_27017.handler import NeoSQLiteHandler
from nx_27017.server import run_server

THREADS = 128
"""Commands that wait for the end of a transaction each keep one."""

CONFLICT = {
    "ok": 0,
    "code": 112,
    "codeName": "WriteConflict",
    "errmsg": "WriteConflict: another transaction is open",
    "errorLabels": ["TransientTransactionError"],
}
GONE = {
    "ok": 0,
    "code": 251,
    "codeName": "NoSuchTransaction",
    "errmsg": "the transaction was undone",
    "errorLabels": ["TransientTransactionError"],
}
Reply = tuple[int, dict[str, Any]]


class Apart(NeoSQLiteHandler):  # type: ignore[misc]
    """One transaction at a time."""

    def __init__(self) -> None:
        super().__init__(db_path="memory", data_dir="memory")
        self._apart = threading.Condition()
        self._open: bytes | None = None
        """The session whose transaction is open."""
        self._clients: set[str] = set()
        """The connections the open transaction was seen on."""
        self._within_it = 0
        """Commands of the open transaction that are being carried out."""
        self._lost = False
        """Whether the client of the open transaction is gone."""
        self._running = 0
        """Commands outside of transactions that are being carried out."""

    def handle_command(self, msg: dict[str, Any]) -> Reply:
        return self._in_turn(msg, super().handle_command)

    def handle_insert(self, msg: dict[str, Any]) -> Reply:
        return self._in_turn(msg, super().handle_insert)

    def close_streams_for_connection(self, conn_id: Any) -> None:
        super().close_streams_for_connection(conn_id)
        with self._apart:
            if self._open is not None and conn_id in self._clients:
                self._lost = True
                self._undo_lost()

    def _in_turn(self, msg: dict[str, Any], carry_out: Any) -> Reply:
        command = _command(msg)
        session = _session(command)
        if "autocommit" in command and session is not None:
            return self._within(msg, command, session, carry_out)
        with self._apart:
            while self._open is not None and not _harmless(command):
                self._apart.wait()
            self._running += 1
        try:
            reply: Reply = carry_out(msg)
            return reply
        finally:
            with self._apart:
                self._running -= 1
                self._apart.notify_all()

    def _within(self, msg: dict[str, Any], command: Any, session: bytes, carry_out: Any) -> Reply:
        request = msg.get("request_id", 0)
        with self._apart:
            if command.get("startTransaction"):
                if self._open is not None and self._open != session:
                    return request, dict(CONFLICT)
                self._open, self._clients, self._lost = session, set(), False
                while self._running:
                    self._apart.wait()
            elif self._open != session or self._lost:
                return request, dict(GONE)
            self._clients.add(msg["_conn_id"])
            self._within_it += 1
        try:
            reply: Reply = carry_out(msg)
        finally:
            with self._apart:
                self._within_it -= 1
                if "commitTransaction" in command or "abortTransaction" in command:
                    self._end()
                self._undo_lost()
        return reply

    def _undo_lost(self) -> None:
        """Undo the open transaction where its client is gone and none of its commands runs."""
        if self._open is None or not self._lost or self._within_it:
            return
        lsid = {"id": Binary(self._open, UUID_SUBTYPE)}
        body = {"abortTransaction": 1, "lsid": lsid, "$db": "admin"}
        _, reply = super().handle_command({"request_id": 0, "sections": [("body", body)]})
        assert reply["ok"], reply
        self._end()

    def _end(self) -> None:
        self._open = None
        self._apart.notify_all()


def _command(msg: dict[str, Any]) -> dict[str, Any]:
    for kind, data in msg["sections"]:
        if kind == "body":
            found: dict[str, Any] = data
            return found
    return {}


def _session(command: dict[str, Any]) -> bytes | None:
    lsid = command.get("lsid")
    return bytes(lsid["id"]) if lsid else None


def _harmless(command: dict[str, Any]) -> bool:
    return any(name in command for name in ("hello", "ping", "isMaster", "ismaster", "endSessions"))


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    await run_server("127.0.0.1", port, Apart())


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
