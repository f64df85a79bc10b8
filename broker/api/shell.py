"""FastAPI, behind the dispatch table: what no operation of the broker answers."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import WebSocketRoute

from broker.api.broker import Broker
from broker.api.lane import nowhere
from broker.api.response import problem
from broker.api.routes import EX
from broker.api.sockets import Sockets
from broker.errors import MachiError, MethodNotAllowed
from broker.version import version


def shell(broker: Broker) -> FastAPI:
    """Return the ASGI application of the home page, WebSockets and paths that are unknown."""
    app = FastAPI(
        title="Machi broker",
        version=version(),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )

    @app.get("/", include_in_schema=False)
    async def home() -> RedirectResponse:
        return RedirectResponse("/docs")

    app.router.routes.append(WebSocketRoute(f"{EX}/ws", Sockets(broker)))
    app.add_exception_handler(StarletteHTTPException, _elsewhere)
    return app


async def _elsewhere(request: Request, error: Exception) -> Response:
    """Answer for paths the table does not know as the broker's own operations do."""
    assert isinstance(error, StarletteHTTPException)
    told: MachiError
    if error.status_code == 405:
        allow = (error.headers or {}).get("Allow", "GET").split(", ")
        told = MethodNotAllowed(
            f"This page has no {request.method}.",
            place="method",
            remedy="Use one of " + ", ".join(allow) + ".",
            allow=allow,
        )
    else:
        told = nowhere()
    answer = problem(told)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, answer.status, headers)
