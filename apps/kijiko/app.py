"""The app over HTTP: the phones' application, and the staff's, which stays at home."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles

from apps.kijiko.pages.counter import CounterPages
from apps.kijiko.pages.shop import ShopPages
from apps.kijiko.pages.site import REFUSALS, TEXTS, Site, refusal
from apps.kijiko.pages.staff import Door, Outside
from apps.kijiko.pages.treasury import TreasuryPages, Verify
from apps.kijiko.pages.wallet import WalletPages
from apps.shell.forms import host_allowed
from apps.shell.headers import SecurityHeaders
from apps.shell.language import language_of
from apps.shell.pages import equip, trouble
from broker.client import ClientError

STATIC: Final = Path(__file__).parent / "static"
Handler = Callable[[Request], Awaitable[Response]]


def phones(site: Site) -> FastAPI:
    """Return the application for citizens and shops."""
    wallet = WalletPages(site)
    shop = ShopPages(site, wallet.frame)
    app = _application("Kijiko")
    for path, handler, method in (
        ("/", wallet.home, "GET"),
        ("/open", wallet.open, "POST"),
        ("/pay", wallet.scan, "GET"),
        ("/pay", wallet.look, "POST"),
        ("/pay/confirm", wallet.pay, "POST"),
        ("/paid/{local}", wallet.paid, "GET"),
        ("/code", wallet.code, "GET"),
        ("/freeze", wallet.freeze, "POST"),
        ("/points/{local}", wallet.points, "POST"),
        ("/enter", wallet.enter, "GET"),
        ("/leave", wallet.leave, "POST"),
        ("/shop", shop.till, "GET"),
        ("/shop/apply", shop.apply, "POST"),
        ("/shop/take", shop.take, "POST"),
        ("/shop/bill", shop.bill, "POST"),
        ("/shop/refund", shop.refund, "POST"),
        ("/shop/plate", shop.plate, "GET"),
        ("/shop/sales.csv", shop.sales, "GET"),
        ("/shop/notices", shop.notices, "GET"),
        ("/shop/open", shop.open, "GET"),
    ):
        app.add_route(path, _answering(handler), methods=[method])
    return _finished(app)


def staff(site: Site, verify: Verify) -> FastAPI:
    """Return the application for staff; it answers to names of this machine only."""
    door = Door(site)
    counter, treasury = CounterPages(site, door), TreasuryPages(site, door, verify)
    app = _application("Kijiko: staff")
    for path, handler, methods in (
        ("/", counter.page, ["GET"]),
        ("/act/{deed}", counter.act, ["POST"]),
        ("/treasury", treasury.page, ["GET"]),
        ("/treasury/act/{deed}", treasury.act, ["POST"]),
        ("/treasury/batches/{local}.txt", treasury.export, ["GET"]),
        ("/treasury/unused-balance.csv", treasury.report_csv, ["GET"]),
        ("/analysis", treasury.analysis, ["GET"]),
        ("/analysis.csv", treasury.analysis_csv, ["GET"]),
        ("/sign-in", door.enter, ["GET", "POST"]),
        ("/sign-out", door.entrance.leave, ["POST"]),
    ):
        app.add_route(path, _guarded(handler), methods=methods)
    return _finished(app)


def _application(title: str) -> FastAPI:
    return FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)


def _finished(app: FastAPI) -> FastAPI:
    app.add_route("/health", _health, methods=["GET"])
    app.mount("/static/kijiko", StaticFiles(directory=STATIC))
    equip(app)
    app.add_middleware(SecurityHeaders, forms=True)
    return app


def _answering(handler: Callable[..., Awaitable[Response]]) -> Handler:
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ClientError:
            page = trouble(500, language_of(request))
            page.status_code = 503
            page.headers["Retry-After"] = "5"
            return page
        except REFUSALS as error:
            text, status = refusal(error, TEXTS[language_of(request)])
            return Response(text, status, media_type="text/plain; charset=utf-8")

    return answer


def _guarded(handler: Callable[..., Awaitable[Response]]) -> Handler:
    plain = _answering(handler)

    async def answer(request: Request) -> Response:
        if not host_allowed(request):
            return Response("This name is not served here.", 421, media_type="text/plain")
        try:
            return await plain(request)
        except Outside as outside:
            return outside.answer

    return answer


async def _health(request: Request) -> Response:
    return Response(b'{"status":"ok"}', media_type="application/json")
