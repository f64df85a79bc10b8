"""Signing in to `/operator` and out again: a session in a cookie that only pages are asked by."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from broker.accounts import Session
from broker.api.broker import Broker
from broker.api.forms import COOKIE, session_of
from broker.api.language import language
from broker.api.operator_words import TEXTS
from broker.api.request import Request
from broker.api.response import Headers, Response
from broker.api.sessions import accounts_of, taken_text
from broker.api.styles import style_source
from broker.errors import MachiError, TooManyRequests, Unauthorized

if TYPE_CHECKING:
    from jinja2 import Template

HEADERS: Final[Headers] = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (
        b"content-security-policy",
        f"default-src 'none'; style-src {style_source('operator_base.html')}; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'".encode(),
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
]


def wants_html(request: Request) -> bool:
    """Tell whether a browser asks, and not a program."""
    return b"text/html" in request.headers.get(b"accept", b"")


def entrance(broker: Broker, request: Request, status: int, refused: str = "") -> Response:
    """Return the page that asks for name and password.

    `refused` is the word on why a try was refused; to who is signed in and may not administer the
    page says so.
    """
    lang = language(request)
    if not refused and status == 403:
        refused = "not_operator"
    text = _template().render(
        t=TEXTS[lang],
        lang=lang,
        other="en" if lang == "ja" else "ja",
        refused=refused,
        token=broker.forms.token(request),
    )
    return Response(status, text.encode(), list(HEADERS))


async def sign_in(broker: Broker, request: Request) -> Response:
    """Open a session by the page's form; keep its token in a cookie."""
    accounts = accounts_of(broker)
    form = broker.forms.read(request)
    name, password = (taken_text(form, member) for member in ("name", "password"))
    try:
        session = await accounts.sign_in(name, password, request.address)
    except TooManyRequests as error:
        answer = entrance(broker, request, error.status, "too_many")
        answer.headers.append((b"retry-after", ", ".join(error.members["retry_after"]).encode()))
        return answer
    except Unauthorized as error:
        return entrance(broker, request, error.status, "wrong")
    return _back(form.get("lang", ""), _cookie(broker, session))


async def sign_out(broker: Broker, request: Request) -> Response:
    """End the session of this browser."""
    form = broker.forms.read(request)
    try:
        await accounts_of(broker).sign_out(session_of(request.headers))
    except MachiError as error:
        if error.status != 401:
            raise
    return _back(form.get("lang", ""), f"{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")


def _cookie(broker: Broker, session: Session) -> str:
    """Return the header; off this machine the cookie travels by TLS only."""
    secure = "" if broker.settings.loopback else "; Secure"
    return f"{COOKIE}={session.token}; Path=/; HttpOnly; SameSite=Strict{secure}"


def _back(lang: str, cookie: str) -> Response:
    query = f"?{urlencode({'lang': lang})}" if lang in TEXTS else ""
    headers = [(b"location", f"/operator{query}".encode()), (b"set-cookie", cookie.encode())]
    return Response(303, b"", [*headers, (b"cache-control", b"no-store")])


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("broker.api"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("operator_entry.html")
