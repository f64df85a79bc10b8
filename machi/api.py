"""One call after another to a running broker, for commands: answers, or errors with a remedy."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson

from machi.errors import NotReachable, Refusal
from machi.key import key_for
from machi.language import japanese, t

V1 = "/ngsi-ld/v1"
EX = "/ngsi-ld/ex/v1"


class Api:
    """The HTTP API of a broker, for one tenant and @context."""

    def __init__(
        self, url: str, tenant: str = "", context: str | None = None, *, timeout: float = 15.0
    ) -> None:
        self.url = url.rstrip("/")
        self.tenant = tenant
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._headers = {
            "Accept": "application/json",
            "Accept-Language": "ja" if japanese() else "en",
            "Machi-Client": "machi",
        }
        key = key_for(url)
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        if tenant:
            self._headers["NGSILD-Tenant"] = tenant
        if context:
            relation = 'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
            self._headers["Link"] = f"<{context}>; {relation}"

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> tuple[Any, Mapping[str, str]]:
        """Return the answer's JSON (None without a body) and its headers.

        Raises NotReachable where nobody answers, Refusal for every 4xx and 5xx.
        """
        return asyncio.run(self._call(method, path, query or {}, body))

    async def _call(
        self, method: str, path: str, query: Mapping[str, str], body: Any
    ) -> tuple[Any, Mapping[str, str]]:
        headers = dict(self._headers)
        data = None
        if body is not None:
            data = orjson.dumps(body)
            headers["Content-Type"] = "application/json"
        try:
            async with (
                aiohttp.ClientSession(timeout=self._timeout) as session,
                session.request(
                    method, self.url + path, params=query, data=data, headers=headers
                ) as answer,
            ):
                content = await answer.read()
                if answer.status >= 400:
                    raise refusal(answer.status, content)
                return (orjson.loads(content) if content else None), answer.headers
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise unreachable(self.url, error) from error


def unreachable(url: str, error: BaseException) -> NotReachable:
    """Return the error for a broker that gives no answer."""
    why = t("nobody listens there")
    if not isinstance(error, aiohttp.ClientConnectorError):
        why = str(error) or t("it takes too long")
    return NotReachable(
        t("The broker at {url} gives no answer ({why}).", url=url, why=why),
        remedy=t(
            "Start it (machi broker, or machi up), or name another with --broker; machi "
            "doctor looks for the cause."
        ),
    )


def refusal(status: int, content: bytes) -> Refusal:
    """Return the error for an answer that is one, in the broker's own words."""
    try:
        problem = orjson.loads(content)
    except orjson.JSONDecodeError:
        problem = None
    if not isinstance(problem, dict) or "detail" not in problem:
        return Refusal(
            t("The answer is {status}, and not from a Machi broker.", status=status),
            remedy=t("Check --broker."),
        )
    place = problem.get("place")
    told = f"{problem['detail']} [{place}]" if place else str(problem["detail"])
    return Refusal(told, remedy=str(problem.get("remedy", "")))
