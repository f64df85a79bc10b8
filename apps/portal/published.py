"""What is published, for programs: an Atom feed, and the CAP 1.2 document of each entry."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from apps.alerts import cap
from apps.alerts.current import NEVER, published_now, sent_at
from apps.alerts.feed import MEDIA_TYPE, atom
from apps.portal.state import TenantState
from apps.portal.texts import TEXTS
from apps.shell.language import language_of
from apps.shell.problems import away, problem

CACHING: Final = {"Cache-Control": "public, max-age=5", "Vary": "Accept-Language"}
KINDS: Final = ("real", "drill")


async def feed(request: Request) -> Response:
    """Return what is in force, newest first; 503 while the broker is away, never an empty list."""
    kind, state = _asked(request)
    if state is None:
        return _nowhere()
    if not state.connected:
        return away()
    language, now = language_of(request), datetime.now(UTC)
    entities = published_now(state.entities.values(), now)
    title = f"{TEXTS[language]['title']}: {TEXTS[language]['alerts']}"
    if kind == "drill":
        title = f"{TEXTS[language]['drill_mark']} {title}"
    written = atom(entities, f"/cap/{kind}", title, language, now)
    return Response(written, media_type=MEDIA_TYPE, headers=CACHING)


async def document(request: Request) -> Response:
    """Return one CAP document; what is not published is not there."""
    _, state = _asked(request)
    if state is None:
        return _nowhere()
    if not state.connected:
        return away()
    entity = state.entities.get(request.path_params["id"])
    if entity is None or not cap.is_public(entity) or sent_at(entity) == NEVER:
        return problem(404, "There is no such document.", "See the feed at /cap/real.")
    return Response(cap.document(entity), media_type=cap.MEDIA_TYPE, headers=CACHING)


def _asked(request: Request) -> tuple[str, TenantState | None]:
    kind = request.path_params["kind"]
    hub = request.app.state.hub
    return kind, getattr(hub, kind) if kind in KINDS else None


def _nowhere() -> Response:
    return problem(404, "There is no such feed.", "There are /cap/real and /cap/drill.")
