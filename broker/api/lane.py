"""The fast lane: an ASGI layer in front of FastAPI that dispatches by the table.

It checks what every operation shares (Host, method, parameters, tenant, caller), calls the
handler, and turns exceptions into problem documents. Paths the table does not know go on to
the application behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import NoReturn

from broker.api.broker import Broker
from broker.api.chain import HEADER, chained
from broker.api.request import (
    TENANT,
    Disconnected,
    Receive,
    Request,
    Scope,
    Send,
    decode_segment,
)
from broker.api.response import Response, problem
from broker.api.table import Found, Route, Table
from broker.errors import (
    BadRequestData,
    InvalidRequest,
    MachiError,
    MethodNotAllowed,
    ResourceNotFound,
)

log = logging.getLogger("machi.broker")

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Unexpected(MachiError):
    """500: a fault of the broker's own; its cause is in the log."""


class Lane:
    """ASGI application: the table's routes by a broker, everything else by `behind`."""

    def __init__(self, table: Table, broker: Broker, behind: App) -> None:
        self._table = table
        self._broker = broker
        self._behind = behind
        self._hosts: dict[bytes, bool] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._behind(scope, receive, send)
            return
        started = perf_counter()
        name = "none"
        request: Request | None = None
        try:
            self._check_host(scope)
            found = self._table.find(scope["raw_path"])
            if found is None:
                if not scope["raw_path"].startswith(b"/ngsi-ld"):
                    await self._behind(scope, receive, send)
                    return
                raise nowhere()
            route = found.routes.get(scope["method"]) or _absent(found, scope)
            name = route.name
            request = self._request(scope, receive, route, found)
            if HEADER in request.headers:
                response = await chained(self._broker, request)
            else:
                response = await route.handler(self._broker, request)
        except MachiError as error:
            response = problem(error)
        except Disconnected:
            return
        except Exception:
            log.exception("%s failed", name)
            response = problem(
                Unexpected(
                    "The broker failed on this request; the cause is in its log.",
                    place="broker",
                    remedy="Try again; if it stays, report it with the time of the request.",
                )
            )
        metrics = self._broker.metrics
        metrics.requests[name, response.status] += 1
        metrics.seconds[name] += perf_counter() - started
        _echo_tenant(scope, response)
        if response.stream is not None:
            await _send_stream(receive, send, response)
        else:
            await _send(send, response)

    def _request(self, scope: Scope, receive: Receive, route: Route, found: Found) -> Request:
        path = [decode_segment(value) for value in found.values]
        request = Request(scope, receive, route, path, self._broker.settings.max_body)
        request.caller = self._broker.guard.identify(request.headers)
        if route.negotiated:
            request.accept()
        return request

    def _check_host(self, scope: Scope) -> None:
        """Refuse requests a foreign page made its visitor's browser send (DNS rebinding)."""
        host = b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = host + b"," + value if host else value
        allowed = self._hosts.get(host)
        if allowed is None:
            allowed = self._allows(host)
            if len(self._hosts) < 1000:
                self._hosts[host] = allowed
        if not allowed:
            raise InvalidRequest(
                "The Host header names a host this broker does not answer for.",
                place="header:Host",
                remedy="Use the broker's own address, or start it with --allow-host NAME.",
            )

    def _allows(self, host: bytes) -> bool:
        settings = self._broker.settings
        name = host.decode("latin-1").lower()
        name = (
            name[: name.index("]") + 1]
            if name.startswith("[") and "]" in name
            else (name.partition(":")[0])
        )
        if name in ("localhost", settings.host, *settings.allow_hosts):
            return True
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return address.is_loopback or not settings.loopback


def nowhere() -> MachiError:
    """Return the error for a path at which there is nothing."""
    return ResourceNotFound(
        "There is nothing at this path.",
        place="path:",
        remedy="See /docs for all operations of this broker.",
    )


def _absent(found: Found, scope: Scope) -> NoReturn:
    """Raise the error for a method the resource does not have."""
    method = scope["method"]
    if method in found.empty_child:
        raise BadRequestData(
            "The id at the end of the path is empty.",
            place="path:id",
            remedy="Add the id after the slash.",
        )
    methods = sorted(found.routes)
    raise MethodNotAllowed(
        f"This resource has no {method}.",
        place="method",
        remedy="Use one of " + ", ".join(methods) + ".",
        allow=methods,
    )


def _echo_tenant(scope: Scope, response: Response) -> None:
    for header in scope["headers"]:
        if header[0] == b"ngsild-tenant" and TENANT.fullmatch(header[1]):
            response.headers.append((b"NGSILD-Tenant", header[1]))
            return


async def _send(send: Send, response: Response) -> None:
    body, status = response.body, response.status
    headers = response.headers
    if status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_stream(receive: Receive, send: Send, response: Response) -> None:
    """Send chunks until the stream ends or the client leaves."""
    assert response.stream is not None
    await send(
        {"type": "http.response.start", "status": response.status, "headers": response.headers}
    )
    chunks = response.stream
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        while True:
            following = asyncio.ensure_future(anext(chunks, None))
            await asyncio.wait({following, gone}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await following
                return
            chunk = following.result()
            if chunk is None:
                break
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        await chunks.aclose()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
