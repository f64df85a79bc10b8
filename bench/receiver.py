"""`python -m bench.receiver PORT`: an HTTP receiver, in a process of its own, that keeps times.

POST takes a notification: how long ago its change was committed (`notifiedAt`) is noted.
POST to `/hang…` is never answered. GET `/figures` tells what was noted since the last time.
"""

import asyncio
import sys
import time
from array import array
from collections.abc import Callable
from datetime import datetime
from typing import cast

import orjson

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
FOUND = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
NOTED = b'"notifiedAt":"'


def seconds_since(committed: str) -> float:
    """Return how long ago an ISO 8601 time was."""
    return time.time() - datetime.fromisoformat(committed).timestamp()


class Noted:
    """What came: ages in seconds, the ids, and when the newest came."""

    def __init__(self) -> None:
        self.ages = array("d")
        self.ids: set[bytes] = set()
        self.newest = 0.0

    def take(self, body: bytes) -> None:
        """Note one notification."""
        at = body.index(NOTED) + len(NOTED)
        self.ages.append(seconds_since(body[at : body.index(b'"', at)].decode()))
        self.ids.add(body[7 : body.index(b'"', 7)])
        self.newest = time.time()

    def told(self) -> bytes:
        """Return and forget what was noted."""
        found = {"ages": self.ages.tolist(), "unique": len(self.ids), "newest": self.newest}
        self.ages, self.ids = array("d"), set()
        return orjson.dumps(found)


class Receiving(asyncio.Protocol):
    """One connection."""

    def __init__(self, noted: Noted) -> None:
        self._noted = noted
        self._data = b""
        self._write: Callable[[bytes], None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = cast(asyncio.Transport, transport).write

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._data) < end + 4 + length:
                return
            body = self._data[end + 4 : end + 4 + length]
            self._data = self._data[end + 4 + length :]
            if head.startswith(b"get"):
                told = self._noted.told()
                self._write(FOUND % (len(told), told))
            elif not head.startswith(b"post /hang"):
                self._noted.take(body)
                self._write(OK)


async def serve(port: int) -> None:
    """Receive until stopped."""
    noted = Noted()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Receiving(noted), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(int(sys.argv[1])))
