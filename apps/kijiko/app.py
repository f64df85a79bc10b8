"""The app over HTTP: the phones' application, and the staff's, which stays at home."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from apps.kijiko.pages.camera import Camera
from apps.kijiko.pages.counter import CounterPages
from apps.kijiko.pages.phones import PhonePages
from apps.kijiko.pages.shop import ShopPages
from apps.kijiko.pages.site import REFUSALS, TEXTS, Site, refusal
from apps.kijiko.pages.staff import Door
from apps.kijiko.pages.treasury import TreasuryPages, Verify
from apps.kijiko.pages.wallet import WalletPages
from apps.shell.application import Handler, answering, application, at_home
from apps.shell.language import language_of

STATIC: Final = Path(__file__).parent / "static"


def phones(site: Site) -> Starlette:
    """Return the application for citizens and shops."""
    wallet = WalletPages(site)
    shop = ShopPages(site, wallet.frame)
    phone = PhonePages(site, shop.frame)
    app = application("kijiko", STATIC, camera=True)
    for path, handler, method in (
        ("/", wallet.home, "GET"),
        ("/open", wallet.open, "POST"),
        ("/pay", wallet.ask, "GET"),
        ("/pay", wallet.look, "POST"),
        ("/pay/confirm", wallet.pay, "POST"),
        ("/paid/{local}", wallet.paid, "GET"),
        ("/read", Camera().read, "POST"),
        ("/code", wallet.code, "GET"),
        ("/freeze", wallet.freeze, "POST"),
        ("/points/{local}", wallet.points, "POST"),
        ("/enter", wallet.enter, "GET"),
        ("/enter", wallet.switch, "POST"),
        ("/leave", wallet.leave, "POST"),
        ("/shop", shop.till, "GET"),
        ("/shop/apply", shop.apply, "POST"),
        ("/shop/take", shop.take, "POST"),
        ("/shop/bill", shop.bill, "POST"),
        ("/shop/refund", shop.refund, "POST"),
        ("/shop/plate", shop.plate, "GET"),
        ("/shop/sales.csv", shop.sales, "GET"),
        ("/shop/notices", shop.notices, "GET"),
        ("/shop/open", phone.open, "GET"),
        ("/shop/phones", phone.page, "GET"),
        ("/shop/phones/invite", phone.invite, "POST"),
        ("/shop/phones/shut", phone.shut, "POST"),
        ("/shop/phones/leave", phone.leave, "POST"),
    ):
        app.add_route(path, answered(handler), methods=[method])
    return app


def staff(site: Site, verify: Verify) -> Starlette:
    """Return the application for staff; it answers to names of this machine only."""
    door = Door(site)
    counter, treasury = CounterPages(site, door), TreasuryPages(site, door, verify)
    app = application("kijiko", STATIC)
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
        app.add_route(path, at_home(answered(handler)), methods=methods)
    return app


def answered(handler: Handler) -> Handler:
    """Return the handler, with a sentence for what it refuses."""
    plain = answering(handler)

    async def answer(request: Request) -> Response:
        try:
            return await plain(request)
        except REFUSALS as error:
            text, status = refusal(error, TEXTS[language_of(request)])
            return Response(text, status, media_type="text/plain; charset=utf-8")

    return answer
