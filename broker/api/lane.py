"""The fast lane: requests are dispatched by the table, and every answer is made here.

It checks what every operation shares (Host, method, parameters, tenant, caller, size of the
body), calls the handler, and turns exceptions into problem documents.
"""

from __future__ import annotations

import ipaddress
import logging
from time import perf_counter

from broker.api.broker import Broker
from broker.api.chain import HEADER, chained
from broker.api.cors import Origins
from broker.api.forms import session_of
from broker.api.negotiate import media_type
from broker.api.request import TENANT, Request
from broker.api.response import JSON, Response, problem
from broker.api.table import Found, Route, Table
from broker.errors import (
    BadRequestData,
    InvalidRequest,
    LengthRequired,
    MachiError,
    MethodNotAllowed,
    PayloadTooLarge,
    ResourceNotFound,
    Unauthorized,
)
from broker.guard import Caller

log = logging.getLogger("machi.broker")


class Unexpected(MachiError):
    """500: a fault of the broker's own; its cause is in the log."""


class Lane:
    """Answers requests for a table's routes by a broker."""

    def __init__(self, table: Table, broker: Broker) -> None:
        self._table = table
        self._broker = broker
        self.max_body = broker.settings.max_body
        self._hosts: dict[bytes, bool] = {}
        allowed = broker.settings.allow_origins
        self._origins = Origins(allowed) if allowed else None

    def prepare(self, request: Request) -> None:
        """Find what is asked for, before the body is there.

        Sets `answer` where the request is refused. It stays not `served` where its path is for
        the application behind the table.
        """
        try:
            self._prepare(request)
        except MachiError as error:
            request.answer = self.refuse(request, error)
        except Exception as error:
            request.answer = self.refuse(request, unexpected("a request's head", error))

    def meet(self, request: Request) -> None:
        """Judge a handshake for the application behind the table; sets `answer` to refuse it."""
        try:
            self.check_host(request)
        except MachiError as error:
            request.answer = self.refuse(request, error)

    async def answer(self, request: Request) -> Response:
        """Run the handler of a request that is served and not refused."""
        started = perf_counter()
        route = request.route
        try:
            if HEADER in request.headers:
                response = await chained(self._broker, request)
            else:
                response = await route.handler(self._broker, request)
        except MachiError as error:
            response = problem(error)
        except Exception as error:
            response = problem(unexpected(route.name, error))
        if self._broker.disclosures.pending:
            response = await self._noted(response)
        metrics = self._broker.metrics
        metrics.requests[route.name, response.status] += 1
        metrics.seconds[route.name] += perf_counter() - started
        named = request.headers.get(b"ngsild-tenant")
        if named is not None:
            response.headers.append((b"NGSILD-Tenant", named))
        if self._origins:
            self._origins.allow(request, response)
        return response

    async def _noted(self, response: Response) -> Response:
        """Return an answer once what it tells of persons is on the disk, or why it is kept back.

        Refusals tell something too: that a condition does not hold, for instance.
        """
        try:
            await self._broker.disclosures.settled()
        except MachiError as error:
            return problem(error)
        except Exception as error:
            return problem(unexpected("the disclosure log", error))
        return response

    def refuse(self, request: Request, error: MachiError) -> Response:
        """Return the problem document of a request that reaches no handler."""
        response = problem(error)
        name = request.route.name if request.served else "none"
        self._broker.metrics.requests[name, response.status] += 1
        named = request.headers.get(b"ngsild-tenant")
        if named is not None and TENANT.fullmatch(named):
            response.headers.append((b"NGSILD-Tenant", named))
        if self._origins:
            self._origins.allow(request, response)
        return response

    def check_host(self, request: Request) -> None:
        """Refuse requests a foreign page made its visitor's browser send (DNS rebinding)."""
        host = request.headers.get(b"host", b"")
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

    def _prepare(self, request: Request) -> None:
        headers = request.headers
        if not self._hosts.get(headers.get(b"host", b"")):
            self.check_host(request)
        length = headers.get(b"content-length")
        found = self._table.find(request.raw_path)
        if found is None:
            if request.raw_path.startswith(b"/ngsi-ld"):
                raise nowhere()
        else:
            routes, values, _ = found
            route = routes.get(request.method)
            if route is None:
                if request.method == "OPTIONS":
                    request.answer = self._options(request, found)
                    return
                route = _stand_in(found, request.method)
            if route.page:
                caller = self._visitor(headers, request.address)
            else:
                caller = self._broker.guard.identify(headers, request.address)
            request.read(route, values, caller)
            accept = headers.get(b"accept")
            if accept is None:
                request.media = JSON
            elif route.negotiated:
                request.media = media_type(accept, route.geojson)
            if length is None and route.body is not None:
                raise LengthRequired(
                    "The request has no Content-Length.",
                    place="header:Content-Length",
                    remedy="Send the body in one piece with its length; chunked bodies are not "
                    "taken.",
                )
        if length is not None and (len(length) > 18 or int(length) > self.max_body):
            raise self.too_large()

    def _visitor(self, headers: dict[bytes, bytes], address: str) -> Caller:
        """Return who asks for a page: by a key, or by a session's cookie that is still good."""
        guard = self._broker.guard
        if b"authorization" in headers:
            return guard.identify(headers, address)
        session = session_of(headers)
        shown = {**headers, b"authorization": b"Bearer " + session.encode()} if session else headers
        try:
            return guard.identify(shown, address)
        except Unauthorized:
            return guard.identify(headers, address)

    def _options(self, request: Request, found: Found) -> Response:
        """Tell which methods a resource has, and a browser whether a page may use them."""
        methods = _methods(found)
        response = Response(204, b"", [(b"allow", ", ".join(methods).encode())])
        self._broker.metrics.requests["options", 204] += 1
        if self._origins:
            self._origins.allow(request, response, methods)
        return response

    def too_large(self) -> PayloadTooLarge:
        """Return the error for a body over the limit."""
        return PayloadTooLarge(
            f"The body is larger than {self.max_body} bytes.",
            place="body:",
            remedy="Send less at once, for instance several smaller batches.",
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


def _methods(found: Found) -> list[str]:
    """Return the methods a resource answers to."""
    methods = {*found[0], "OPTIONS"}
    if _has_head(found):
        methods.add("HEAD")
    return sorted(methods)


def _has_head(found: Found) -> bool:
    """Tell whether a resource answers HEAD: where it can be got, and has an end."""
    route = found[0].get("GET")
    return route is not None and not route.tenant_parameter


def _stand_in(found: Found, method: str) -> Route:
    """Return the route that answers a method without one of its own: GET answers HEAD.

    Raises MethodNotAllowed, BadRequestData.
    """
    if method == "HEAD" and _has_head(found):
        return found[0]["GET"]
    if method in found[2]:
        raise BadRequestData(
            "The id at the end of the path is empty.",
            place="path:id",
            remedy="Add the id after the slash.",
        )
    methods = _methods(found)
    raise MethodNotAllowed(
        f"This resource has no {method}.",
        place="method",
        remedy="Use one of " + ", ".join(methods) + ".",
        allow=methods,
    )


def unexpected(name: str, error: Exception) -> Unexpected:
    """Write a fault of our own to the log; return what the client is told of it."""
    log.error("%s failed", name, exc_info=error)
    return Unexpected(
        "The broker failed on this request; the cause is in its log.",
        place="broker",
        remedy="Try again; if it stays, report it with the time of the request.",
    )
