"""A payment provider over HTTP, and the check of what it tells by itself.

    POST /v1/payments                 {"key", "amount", "currency", "return_url", "notify_url"}
    GET  /v1/payments/{key}
    POST /v1/payments/{key}/cancel
    POST /v1/payments/{key}/refunds   {"key", "amount"}

Answers: {"key", "ref", "status"}. What happens later is told to `notify_url` with the same body and
a signature: HMAC-SHA256 over time and body. A notice only makes the app look: what counts is the
answer.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import orjson

from apps.bookings.edge.payments import Answer, Outcome, ProviderAway

SIGNATURE: Final = "payment-signature"
TIME: Final = "payment-time"
NOTIFY: Final = "/payments/notify"
WINDOW: Final = 300
"""Seconds a notice is good for."""
PATIENCE: Final = 10.0
UNKNOWN: Final = 404


class HttpProvider:
    """A provider (contract: `Provider`). `home` is where the payer's browser finds the app."""

    def __init__(
        self, url: str, secret: str, home: str, session: aiohttp.ClientSession, notify: str = ""
    ) -> None:
        self._url = url.rstrip("/")
        self._secret = secret
        self.home = home.rstrip("/")
        self.notify = (notify or home).rstrip("/")
        self._session = session

    async def charge(self, key: str, amount: int, back: str) -> Answer:
        """Begin a charge."""
        body = {
            "key": key,
            "amount": amount,
            "currency": "JPY",
            "return_url": self.home + back,
            "notify_url": self.notify + NOTIFY,
        }
        return await self._call("POST", "/v1/payments", body)

    async def look(self, key: str) -> Answer:
        """Return how a charge stands."""
        return await self._call("GET", f"/v1/payments/{quote(key, safe='')}")

    async def cancel(self, key: str) -> Answer:
        """Call a charge off."""
        return await self._call("POST", f"/v1/payments/{quote(key, safe='')}/cancel", {})

    async def refund(self, key: str, charge: str, amount: int) -> Answer:
        """Give back."""
        path = f"/v1/payments/{quote(charge, safe='')}/refunds"
        return await self._call("POST", path, {"key": key, "amount": amount})

    def page(self, ref: str) -> str:
        """Return the URL on which the payer pays."""
        return f"{self._url}/pay/{quote(ref, safe='')}"

    async def _call(self, method: str, path: str, body: Any = None) -> Answer:
        headers = {"Authorization": f"Bearer {self._secret}", "Content-Type": "application/json"}
        try:
            async with self._session.request(
                method,
                self._url + path,
                data=None if body is None else orjson.dumps(body),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=PATIENCE),
                allow_redirects=False,
            ) as response:
                content = await response.read()
                if response.status == UNKNOWN and method == "GET":
                    return Answer(Outcome.CANCELLED)
                if response.status >= 300:
                    raise ProviderAway(f"HTTP {response.status}")
                return _answer(content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderAway(type(error).__name__) from error


def signed(secret: str, stamp: str, body: bytes) -> str:
    """Return the signature of a notice."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def notified(secret: str, stamp: str, signature: str, body: bytes, now: datetime) -> str | None:
    """Return the key of the payment a notice is about; None for one that is not the provider's."""
    if not stamp.isdecimal() or abs(int(stamp[:12]) - now.timestamp()) > WINDOW:
        return None
    if not hmac.compare_digest(signed(secret, stamp, body).encode(), signature.encode()):
        return None
    try:
        key = orjson.loads(body)["key"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return key if isinstance(key, str) else None


def _answer(content: bytes) -> Answer:
    try:
        told = orjson.loads(content)
        return Answer(Outcome(told["status"]), str(told.get("ref", "")))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProviderAway("bad answer") from error
