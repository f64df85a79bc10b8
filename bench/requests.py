"""A few plain requests to the broker, for seeding and for checks around the measurement."""

import http.client
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import orjson

from tests.support.server import HOST, Server

API = "/ngsi-ld/v1"
BATCH = 1000


class RequestFailed(Exception):
    """The broker answered otherwise than the benchmark needs."""


class Requests:
    """Requests to one broker, each over a connection of its own: cells between them take long."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def send(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Return status and body of the answer."""
        headers = {"Content-Type": "application/json"} if body else {}
        with closing(http.client.HTTPConnection(HOST, self._server.port, timeout=60)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def expect(self, status: int, method: str, path: str, document: Any = None) -> Any:
        """Send a document; return the answer's. Raises RequestFailed on another status."""
        body = None if document is None else orjson.dumps(document)
        got, answer = self.send(method, path, body)
        if got != status:
            raise self._failed(f"{method} {path}", got, answer)
        return orjson.loads(answer) if answer else None

    def upsert(self, body: bytes) -> float:
        """Send one batch upsert and return the seconds it took."""
        begun = time.perf_counter()
        status, answer = self.send("POST", f"{API}/entityOperations/upsert", body)
        taken = time.perf_counter() - begun
        if status not in {201, 204}:
            raise self._failed("batch upsert", status, answer)
        return taken

    def delete(self, ids: Sequence[str]) -> None:
        """Delete entities, `BATCH` at a time; those already gone do not matter."""
        for start in range(0, len(ids), BATCH):
            body = orjson.dumps(list(ids[start : start + BATCH]))
            status, answer = self.send("POST", f"{API}/entityOperations/delete", body)
            if status not in {204, 207}:
                raise self._failed("batch delete", status, answer)

    def history_behind(self) -> float:
        """Return how many changes history is behind."""
        _, text = self.send("GET", "/metrics")
        for line in text.decode().splitlines():
            if line.startswith("machi_history_behind "):
                return float(line.rsplit(" ", 1)[1])
        raise RequestFailed("the broker does not say how far its history is behind")

    def await_history(self, seconds: float) -> None:
        """Wait until history has caught up. Raises RequestFailed where it takes longer."""
        end = time.monotonic() + seconds
        while self.history_behind():
            if time.monotonic() > end:
                raise RequestFailed(f"history did not catch up within {seconds:.0f} s")
            time.sleep(0.02)

    def _failed(self, what: str, status: int, answer: bytes) -> RequestFailed:
        return RequestFailed(f"{what}: {status} {answer[:500].decode()}\n{self._server.tail()}")
