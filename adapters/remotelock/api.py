"""The vendor's HTTP API: a token, requests, and what its refusals mean."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
import orjson

from adapters.common.access import GrantRefused
from adapters.remotelock.account import Account

ACCEPT: Final = "application/vnd.lockstate+json; version=1"
TIMEOUT: Final = 10.0
MARGIN: Final = 60.0
"""Seconds before its end at which a token is exchanged."""
PATIENCE: Final = 60
"""Seconds to wait after a 429 that does not say how long."""
MOST: Final = 50
"""Things on a page, at most."""

Json = Any


class Cloud:
    """The vendor's cloud as one account sees it.

    Raises GrantRefused: `vendorAway` (no answer, or 5xx), `rateLimited` (429), `vendorRefusesUs`
    (the credentials are not taken), `pinTaken`, `vendorRefused` (422), `unknownAtVendor` (404).
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        account: Account,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._account = account
        self._timeout = aiohttp.ClientTimeout(total=TIMEOUT)
        self._monotonic = monotonic
        self._now = now
        self._token = ""
        self._until = float("-inf")
        self._fetching = asyncio.Lock()

    async def call(
        self,
        method: str,
        path: str,
        body: Json = None,
        params: Mapping[str, str] | None = None,
    ) -> Json:
        """Ask the API; return the `data` or the whole of the answer, None where it is empty."""
        used = await self._bearer()
        status, headers, content = await self._ask(method, path, used, body, params)
        if status == 401:
            # The token may have been revoked before its time: once more with a fresh one.
            await self._forget(used)
            used = await self._bearer()
            status, headers, content = await self._ask(method, path, used, body, params)
        if status >= 400:
            raise _refusal(status, headers, content, self._now())
        return content

    async def all(self, path: str, params: Mapping[str, str] | None = None) -> list[Json]:
        """Return everything in a collection, page by page."""
        found: list[Json] = []
        page = 1
        while True:
            paging = {"page": str(page), "per_page": str(MOST)}
            told = await self.call("GET", path, params={**(params or {}), **paging})
            found += told["data"]
            if page >= int(told["meta"]["total_pages"]):
                return found
            page += 1

    async def _ask(
        self,
        method: str,
        path: str,
        token: str,
        body: Json,
        params: Mapping[str, str] | None,
    ) -> tuple[int, Mapping[str, str], Json]:
        headers = {"Accept": ACCEPT, "Authorization": f"Bearer {token}"}
        data = None
        if body is not None:
            data = orjson.dumps(body)
            headers["Content-Type"] = "application/json"
        url = f"{self._account.api}{path}"
        return await self._request(method, url, params=params, data=data, headers=headers)

    async def _bearer(self) -> str:
        async with self._fetching:
            if self._monotonic() < self._until:
                return self._token
            form = {
                "grant_type": "client_credentials",
                "client_id": self._account.client_id,
                "client_secret": self._account.client_secret,
            }
            url = f"{self._account.oauth}/oauth/token"
            status, headers, told = await self._request("POST", url, data=form)
            if status in (400, 401, 403):
                raise GrantRefused("vendorRefusesUs", wait=300)
            if status >= 400:
                raise _refusal(status, headers, told, self._now())
            self._token = str(told["access_token"])
            self._until = self._monotonic() + float(told.get("expires_in", 7200)) - MARGIN
            return self._token

    async def _forget(self, token: str) -> None:
        async with self._fetching:
            if self._token == token:
                self._until = float("-inf")

    async def _request(
        self, method: str, url: str, **options: Any
    ) -> tuple[int, Mapping[str, str], Json]:
        try:
            async with self._session.request(
                method, url, timeout=self._timeout, allow_redirects=False, **options
            ) as response:
                content = await response.read()
                return response.status, response.headers, _json(content)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise GrantRefused("vendorAway") from error


def _json(content: bytes) -> Json:
    try:
        return orjson.loads(content) if content else None
    except orjson.JSONDecodeError as error:
        raise GrantRefused("vendorAway") from error


def _refusal(status: int, headers: Mapping[str, str], told: Json, now: float) -> GrantRefused:
    if status == 401:
        return GrantRefused("vendorRefusesUs", wait=300)
    if status == 429:
        return GrantRefused("rateLimited", status=429, wait=_wait(headers, now))
    if status >= 500:
        return GrantRefused("vendorAway", wait=_seconds(headers.get("Retry-After")))
    if status == 404:
        return GrantRefused("unknownAtVendor", status=404)
    if status == 422 and _about(told, "pin"):
        return GrantRefused("pinTaken", status=409)
    return GrantRefused("vendorRefused", status=422)


def _wait(headers: Mapping[str, str], now: float) -> int:
    """Return the seconds a 429 asks for: Retry-After, or the end of the window it names."""
    after = _seconds(headers.get("Retry-After"))
    if after:
        return after
    reset = _seconds(headers.get("X-RateLimit-Reset"))
    return max(1, min(int(reset - now) + 1, 3600)) if reset else PATIENCE


def _seconds(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0


def _about(told: Json, attribute: str) -> bool:
    """Say whether a resource error is about an attribute."""
    errors = told.get("errors") if isinstance(told, dict) else None
    return any(isinstance(e, dict) and e.get("attribute") == attribute for e in errors or ())
