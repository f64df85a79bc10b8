"""`/openapi.json` and `/docs`: the API explained by the table that dispatches it."""

from __future__ import annotations

import re
import shlex
from functools import cache
from html import escape
from urllib.parse import urlencode

import orjson

from broker.api import openapi as openapi_document
from broker.api.broker import Broker
from broker.api.request import Request
from broker.api.response import JSON, Response
from broker.api.styles import style_source
from broker.api.table import Route, Table
from broker.version import version

_PAGE_HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        f"default-src 'none'; style-src {style_source('docs.html')}; form-action 'none'; "
        "frame-ancestors 'none'; base-uri 'none'".encode(),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


@cache
def _document(table: Table) -> bytes:
    return orjson.dumps(openapi_document.document(table, version()))


async def openapi(broker: Broker, request: Request) -> Response:
    """Return the OpenAPI document."""
    return Response(200, _document(broker.table), [(b"content-type", JSON)])


def curl(route: Route, base: str) -> str:
    """Return the operation as a curl line that can be pasted into a shell."""
    path = route.template.replace("{id}", "urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi")
    path = path.replace("{attrId}", "waterLevel").replace("{type}", "Event")
    path = path.replace("{contextId}", "urn:ngsi-ld:Context:1")
    if route.name == "query_entities":
        path += "?type=RiverLevelStation&options=keyValues"
    parts = ["curl", "-i"] if route.name != "stream" else ["curl", "-N"]
    if route.method != "GET":
        parts += ["-X", route.method]
    parts.append(shlex.quote(base + path))
    if route.body is not None:
        kind, example = route.body.types[0], route.body.example
        text = urlencode(example) if "form" in kind else orjson.dumps(example).decode()
        parts += ["-H", shlex.quote(f"Content-Type: {kind}"), "-d", shlex.quote(text)]
    return " ".join(parts)


def marked(text: str) -> str:
    """Return a text as HTML, with what stands between backticks as code."""
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


@cache
def _page(table: Table, base: str) -> bytes:
    from jinja2 import Environment, PackageLoader

    tags: dict[str, list[Route]] = {}
    for route in table.routes:
        tags.setdefault(route.tag, []).append(route)
    environment = Environment(
        loader=PackageLoader("broker.api"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["marked"] = marked
    template = environment.get_template("docs.html")
    page = template.render(
        tags=tags, base=base, curl=curl, headers=openapi_document.headers, version=version()
    )
    return page.encode()


async def page(broker: Broker, request: Request) -> Response:
    """Return the API page."""
    base = f"http://{broker.settings.host}:{broker.settings.port}"
    return Response(200, _page(broker.table, base), list(_PAGE_HEADERS))
