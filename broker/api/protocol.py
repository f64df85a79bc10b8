"""One HTTP connection: requests are answered in order, with as little as possible between."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, cast

from uvicorn.config import Config
from uvicorn.server import ServerState

from broker.api.behind import Exchange, scope
from broker.api.heads import CONTINUE, ForgedHeader, whole
from broker.api.lane import unexpected
from broker.api.outgoing import Outgoing, pump
from broker.api.reader import Reader
from broker.api.request import Request
from broker.api.response import Response, problem
from broker.api.run import Run
from broker.errors import InvalidRequest, RequestTimeout, ServiceUnavailable

if TYPE_CHECKING:
    from broker.api.wire import Wire

log = logging.getLogger("machi.broker")


class Protocol(asyncio.Protocol):
    """The connection of one client, as uvicorn's server makes and ends it.

    A request of the dispatch table is answered within `data_received` unless it has to wait; one
    that streams, or is for the application behind the table, gets a Task. A client that leaves
    does not stop a handler: its write is made or refused as if the client had stayed.
    """

    __slots__ = (
        "_active", "_app", "_blocked", "_bodies", "_config", "_drain", "_ended", "_gone", "_heard",
        "_held", "_lane", "_loop", "_lost", "_reader", "_run", "_state", "_stopping", "_task",
        "_transport", "_values", "_wire",
    )  # fmt: skip

    def __init__(
        self,
        wire: Wire,
        config: Config,
        state: ServerState,
        values: dict[str, Any],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._wire = wire
        self._lane = wire.lane
        self._config = config
        self._app = config.loaded_app
        self._state = state
        self._values = values
        self._loop = loop
        self._bodies = wire.bodies
        sockets = config.ws_protocol_class is not None
        self._reader = Reader(wire.lane, wire.limits, wire.bodies, wire.known, sockets=sockets)
        self._run: Run[Response] = Run(loop, state.tasks, self._respond)
        self._transport: asyncio.Transport
        self._active: Request | None = None
        self._task: asyncio.Task[None] | None = None
        self._gone: asyncio.Future[None] | None = None
        self._drain: asyncio.Future[None] | None = None
        self._heard = 0.0
        self._blocked: float | None = None
        self._ended: float | None = None
        self._held = False
        self._lost = False
        self._stopping = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, unless there are too many connections."""
        self._transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._reader.address = str(peer[0])
        full = len(self._state.connections) >= self._wire.limits.connections
        self._state.connections.add(self)  # type: ignore[arg-type]
        self._wire.join(self, self._loop)
        self._heard = self._wire.now
        if full:
            self._reader.refuse(
                ServiceUnavailable(
                    f"The broker serves {self._wire.limits.connections} connections already.",
                    place="broker",
                    remedy="Try again in some seconds; use one connection for many requests.",
                )
            )
            self._advance()

    def data_received(self, data: bytes) -> None:
        """Read, and answer what is complete."""
        reader = self._reader
        self._heard = self._wire.now
        reader.feed(data)
        if reader.ready:
            self._advance()
            if reader.ready:
                self._hold()
        if reader.current is not None or reader.target or reader.deaf:
            self._look()

    def eof_received(self) -> bool:
        """Let a client that has closed its half have the answer it waits for."""
        if self._active is None or self._task is not None:
            return False
        self._active.closes = True
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything but a running handler."""
        self._lost = True
        self._state.connections.discard(self)
        self._wire.leave(self)
        self._reader.forget()
        self.resume_writing()
        if self._gone is not None:
            if not self._gone.done():
                self._gone.set_result(None)
        elif self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """Note that the client reads too slowly: no more is answered until it has caught up."""
        self._blocked = self._wire.now

    def resume_writing(self) -> None:
        """Go on answering."""
        self._blocked = None
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)
        self._drain = None
        if self._reader.ready:
            self._loop.call_soon(self._advance)

    def shutdown(self) -> None:
        """Finish what has begun, then close (uvicorn calls this when the server stops)."""
        self._stopping = True
        if self._active is None and not self._reader.ready and self._reader.current is None:
            self._end()

    def check(self) -> None:
        """End what has taken too long (the wire calls this once a second)."""
        limits, now, reader = self._wire.limits, self._wire.now, self._reader
        if self._ended is not None:
            if now - self._ended > limits.linger:
                self._transport.abort()
        elif self._blocked is not None:
            if now - self._blocked > limits.stalled:
                self._transport.abort()
        elif self._active is not None or reader.ready:
            return
        elif reader.current is not None:
            if now - reader.begun > limits.request or now - self._heard > limits.pause:
                self._time_out(limits.pause, limits.request)
        elif reader.unfinished:
            if now - reader.begun > limits.head_time:
                self._time_out(limits.head_time, limits.head_time)
        elif now - self._heard > limits.idle:
            self._end()

    @property
    def reading(self) -> bool:
        """Whether a request has begun to arrive and is not complete."""
        return self._reader.unfinished

    def write(self, data: bytes) -> None:
        """Send; nothing happens where the client has left."""
        if not self._lost:
            self._transport.write(data)

    async def drained(self) -> None:
        """Return when more may be written, or the client has left."""
        while self._blocked is not None:
            if self._drain is None:
                self._drain = self._loop.create_future()
            await self._drain

    def date(self) -> bytes:
        """Return the Date header as a line."""
        return self._wire.date

    def _look(self) -> None:
        """See to a request that is not complete, and to the end of reading."""
        reader = self._reader
        if reader.upgrade is not None:
            self._hand_over(*reader.upgrade)
        elif reader.unfinished:
            if not reader.begun:
                reader.begun = self._wire.now
            if self._active is not None:
                self._hold()
            elif reader.expecting:
                reader.invited = True
                self.write(CONTINUE)
        if reader.spoilt and self._active is None and not reader.ready and self._ended is None:
            self._end()

    def _hold(self) -> None:
        """Read no further before what is there is answered."""
        if not self._held and self._ended is None:
            self._held = True
            self._transport.pause_reading()

    def _advance(self) -> None:
        """Answer the next request, if it is its turn."""
        if self._active is not None or self._blocked is not None or self._ended is not None:
            return
        if not self._reader.ready:
            return
        self._active = request = self._reader.ready.popleft()
        if request.answer is not None:
            self._respond(request.answer)
        elif request.served:
            self._run.start(self._lane.answer(request))
        else:
            self._begin(self._forward(request))

    def _respond(self, response: Response | None) -> None:
        """Send the answer to the active request; None where its handler was cancelled."""
        request = self._active
        assert request is not None
        if response is None or self._lost:
            self._active = None
            self._bodies.give_back(request)
            if not self._lost:
                self._transport.abort()
            return
        if self._stopping:
            request.closes = True
        if response.stream is not None:
            self._begin(self._stream(request, response))
            return
        if response.status == 204 and not response.headers and not request.closes:
            self._transport.write(self._wire.done)
            self._finish(request)
            return
        bodiless = request.method == "HEAD"
        try:
            data = whole(response, self._wire.date, closes=request.closes, bodiless=bodiless)
        except ForgedHeader as error:
            response = problem(unexpected("a response's head", error))
            data = whole(response, self._wire.date, closes=request.closes, bodiless=bodiless)
        self._transport.write(data)
        self._finish(request)

    def _finish(self, request: Request) -> None:
        """Go on after an answer: to the next request, to reading, or to the end."""
        self._active = None
        if request.weight:
            self._bodies.give_back(request)
        reader = self._reader
        if request.closes or self._stopping:
            self._end()
        elif reader.ready:
            self._loop.call_soon(self._advance)
        elif self._held:
            self._held = False
            self._heard = self._wire.now
            if reader.begun:
                reader.begun = self._wire.now
            self._transport.resume_reading()
            if reader.unfinished:
                self._loop.call_soon(self._look)

    def _end(self) -> None:
        """Close; first let a client that may still be sending read what it was told."""
        if self._ended is not None or self._lost:
            return
        self._ended = self._wire.now
        reader = self._reader
        linger = reader.spoilt or reader.current is not None
        reader.forget()
        if linger and self._transport.can_write_eof():
            self._transport.write_eof()
            if self._held:
                self._transport.resume_reading()
        else:
            self._transport.close()

    def _time_out(self, pause: float, total: float) -> None:
        self._reader.refuse(
            RequestTimeout(
                f"The request did not arrive in time: {pause:g} s without a byte, "
                f"or {total:g} s in all.",
                place="request",
                remedy="Send the request without pauses.",
            )
        )
        self._advance()
        self._look()

    def _begin(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Answer the active request by a Task."""
        self._task = task = self._loop.create_task(coroutine)
        self._state.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._state.tasks.discard(task)
        self._task = self._gone = None
        self._heard = self._wire.now
        request = self._active
        assert request is not None
        if self._lost or task.cancelled() or task.exception() is not None:
            if not task.cancelled() and task.exception() is not None:
                log.error("an answer broke off", exc_info=task.exception())
            self._active = None
            self._bodies.give_back(request)
            self._transport.abort()
        else:
            self._finish(request)

    async def _stream(self, request: Request, response: Response) -> None:
        assert response.stream is not None
        outgoing = Outgoing(self, request)
        outgoing.begin(response.status, response.headers)
        await pump(outgoing, response.stream)

    async def _forward(self, request: Request) -> None:
        """Have the application behind the table answer."""
        self._gone = self._loop.create_future()
        outgoing = Outgoing(self, request)
        exchange = Exchange(request, outgoing, self._gone)
        asked = scope(request, self._transport, self._values)
        try:
            await self._app(asked, exchange.receive, exchange.send)
        except Exception as error:
            told = problem(unexpected("the application behind the table", error))
            if not outgoing.begun:
                await exchange.answer(told)
        if not exchange.complete and not self._lost:
            self._transport.abort()

    def _hand_over(self, request: Request, rest: bytes) -> None:
        """Give the connection to uvicorn's WebSocket protocol, handshake and all."""
        self._reader.upgrade = None
        if self._active is not None or self._reader.ready:
            self._reader.deaf = False
            self._reader.refuse(
                InvalidRequest(
                    "A WebSocket handshake came before the request ahead of it was answered.",
                    place="header:Upgrade",
                    remedy="Open a connection for the WebSocket.",
                )
            )
            return
        made: Any = self._config.ws_protocol_class
        protocol = made(config=self._config, server_state=self._state, app_state=self._values)
        self._lost = True
        self._wire.leave(self)
        self._state.connections.discard(self)
        target = request.raw_path + (b"?" + request.raw_query if request.raw_query else b"")
        lines = [b"GET " + target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in request.headers.items()]
        protocol.connection_made(self._transport)
        protocol.data_received(b"\r\n".join([*lines, b"", b""]) + rest)
        self._transport.set_protocol(protocol)
