"""Remote context documents: fetched when needed, shared, kept while they are fresh."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from broker.egress import REMEDY, Egress
from broker.errors import BadRequestData, LdContextNotAvailable
from broker.jsonld.cache import WeightedCache
from broker.jsonld.fetch import Document, NotAContext, Refused, Unavailable, fetch, fetch_body
from broker.jsonld.limits import Limits

if TYPE_CHECKING:
    import aiohttp

T = TypeVar("T")

RETRY = 60.0
"""Seconds for which a copy past its time is used when it could not be renewed."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A document and until when (seconds) it may be used unasked."""

    document: Document
    until: float


class Documents:
    """The documents of one process; bound to its event loop.

    Errors are never kept: the next request asks again. A document past its time is renewed by
    the first request that needs it; where that fails, the old copy serves on. Requests that need
    the same document at the same time share one fetch, which goes on when they stop waiting, so
    that a slow document is there for the next one. `clock` gives seconds.
    """

    def __init__(self, egress: Egress, limits: Limits, clock: Callable[[], float]) -> None:
        self._egress = egress
        self._limits = limits
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._fetching: dict[str, asyncio.Task[Document]] = {}
        self._kept: WeightedCache[str, Kept] = WeightedCache(limits.cached_documents)

    async def get(self, url: str, place: str) -> Kept:
        """Return a document. Raises LdContextNotAvailable, BadRequestData."""
        kept = self._kept.get(url)
        now = self._clock()
        if kept and now < kept.until:
            return kept
        try:
            document = await self._shared_fetch(url)
        except (Unavailable, NotAContext) as failure:
            if kept is None:
                raise _error(url, place, failure) from None
            return self.keep(url, kept.document, now + RETRY)
        return Kept(document, now + document.fresh)

    async def fetch(self, url: str, place: str) -> Document:
        """Return a document as it is now, whatever is kept; keep nothing.

        Raises LdContextNotAvailable, also for what is no context.
        """
        try:
            return await self._fetch(url)
        except (Unavailable, NotAContext) as failure:
            raise LdContextNotAvailable(
                f"The @context {url} cannot be fetched again. {failure}",
                place=place,
                remedy="The copy that is kept stays in use. Try again later.",
            ) from None

    async def text(self, url: str) -> str | None:
        """Return a document as it is written now; None where it cannot be had."""
        try:
            body = await self._within_limits(fetch_body, url)
        except (Unavailable, NotAContext):
            return None
        return body.content.decode("utf-8", "replace")

    def find(self, url: str) -> Kept | None:
        """Return what is kept of a document, fresh or not."""
        return self._kept.get(url)

    def keep(self, url: str, document: Document, until: float) -> Kept:
        """Keep a document until it has to be asked for again."""
        kept = Kept(document, until)
        self._kept.put(url, kept, document.size + len(url))
        return kept

    def drop_where(self, meant: Callable[[str], bool]) -> None:
        """Forget the documents that were asked for by a URL that is meant."""
        self._kept.drop_keys(meant)

    async def close(self) -> None:
        """Stop fetching and close the connections."""
        fetching = list(self._fetching.values())
        for task in fetching:
            task.cancel()
        await asyncio.gather(*fetching, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

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
            self.keep(url, document, self._clock() + document.fresh)

    async def _fetch(self, url: str) -> Document:
        return await self._within_limits(fetch, url)

    async def _within_limits(self, get: Callable[..., Awaitable[T]], url: str) -> T:
        if self._session is None:
            await asyncio.to_thread(import_module, "aiohttp")
        if self._session is None:
            self._session = self._egress.session(timeout=self._limits.timeout)
        try:
            async with asyncio.timeout(self._limits.timeout):
                return await get(
                    self._session,
                    self._egress,
                    url,
                    max_bytes=self._limits.max_bytes,
                    redirects=self._limits.redirects,
                )
        except TimeoutError:
            raise Unavailable("It does not answer in time.") from None


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
