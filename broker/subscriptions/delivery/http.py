"""Notifications over HTTP/1.1: POST on connections that are kept open (§6.3.8).

A client of its own because a delivery's share of it must stay small: it knows POST and nothing
else. Redirects are not followed, no proxy is used, no cookie is kept, and of an answer's body
only so much is read as is needed to use the connection again. The egress rule judges the
address each connection goes to; a name is resolved once, and the judged address is used.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections import deque
from typing import Final

from broker.subscriptions.delivery.answer import judge
from broker.subscriptions.delivery.connection import Answer, Connection
from broker.subscriptions.delivery.message import Message
from broker.subscriptions.delivery.policy import OUTDATED, Fate, Tried
from broker.subscriptions.delivery.resolve import REMEMBERED, NoConnection, Resolver
from broker.subscriptions.endpoint import Address

IDLE: Final = 30.0
"""Seconds a connection is kept unused."""
ELSEWHERE = 2.0
"""Seconds that one of several addresses has for a connection before the next is tried."""
KEPT: Final = 16
"""Unused connections kept for each origin."""

_OURS = frozenset(("host", "content-length", "transfer-encoding", "connection", "content-type"))
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class Unusable(Exception):
    """What the receiver shall be sent cannot be sent; the text says why."""


class HttpSender:
    """POSTs notifications. Bound to its event loop."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._tls: ssl.SSLContext | None = None
        self._idle: dict[str, deque[Connection]] = {}
        self._busy: set[Connection] = set()
        self._reached: dict[str, str] = {}
        """The address that last took a connection, by origin, where a name has several."""

    async def send(
        self, address: Address, message: Message, *, attempt: int, timeout: float
    ) -> Tried:
        """POST a notification; never raises but for cancellation."""
        try:
            head = request_head(address, message)
        except Unusable as error:
            return Tried(Fate.REFUSED, str(error))
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        connection = self._kept(address.origin, loop.time())
        tries = 1
        if connection is not None:
            request = head + _tail(message, attempt)
            tried = await self._exchange(address, connection, request, end)
            if tried is not None:
                return tried
            tries = 2
        try:
            async with asyncio.timeout_at(end):
                connection = await self._connect(address)
        except TimeoutError:
            return Tried(Fate.NO_ANSWER, _late(timeout, "connect"), tries=tries)
        except NoConnection as error:
            return Tried(error.fate, str(error), tries=tries)
        if not message.holds():
            self._keep(address.origin, connection, loop.time())
            return Tried(Fate.NOT_NOW, OUTDATED, tries=tries)
        request = head + _tail(message, attempt + tries - 1)
        tried = await self._exchange(address, connection, request, end)
        if tried is None:
            tried = Tried(Fate.NO_ANSWER, "The receiver closed the connection without an answer.")
        return tried if tries == 1 else Tried(tried.fate, tried.words, tried.after, tries)

    async def close(self) -> None:
        """Close all connections."""
        for kept in self._idle.values():
            for connection in kept:
                connection.abort()
        for connection in list(self._busy):
            connection.abort()
        self._idle.clear()

    def tidy(self, now: float) -> None:
        """Close connections unused for long."""
        while len(self._reached) > REMEMBERED:
            del self._reached[next(iter(self._reached))]
        for origin, kept in list(self._idle.items()):
            while kept and (now - kept[0].since > IDLE or not kept[0].open):
                kept.popleft().abort()
            if not kept:
                del self._idle[origin]

    def _kept(self, origin: str, now: float) -> Connection | None:
        kept = self._idle.get(origin)
        while kept:
            connection = kept.pop()
            if connection.open and now - connection.since < IDLE:
                return connection
            connection.abort()
        return None

    async def _exchange(
        self, address: Address, connection: Connection, request: bytes, end: float
    ) -> Tried | None:
        """Send and wait; None where a kept connection had been closed by the other side."""
        loop = asyncio.get_running_loop()
        fresh, connection.used = not connection.used, True
        self._busy.add(connection)
        waiter = connection.post(request)
        late = loop.call_at(end, _expire, waiter)
        try:
            answer = await waiter
        except TimeoutError:
            status = connection.status
            connection.abort()
            if status:
                return judge(status)
            return Tried(Fate.NO_ANSWER, "The receiver did not answer in time.")
        except ValueError:
            connection.abort()
            return Tried(Fate.NO_ANSWER, "The receiver does not answer in proper HTTP.")
        except OSError:
            connection.abort()
            if fresh:
                return Tried(
                    Fate.NO_ANSWER, "The receiver closed the connection without an answer."
                )
            return None
        except asyncio.CancelledError:
            connection.abort()
            raise
        finally:
            late.cancel()
            self._busy.discard(connection)
        self._keep(address.origin, connection, loop.time())
        return judge(answer.status, answer.asked)

    def _keep(self, origin: str, connection: Connection, now: float) -> None:
        kept = self._idle.setdefault(origin, deque())
        if connection.open and len(kept) < KEPT:
            connection.since = now
            kept.append(connection)
        elif connection.transport is not None:
            connection.transport.close()

    async def _connect(self, address: Address) -> Connection:
        """Connect to the first address that takes a connection; the one that last did comes first.

        One that says nothing, as of a network that leads nowhere, keeps nobody from the next.
        """
        found = await self._resolver.addresses(address)
        known = self._reached.get(address.origin)
        targets = sorted(found, key=lambda target: target != known)
        reason = "No connection can be made to the receiver."
        for place, target in enumerate(targets, 1):
            patience = None if place == len(targets) else ELSEWHERE
            try:
                async with asyncio.timeout(patience):
                    connection = await self._connect_to(target, address)
            except TimeoutError:
                reason = "The receiver's address does not answer."
            except ssl.SSLError as error:
                reason = f"TLS with the receiver failed: {error.reason or 'no common ground'}."
            except ConnectionRefusedError:
                reason = "The receiver's port takes no connections."
            except OSError:
                reason = "No connection can be made to the receiver."
            else:
                if len(targets) > 1:
                    self._reached[address.origin] = target
                return connection
        raise NoConnection(Fate.NO_ANSWER, reason)

    async def _connect_to(self, target: str, address: Address) -> Connection:
        tls = self._tls_context() if address.secure else None
        name = address.host if tls is not None else None
        connection = Connection()
        await asyncio.get_running_loop().create_connection(
            lambda: connection, target, address.port, ssl=tls, server_hostname=name
        )
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def request_head(address: Address, message: Message) -> bytes:
    """Return request line and headers but for those of the try; raises Unusable."""
    standard = {"http": 80, "https": 443}[address.scheme] == address.port
    host = address.origin.partition("://")[2]
    lines = [
        f"POST {address.target} HTTP/1.1",
        f"Host: {host.rpartition(':')[0] if standard else host}",
        "User-Agent: Machi",
        f"Content-Length: {len(message.body)}",
    ]
    for name, value in message.fields:
        if name.lower() in _OURS and name != "Content-Type":
            continue
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise Unusable(f"`{name[:40]}` in receiverInfo cannot be an HTTP header.")
        lines.append(f"{name}: {value}")
    return "\r\n".join(lines).encode("latin-1")


def _tail(message: Message, attempt: int) -> bytes:
    extra = b"\r\nMachi-Attempt: %d" % attempt if attempt > 1 else b""
    return extra + b"\r\n\r\n" + message.body


def _expire(waiter: asyncio.Future[Answer]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())


def _late(timeout: float, what: str) -> str:
    return f"The receiver did not {what} within {timeout:g} s."
