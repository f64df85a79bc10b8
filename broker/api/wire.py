"""What all HTTP connections of a server share: limits, the clock, and the rounds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

from uvicorn.config import Config
from uvicorn.server import ServerState

from broker.api.bodies import Bodies
from broker.api.heads import done
from broker.api.known import Known
from broker.api.lane import Lane
from broker.api.limits import Limits
from broker.api.protocol import Protocol

_BEAT = 1.0


class Wire:
    """Makes the protocol of each connection; `protocol` is what uvicorn takes as `http`.

    Once a second, while there are connections, it reads the clock, writes the Date header and
    lets each connection see whether something has taken too long. So no request needs a timer,
    and times are right to a second. `clock` gives seconds.
    """

    def __init__(
        self,
        lane: Lane,
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lane = lane
        self.limits = limits or Limits()
        self.known = Known()
        self.bodies = Bodies(max(self.limits.bodies, 2 * lane.max_body))
        self.now = 0.0
        self.date = self.done = b""
        self.connections: set[Protocol] = set()
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None

    def protocol(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> Protocol:
        """Return the protocol of a new connection."""
        return Protocol(self, config, server_state, app_state, _loop or asyncio.get_running_loop())

    def join(self, connection: Protocol, loop: asyncio.AbstractEventLoop) -> None:
        """Take a connection into the rounds."""
        self.connections.add(connection)
        if self._timer is None:
            self._read_clock()
            self._timer = loop.call_later(_BEAT, self._beat, loop)

    def leave(self, connection: Protocol) -> None:
        """Leave a connection out from now on."""
        self.connections.discard(connection)
        if not self.connections and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def round(self) -> None:
        """Read the clock and end what has taken too long."""
        self._read_clock()
        for connection in list(self.connections):
            connection.check()

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(_BEAT, self._beat, loop)
        self.round()

    def _read_clock(self) -> None:
        self.now = self._clock()
        self.date = b"date: %b\r\n" % formatdate(usegmt=True).encode()
        self.done = done(self.date)
