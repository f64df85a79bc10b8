"""@contexts as clients send them → `Context`: fetching, limits and caches."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp
import orjson

from broker.egress import REMEDY, Egress
from broker.errors import BadRequestData, LdContextNotAvailable
from broker.jsonld.cache import WeightedCache
from broker.jsonld.context import Context
from broker.jsonld.core import CORE_CONTEXT, CORE_URL, is_core
from broker.jsonld.definitions import compile_context
from broker.jsonld.fetch import Document, NotAContext, Refused, Unavailable, fetch
from broker.jsonld.layers import Layers
from broker.jsonld.limits import Limits
from broker.model.entity import Json

RETRY = 60.0
"""Seconds for which a copy past its time is used when it could not be renewed."""


@dataclass(frozen=True, slots=True)
class _Kept:
    document: Document
    until: float


@dataclass(frozen=True, slots=True)
class _Compiled:
    context: Context
    until: float


class ContextLoader:
    """Resolves what clients send as @context. One per process; bound to its event loop.

    Errors are never kept: the next request asks again. A document past its time is renewed by
    the first request that needs it; where that fails, the old copy serves on. Requests that need
    the same document at the same time share one fetch, which goes on when they stop waiting, so
    that a slow document is there for the next one. `clock` gives seconds.
    """

    def __init__(
        self,
        egress: Egress,
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._egress = egress
        self._limits = limits or Limits()
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._fetching: dict[str, asyncio.Task[Document]] = {}
        self._documents: WeightedCache[str, _Kept] = WeightedCache(self._limits.cached_documents)
        self._contexts: WeightedCache[str | bytes, _Compiled] = WeightedCache(
            self._limits.cached_contexts
        )

    def ready(self, url: str) -> Context | None:
        """Return the context of a URL if it is at hand and fresh; never waits."""
        if url == CORE_URL:
            return CORE_CONTEXT
        compiled = self._contexts.get(url)
        return compiled.context if compiled and self._clock() < compiled.until else None

    async def resolve(self, source: Json, *, place: str = "body:/@context") -> Context:
        """Return the effective context of a URL, context object, or array of them (or None).

        `place` says where the source stands, for errors. Raises LdContextNotAvailable where a
        remote document cannot be had, BadRequestData where the context is invalid or exceeds a
        limit.
        """
        if source is None or source == CORE_URL:
            return CORE_CONTEXT
        name = source if isinstance(source, str) else _digest(source, place)
        compiled = self._contexts.get(name)
        if compiled and self._clock() < compiled.until:
            return compiled.context
        try:
            fresh = await self._build(source, place, compiled)
        except (BadRequestData, LdContextNotAvailable):
            if compiled is None:
                raise
            fresh = _Compiled(compiled.context, self._clock() + RETRY)
        self._contexts.put(name, fresh, fresh.context.size)
        return fresh.context

    async def close(self) -> None:
        """Stop fetching and close the connections."""
        fetching = list(self._fetching.values())
        for task in fetching:
            task.cancel()
        await asyncio.gather(*fetching, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _build(self, source: Json, place: str, old: _Compiled | None) -> _Compiled:
        layers = Layers(self._document, self._limits, place)
        try:
            async with asyncio.timeout(self._limits.total):
                await layers.add(source)
        except TimeoutError:
            raise LdContextNotAvailable(
                f"The @context was not there within {self._limits.total:g} s.",
                place=place,
                remedy="Try again in some seconds: it is still being fetched, and then kept. "
                "If that does not help, send the context inline.",
            ) from None
        key = hashlib.blake2b(orjson.dumps(source), digest_size=32)
        for digest in layers.digests:
            key.update(digest)
        if old and old.context.key == key.digest():
            return _Compiled(old.context, layers.until)
        context = compile_context(
            layers.layers, source=source, link=_link(source), key=key.digest()
        )
        return _Compiled(context, layers.until)

    async def _document(self, url: str, place: str) -> tuple[Document, float]:
        """Return a remote document and until when it is fresh."""
        kept = self._documents.get(url)
        now = self._clock()
        if kept and now < kept.until:
            return kept.document, kept.until
        try:
            document = await self._shared_fetch(url)
        except (Unavailable, NotAContext) as failure:
            if kept is None:
                raise _error(url, place, failure) from None
            document, until = kept.document, now + RETRY
            self._keep(url, document, until)
        else:
            until = now + document.fresh
        return document, until

    def _keep(self, url: str, document: Document, until: float) -> None:
        self._documents.put(url, _Kept(document, until), document.size + len(url))

    async def _shared_fetch(self, url: str) -> Document:
        task = self._fetching.get(url)
        if task is None:
            task = asyncio.create_task(self._fetch(url))
            self._fetching[url] = task
            task.add_done_callback(lambda done: self._fetched(url, done))
        return await asyncio.shield(task)

    def _fetched(self, url: str, task: asyncio.Task[Document]) -> None:
        del self._fetching[url]
        if not task.cancelled() and task.exception() is None:
            document = task.result()
            self._keep(url, document, self._clock() + document.fresh)

    async def _fetch(self, url: str) -> Document:
        if self._session is None:
            self._session = self._egress.session(timeout=self._limits.timeout)
        try:
            async with asyncio.timeout(self._limits.timeout):
                return await fetch(
                    self._session,
                    self._egress,
                    url,
                    max_bytes=self._limits.max_bytes,
                    redirects=self._limits.redirects,
                )
        except TimeoutError:
            raise Unavailable("It does not answer in time.") from None


def _digest(source: Json, place: str) -> bytes:
    try:
        text = orjson.dumps(source)
    except TypeError:
        raise BadRequestData(
            "The @context is not JSON that can be kept.",
            place=place,
            remedy="Use plain JSON without lone surrogates or very deep nesting.",
        ) from None
    return hashlib.blake2b(text, digest_size=32).digest()


def _link(source: Json) -> str:
    parts = source if isinstance(source, list) else [source]
    own = [part for part in parts if not (isinstance(part, str) and is_core(part))]
    if isinstance(source, str):
        return source
    if not own:
        return CORE_URL
    return own[0] if len(own) == 1 and isinstance(own[0], str) else ""


def _error(
    url: str, place: str, failure: Unavailable | NotAContext
) -> BadRequestData | LdContextNotAvailable:
    if isinstance(failure, NotAContext):
        return BadRequestData(
            f"The document at {url} is no usable @context. {failure}",
            place=place,
            remedy="Refer to a JSON document with an @context member.",
        )
    return LdContextNotAvailable(
        f"The @context {url} cannot be fetched. {failure}",
        place=place,
        remedy=REMEDY
        if isinstance(failure, Refused)
        else "Check the URL and try again, or send the context inline.",
    )
