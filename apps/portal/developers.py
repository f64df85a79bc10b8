"""The page for developers, and the files it offers."""

from __future__ import annotations

import json
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from apps.portal.catalogue import TownType, catalogue
from apps.portal.downloads import FORMATS, begun, file_name
from apps.portal.recipes import query_recipes, stream_recipes
from apps.portal.texts import TEXTS
from apps.shell.language import language_of
from broker.client import ClientError

FIRST: Final = "RiverLevelStation"
"""The type to begin with: it changes by itself."""


async def developers_page(request: Request) -> Response:
    """Return the page; 503 with an explanation on it where the broker does not answer."""
    state, language = request.app.state, language_of(request)
    try:
        types, lost = await catalogue(state.town), False
    except ClientError:
        types, lost = [], True
    page = state.pages.template("developers.html").render(
        t=TEXTS[language],
        language=language,
        lost=lost,
        broker=state.public_broker,
        start=_start(types, state.public_broker),
        types=[_shown(type, state.public_broker) for type in types],
        endings=list(FORMATS),
    )
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    return HTMLResponse(page, status_code=503 if lost else 200, headers=headers)


async def download(request: Request) -> Response:
    """Return a type's entities as a file: `?type=`, `as` one of csv, geojson, jsonld."""
    type, ending = request.query_params.get("type", ""), request.query_params.get("as", "")
    if not type or ending not in FORMATS:
        return _problem(
            request, 400, "?type= and ?as= are needed; as is one of " + ", ".join(FORMATS) + "."
        )
    media_type, write = FORMATS[ending]
    client = request.app.state.town
    try:
        await client.type_info(type)
        chunks = await begun(write(client, type))
    except ClientError as error:
        status = getattr(error, "status", 503)
        return _problem(request, status, str(error))
    name = file_name(type, ending)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(chunks, media_type=media_type, headers=headers)


def _problem(request: Request, status: int, detail: str) -> Response:
    body = {
        "type": "about:blank",
        "title": "No such download",
        "status": status,
        "detail": detail,
        "place": str(request.url.path),
        "remedy": "Take a link from /developers.",
    }
    return Response(json.dumps(body), status, media_type="application/problem+json")


def _start(types: list[TownType], broker: str) -> dict[str, Any] | None:
    if not types:
        return None
    first = next((type for type in types if type.name == FIRST), types[0])
    return {
        "name": first.name,
        "query": query_recipes(broker, first.name),
        "stream": stream_recipes(broker, first.name),
    }


def _shown(type: TownType, broker: str) -> dict[str, Any]:
    sample = json.dumps(type.sample, ensure_ascii=False, indent=2) if type.sample else ""
    return {
        "name": type.name,
        "count": type.count,
        "attributes": type.attributes,
        "sample": sample,
        "query": query_recipes(broker, type.name),
        "stream": stream_recipes(broker, type.name),
    }
