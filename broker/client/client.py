"""The connection to a broker: calls that are tried again, pages, live streams."""

from __future__ import annotations

import asyncio
import copy
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import aiohttp
import orjson

from broker.client.entity import Entity, Json
from broker.client.errors import ClientError, Refused, Unavailable, Unreachable, refusal
from broker.client.events import Event, parse_events

API: Final = "/ngsi-ld/v1"
EXTENSIONS: Final = "/ngsi-ld/ex/v1"
PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Retry:
    """How to try again: `attempts` in all (None: for ever), back-off in seconds, full jitter."""

    attempts: int | None = 5
    first: float = 0.2
    longest: float = 5.0

    def delay(self, attempt: int) -> float:
        """Return the pause after the failed try number `attempt` (from 1)."""
        ceiling: float = min(self.longest, self.first * 2.0 ** min(attempt - 1, 16))
        return ceiling * (0.5 + random.random() / 2)


def key_of(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the key this process was handed for a client, None where it was handed none.

    It is `MACHI_KEY_<NAME>`, else what is in the file `MACHI_KEY_<NAME>_FILE` names, else the same
    of `MACHI_KEY` and `MACHI_KEY_FILE`.
    """
    for variable in (f"MACHI_KEY_{name.upper()}", "MACHI_KEY"):
        if own := environment.get(variable):
            return own
        if file := environment.get(f"{variable}_FILE"):
            return Path(file).read_text().strip() or None
    return None


class Client:
    """A connection to one tenant of a broker. Use as an async context manager.

    `context` is the URL of the @context to send as Link header; None means the core context.
    `name` goes out as `Machi-Client`, `key` as bearer token. `sleep` is replaceable so that tests
    need not wait.
    """

    def __init__(
        self,
        url: str,
        *,
        tenant: str = "",
        context: str | None = None,
        name: str = "",
        key: str | None = None,
        retry: Retry = Retry(),
        timeout: float = 15.0,
        silence: float = 45.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        self.tenant = tenant
        self._retry = retry
        self._silence = silence
        self._sleep = sleep
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._headers = {"Accept": "application/json"}
        if tenant:
            self._headers["NGSILD-Tenant"] = tenant
        if name:
            self._headers["Machi-Client"] = name
        if context:
            rel = "http://www.w3.org/ns/json-ld#context"
            self._headers["Link"] = f'<{context}>; rel="{rel}"; type="application/ld+json"'
        self._bearer = _bearer(key)
        self._session: aiohttp.ClientSession | None = None

    def acting_for(self, key: str | None) -> Client:
        """Return a client of the same connections with another key, or with none."""
        other = copy.copy(self)
        other._bearer = _bearer(key)
        return other

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. The client cannot be used afterwards."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def create(self, entity: Entity) -> None:
        """Create an entity. Raises AlreadyExists. Not repeated once it may have been sent."""
        await self._call("POST", f"{API}/entities", body=entity)

    async def retrieve(self, entity_id: str, *, attrs: Iterable[str] = ()) -> Entity:
        """Return an entity. Raises NotFound."""
        return (await self.retrieve_with_version(entity_id, attrs=attrs))[0]

    async def retrieve_with_version(
        self, entity_id: str, *, attrs: Iterable[str] = ()
    ) -> tuple[Entity, str]:
        """Return an entity and the version to give as `ifMatch` (`"v3"`). Raises NotFound."""
        params = {"attrs": ",".join(attrs)} if attrs else {}
        path = f"{API}/entities/{quote(entity_id, safe=':')}"
        body, headers = await self._call("GET", path, params=params, idempotent=True)
        return body, headers.get("ETag", "").strip('"').split("-")[0]

    async def query(
        self,
        *,
        type: str | None = None,
        id: str | None = None,
        q: str | None = None,
        attrs: Iterable[str] = (),
        limit: int | None = None,
    ) -> list[Entity]:
        """Return the entities that match, page by page, at most `limit` of them, in order of ids.

        What is there throughout is among them once, whatever is written meanwhile.
        """
        found: list[Entity] = []
        params = {"type": type, "id": id, "q": q, "attrs": ",".join(attrs) or None}
        sent = {name: text for name, text in params.items() if text is not None}
        while limit is None or len(found) < limit:
            wanted = PAGE if limit is None else min(PAGE, limit - len(found))
            paging = {"limit": str(wanted), "pageAfter": found[-1]["id"] if found else ""}
            page, _ = await self._call(
                "GET", f"{API}/entities", params={**sent, **paging}, idempotent=True
            )
            found += page
            if len(page) < wanted:
                break
        return found

    async def pages(
        self, type: str, *, size: int = PAGE, accept: str = "application/json"
    ) -> AsyncIterator[Json]:
        """Yield the entities of a type page by page, as the broker writes them in a media type.

        A page is a list, or in `application/geo+json` a FeatureCollection. Only one is held. What
        is there throughout is in one of them, whatever is written meanwhile.
        """
        after = ""
        while True:
            page, _ = await self._call(
                "GET",
                f"{API}/entities",
                params={"type": type, "limit": str(size), "pageAfter": after},
                headers={"Accept": accept},
                idempotent=True,
            )
            yield page
            members = page["features"] if isinstance(page, dict) else page
            if len(members) < size:
                return
            after = members[-1]["id"]

    async def history(self, entity_id: str, **asked: str) -> Entity:
        """Return an entity's history, asked for by parameters (§5.7.3). Raises NotFound."""
        path = f"{API}/temporal/entities/{quote(entity_id, safe=':')}"
        found, _ = await self._call("GET", path, params=asked, idempotent=True)
        history: Entity = found
        return history

    async def histories(self, **asked: str) -> list[Entity]:
        """Return the histories that parameters select (§5.7.4), page by page.

        Of more instances than an answer of the broker may hold a part is returned.
        """
        found: list[Entity] = []
        while True:
            paging = {"limit": str(PAGE), "offset": str(len(found))}
            path = f"{API}/temporal/entities"
            page, _ = await self._call("GET", path, params={**asked, **paging}, idempotent=True)
            found += page
            if len(page) < PAGE:
                return found

    async def types(self) -> list[dict[str, Any]]:
        """Return what types of entities there are, each with its attributes' names (§5.7.6)."""
        path = f"{API}/types"
        found, _ = await self._call("GET", path, params={"details": "true"}, idempotent=True)
        types: list[dict[str, Any]] = found
        return types

    async def type_info(self, name: str) -> dict[str, Any]:
        """Return a type's number of entities and its attributes (§5.7.7). Raises NotFound."""
        path = f"{API}/types/{quote(name, safe='')}"
        found, _ = await self._call("GET", path, idempotent=True)
        info: dict[str, Any] = found
        return info

    async def set_type_rules(self, name: str, rules: Mapping[str, Json]) -> None:
        """Set the rules of a type, such as `{"unlisted": true}` (extension `typeRules`)."""
        path = f"{EXTENSIONS}/typeRules/{quote(name, safe='')}"
        await self._call("PUT", path, body=rules, idempotent=True)

    async def upsert(self, entities: list[Entity]) -> None:
        """Create the entities, replacing those that exist. Raises Refused where some failed."""
        answer, _ = await self._call(
            "POST", f"{API}/entityOperations/upsert", body=entities, idempotent=True
        )
        if isinstance(answer, dict) and answer.get("errors"):
            raise Refused(207, {"title": "Some entities failed", "detail": str(answer["errors"])})

    async def append(self, entity_id: str, attributes: Mapping[str, Json]) -> None:
        """Set attributes, replacing whole instances that exist. Raises NotFound."""
        path = f"{API}/entities/{quote(entity_id, safe=':')}/attrs"
        await self._call("POST", path, body=attributes, idempotent=True)

    async def merge(
        self, entity_id: str, attributes: Mapping[str, Json], *, if_match: str | None = None
    ) -> None:
        """Merge attributes into an entity (merge patch). Raises NotFound, PreconditionFailed."""
        path = f"{API}/entities/{quote(entity_id, safe=':')}"
        headers = {"If-Match": f'"{if_match}"'} if if_match else {}
        await self._call(
            "PATCH", path, body=attributes, headers=headers, idempotent=if_match is None
        )

    async def delete(self, entity_id: str) -> None:
        """Delete an entity. Raises NotFound. Not repeated once it may have been sent."""
        await self._call("DELETE", f"{API}/entities/{quote(entity_id, safe=':')}")

    async def transactions(
        self, operations: list[dict[str, Any]], *, idempotency_key: str | None = None
    ) -> list[dict[str, Any]]:
        """Carry out operations all together or not at all; return one result per operation.

        An operation is `{"op": "create"|"merge"|"append"|"replace"|"delete"|"check"|"add", …}`.
        With a key the call is repeated safely: it takes effect once. Raises AlreadyExists,
        PreconditionFailed, Unprocessable; `problem["operation"]` is the index of the culprit.
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        answer, _ = await self._call(
            "POST",
            f"{EXTENSIONS}/transactions",
            body={"operations": operations},
            headers=headers,
            idempotent=idempotency_key is not None,
        )
        results: list[dict[str, Any]] = answer["results"]
        return results

    async def call(self, method: str, path: str, body: Json = None) -> Json:
        """Call an operation that has no method here; return its answer. Sent once."""
        return (await self._call(method, path, body=body))[0]

    async def stream(
        self,
        *,
        type: str | None = None,
        id: str | None = None,
        q: str | None = None,
        after: int | None = None,
        must_begin: bool = False,
        **further: str,
    ) -> AsyncIterator[Event]:
        """Follow changes for ever, resuming by itself where the connection broke.

        Starts behind the feed's place `after`, or with what comes next where it is None.
        `further` are parameters of the stream by their own names, such as `snapshot="true"`.
        Raises Refused where the broker will not serve such a stream (but waits out 5xx), and with
        `must_begin` Unreachable where the first connection cannot be made.
        """
        params = {
            name: text
            for name, text in {"type": type, "id": id, "q": q, **further}.items()
            if text is not None
        }
        failures = 0
        while True:
            reason = ""
            try:
                async for place, event in self._connected(params, after):
                    failures, must_begin = 0, False
                    if place is not None and (
                        event is None or event.kind != "open" or after is None
                    ):
                        after = place
                    if event is not None and event.kind == "end" and event.resume:
                        reason = event.reason
                    elif event is not None:
                        yield event
            except Unavailable:
                pass
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                if must_begin:
                    raise Unreachable(
                        f"{self.url} gives no answer: {str(error) or 'timed out'}"
                    ) from error
            failures += 1
            if failures == 1:
                yield Event("lost", after or 0, reason=reason)
            await self._sleep(Retry(attempts=None).delay(failures))

    async def _connected(
        self, params: Mapping[str, str], after: int | None
    ) -> AsyncIterator[tuple[int | None, Event | None]]:
        headers = {"Accept": "text/event-stream", **self._bearer}
        if after is not None:
            headers["Last-Event-ID"] = str(after)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=self._silence)
        async with self._open().get(
            f"{self.url}{EXTENSIONS}/stream", params=params, headers=headers, timeout=timeout
        ) as response:
            if response.status != 200:
                raise refusal(response.status, await response.read())
            async for found in parse_events(response.content.iter_any()):
                yield found

    async def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        idempotent: bool = False,
    ) -> tuple[Any, Mapping[str, str]]:
        data = None if body is None else orjson.dumps(body)
        sent = {**self._bearer, **(headers or {})}
        if data is not None:
            sent["Content-Type"] = "application/json"
        attempt = 0
        while True:
            attempt += 1
            last = self._retry.attempts is not None and attempt >= self._retry.attempts
            try:
                async with self._open().request(
                    method,
                    f"{self.url}{path}",
                    params=params,
                    data=data,
                    headers=sent,
                    timeout=self._timeout,
                ) as response:
                    content = await response.read()
                    if response.status < 400:
                        return (orjson.loads(content) if content else None), response.headers
                    refused = refusal(response.status, content)
                    later = response.status == 429 or (idempotent and response.status == 503)
                    if not later or last:
                        raise refused
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                unsent = isinstance(error, aiohttp.ClientConnectorError)
                if last or not (idempotent or unsent):
                    raise Unreachable(
                        f"{self.url} gives no answer: {str(error) or 'timed out'}"
                    ) from error
            await self._sleep(self._retry.delay(attempt))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise ClientError("the client is not open: use `async with Client(...)`")
        return self._session


def _bearer(key: str | None) -> dict[str, str]:
    return {} if key is None else {"Authorization": f"Bearer {key}"}
