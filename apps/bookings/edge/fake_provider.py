"""A payment provider made of software, for tests and the demonstration.

It speaks `http_provider`'s wire format, shows a payer a page with buttons, and can be told to fail,
to answer late, to say everything twice, and to capture what was called off.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
from aiohttp import web

from apps.bookings.edge.http_provider import SIGNATURE, TIME, signed
from apps.bookings.edge.payments import Outcome

PAGE = """<!doctype html><html lang="ja"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>模擬決済 / Simulated payment</title>
<style>body{{font:1.1rem/1.6 system-ui,sans-serif;max-width:26rem;margin:2rem auto;padding:0 1rem}}
button{{font:inherit;min-height:3rem;padding:.4rem 1.2rem;margin:.3rem 0;width:100%}}</style></head>
<body><main><h1>模擬決済<br><span lang="en">Simulated payment</span></h1>
<p><strong>{amount:,} 円</strong> <span lang="en">({amount:,} yen)</span></p>
<p>実際のお金は動きません。<span lang="en">No money moves.</span></p>
<form method="post"><button name="do" value="capture">支払う / <span lang="en">Pay</span></button>
<button name="do" value="fail">失敗させる / <span lang="en">Fail</span></button></form>
</main></body></html>"""


@dataclass(slots=True)
class Charge:
    """A payment as the fake keeps it."""

    key: str
    ref: str
    amount: int = 0
    back: str = ""
    notify: str = ""
    status: Outcome = Outcome.WAITING
    refunds: dict[str, int] = field(default_factory=dict)

    @property
    def refunded(self) -> int:
        """Return the money that was given back."""
        return sum(self.refunds.values())


class FakeProvider:
    """The provider. `silent` calls are carried out and answered 503; `repeats` tells all twice.

    With `no_refunds` it says of each refund that it is not possible.
    """

    def __init__(self, secret: str, seconds: Callable[[], float] = time.time) -> None:
        self.charges: dict[str, Charge] = {}
        self.silent = 0
        self.away = 0
        self.repeats = False
        self.no_refunds = False
        self.at_once = False
        self._secret = secret
        self._seconds = seconds

    def app(self) -> web.Application:
        """Return the provider as a web application."""
        app = web.Application()
        app.add_routes(
            [
                web.post("/v1/payments", self._begin),
                web.get("/v1/payments/{key}", self._look),
                web.post("/v1/payments/{key}/cancel", self._cancel),
                web.post("/v1/payments/{key}/refunds", self._refund),
                web.get("/pay/{ref}", self._page),
                web.post("/pay/{ref}", self._paid),
            ]
        )
        return app

    async def settle(self, key: str, status: Outcome) -> None:
        """Let a payment be captured, or fail, whatever was said before; tell the app."""
        charge = self.charges[key]
        charge.status = status
        await self._tell(charge)

    async def _begin(self, request: web.Request) -> web.Response:
        body = await self._allowed(request)
        charge = self.charges.get(body["key"])
        if charge is None:
            charge = Charge(
                body["key"],
                secrets.token_hex(8),
                body["amount"],
                body["return_url"],
                body["notify_url"],
            )
            self.charges[charge.key] = charge
            if self.at_once:
                charge.status = Outcome.CAPTURED
        return self._answer(charge)

    async def _look(self, request: web.Request) -> web.Response:
        await self._allowed(request)
        charge = self.charges.get(request.match_info["key"])
        return web.Response(status=404) if charge is None else self._answer(charge)

    async def _cancel(self, request: web.Request) -> web.Response:
        await self._allowed(request)
        key = request.match_info["key"]
        charge = self.charges.setdefault(key, Charge(key, secrets.token_hex(8)))
        if charge.status is Outcome.WAITING:
            charge.status = Outcome.CANCELLED
        return self._answer(charge)

    async def _refund(self, request: web.Request) -> web.Response:
        body = await self._allowed(request)
        key = request.match_info["key"]
        if key not in self.charges:
            # Paid before it was started again: it keeps nothing, and no money moves.
            ref = secrets.token_hex(8)
            self.charges[key] = Charge(key, ref, body["amount"], status=Outcome.CAPTURED)
        charge = self.charges[key]
        if charge.status is not Outcome.CAPTURED:
            return web.Response(status=409)
        if self.no_refunds:
            return self._answer(charge, Outcome.FAILED)
        charge.refunds.setdefault(body["key"], body["amount"])
        if charge.refunded > charge.amount:
            del charge.refunds[body["key"]]
            return web.Response(status=422)
        return self._answer(charge, Outcome.REFUNDED)

    async def _page(self, request: web.Request) -> web.Response:
        charge = self._by_ref(request)
        return web.Response(text=PAGE.format(amount=charge.amount), content_type="text/html")

    async def _paid(self, request: web.Request) -> web.Response:
        charge = self._by_ref(request)
        wanted = (await request.post()).get("do")
        if charge.status is Outcome.WAITING:
            await self.settle(
                charge.key, Outcome.CAPTURED if wanted == "capture" else Outcome.FAILED
            )
        raise web.HTTPSeeOther(escape(charge.back))

    def _by_ref(self, request: web.Request) -> Charge:
        ref = request.match_info["ref"]
        found = next((one for one in self.charges.values() if one.ref == ref), None)
        if found is None:
            raise web.HTTPNotFound
        return found

    async def _allowed(self, request: web.Request) -> Any:
        if request.headers.get("Authorization") != f"Bearer {self._secret}":
            raise web.HTTPUnauthorized
        if self.away > 0:
            self.away -= 1
            raise web.HTTPServiceUnavailable
        body = await request.read()
        return orjson.loads(body) if body else {}

    def _answer(self, charge: Charge, status: Outcome | None = None) -> web.Response:
        if self.silent > 0:
            self.silent -= 1
            return web.Response(status=503)
        told = {"key": charge.key, "ref": charge.ref, "status": status or charge.status}
        return web.Response(body=orjson.dumps(told), content_type="application/json")

    async def _tell(self, charge: Charge) -> None:
        body = orjson.dumps({"key": charge.key, "ref": charge.ref, "status": charge.status})
        stamp = str(int(self._seconds()))
        headers = {SIGNATURE: signed(self._secret, stamp, body), TIME: stamp}
        async with aiohttp.ClientSession() as session:
            for _ in range(2 if self.repeats else 1):
                with contextlib.suppress(aiohttp.ClientError, OSError, asyncio.TimeoutError):
                    async with session.post(charge.notify, data=body, headers=headers) as answer:
                        await answer.read()


@contextlib.asynccontextmanager
async def serving(fake: FakeProvider, port: int = 0) -> AsyncIterator[str]:
    """Serve the fake on the loopback address; give its URL."""
    runner = web.AppRunner(fake.app(), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        host, found = runner.addresses[0][:2]
        yield f"http://{quote(host)}:{found}"
    finally:
        await runner.cleanup()
