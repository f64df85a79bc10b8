"""@contexts as clients send them → `Context`: compiled, cached, and counted by tenant."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import orjson

from broker.egress import Egress
from broker.errors import BadRequestData, LdContextNotAvailable
from broker.jsonld.cache import WeightedCache
from broker.jsonld.context import Context
from broker.jsonld.core import CORE_CONTEXT, CORE_URL, is_core
from broker.jsonld.definitions import compile_context
from broker.jsonld.documents import RETRY, Documents, Kept
from broker.jsonld.fetch import Document
from broker.jsonld.layers import Layers
from broker.jsonld.limits import Limits
from broker.jsonld.origin import Origin, line_of, origin
from broker.jsonld.uses import Use, Uses
from broker.model.entity import Json

MOST_TENANTS = 1000
"""Tenants whose use of one compiled context is counted without looking it up."""


class Hosted(Protocol):
    """The contexts that the broker itself serves, for use without a request to itself."""

    async def document(self, tenant: str, url: str) -> tuple[str, Document] | None:
        """Return id and document behind a URL of the broker's own, if the tenant has it."""
        ...


class NothingHosted:
    """A broker that serves no contexts."""

    async def document(self, tenant: str, url: str) -> tuple[str, Document] | None:
        return None


@dataclass(slots=True)
class _Compiled:
    """A context, until when it is fresh, and what it was made of.

    `remote` are the URLs of documents that were fetched, `own` ids by URL of the broker's own.
    """

    context: Context
    until: float
    remote: frozenset[str]
    own: dict[str, str]
    uses: dict[str, tuple[Use, ...]] = field(default_factory=dict)


class ContextLoader:
    """Resolves what clients send as @context. One per process; bound to its event loop.

    A context that is made of documents the broker serves itself belongs to the tenant that has
    them; all others are shared. `clock` gives seconds.
    """

    def __init__(
        self,
        egress: Egress,
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
        hosted: Hosted | None = None,
    ) -> None:
        self._limits = limits or Limits()
        self.clock = clock
        self._hosted: Hosted = hosted or NothingHosted()
        self._documents = Documents(egress, self._limits, clock)
        self.uses = Uses()
        self._contexts: WeightedCache[str | bytes | tuple[str, str | bytes], _Compiled] = (
            WeightedCache(self._limits.cached_contexts)
        )

    def ready(self, url: str, tenant: str = "") -> Context | None:
        """Return the context of a URL if it is at hand and fresh; never waits."""
        compiled = self._contexts.get(url)
        if compiled is None:
            return CORE_CONTEXT if url == CORE_URL else None
        now = self.clock()
        uses = compiled.uses.get(tenant)
        if uses is None or now >= compiled.until:
            return None
        for use in uses:
            use.hits += 1
            use.last = now
        return compiled.context

    async def resolve(
        self, source: Json, *, place: str = "body:/@context", tenant: str = "", used: bool = True
    ) -> Context:
        """Return the effective context of a URL, context object, or array of them (or None).

        `place` says where the source stands, for errors; `used` whether this is a use that
        counts. Raises LdContextNotAvailable where a remote document cannot be had, BadRequestData
        where the context is invalid or exceeds a limit.
        """
        if source is None or source == CORE_URL:
            return CORE_CONTEXT
        name = source if isinstance(source, str) else _digest(source, place)
        compiled = self._contexts.get(name) or await self._own(tenant, name)
        if compiled is None or self.clock() >= compiled.until:
            try:
                compiled = await self._build(source, place, tenant, compiled)
            except (BadRequestData, LdContextNotAvailable):
                if compiled is None:
                    raise
                compiled.until = self.clock() + RETRY
            key = (tenant, name) if compiled.own else name
            self._contexts.put(key, compiled, compiled.context.size)
        if used:
            self._count(compiled, tenant)
        return compiled.context

    def find(self, url: str) -> Kept | None:
        """Return what is kept of a remote document."""
        return self._documents.find(url)

    async def reload(self, url: str, place: str) -> None:
        """Fetch a remote document again, and use it from now on.

        Raises LdContextNotAvailable where that fails or it is no valid context; the old one stays.
        """
        document = await self._documents.fetch(url, place)
        now = self.clock()

        async def replaced(other: str, at: str) -> tuple[Document, float]:
            if other == url:
                return document, now
            kept = await self._documents.get(other, at)
            return kept.document, kept.until

        layers = Layers(replaced, self._limits, place)
        try:
            await layers.add(url)
            compile_context(layers.layers, source=url, link=url, key=b"")
        except BadRequestData as fault:
            raise LdContextNotAvailable(
                f"The @context {url} is not valid any more. {fault.detail}",
                place=place,
                remedy="The copy that is kept stays in use. Mend the document and try again.",
            ) from None
        self._documents.keep(url, document, now + document.fresh)
        self._contexts.drop_where(lambda one: url in one.remote)

    def forget(self, url: str, tenant: str) -> None:
        """Forget a remote document, and that the tenant used it."""
        self.forget_copies(url.__eq__)
        self.uses.forget(tenant, url)

    def forget_copies(self, meant: Callable[[str], bool]) -> None:
        """Forget all remote documents of which the URL is meant."""
        self._documents.drop_where(meant)
        self._contexts.drop_where(lambda one: any(map(meant, one.remote)))

    async def trace(
        self, name: str, source: Json, *, place: str, tenant: str = ""
    ) -> tuple[Origin, int | None]:
        """Return how a name gets its IRI from a context, and the line of the entry that counts.

        The line is None where the entry is in no document on the web, or that cannot be had now.
        """

        async def document(url: str, at: str) -> tuple[Document, float]:
            hosted = await self._hosted.document(tenant, url)
            if hosted is not None:
                return hosted[1], float("inf")
            kept = await self._documents.get(url, at)
            return kept.document, kept.until

        layers = await self._layers(document, source, place)
        found = origin(name, layers.layers)
        url = None if found.layer is None else found.layer.url
        text = None if url is None else await self._documents.text(url)
        if text is None or found.layer is None:
            return found, None
        path = [step for step in found.layer.pointer.split("/") if step]
        return found, line_of(text, ["@context", *path, found.entry])

    async def close(self) -> None:
        """Stop fetching and close the connections."""
        await self._documents.close()

    def _count(self, compiled: _Compiled, tenant: str) -> None:
        now = self.clock()
        uses = compiled.uses.get(tenant)
        if uses is None:
            if len(compiled.uses) >= MOST_TENANTS:
                compiled.uses.clear()
            names = (*compiled.remote, *compiled.own.values())
            uses = tuple(self.uses.begin(tenant, name, now) for name in names)
            compiled.uses[tenant] = uses
        for use in uses:
            use.hit(now)

    async def _own(self, tenant: str, name: str | bytes) -> _Compiled | None:
        """Return a context made of documents of the broker's own, if it still has them."""
        compiled = self._contexts.get((tenant, name))
        if compiled is not None:
            for url in compiled.own:
                if await self._hosted.document(tenant, url) is None:
                    return None
        return compiled

    async def _build(
        self, source: Json, place: str, tenant: str, old: _Compiled | None
    ) -> _Compiled:
        remote: set[str] = set()
        own: dict[str, str] = {}

        async def document(url: str, at: str) -> tuple[Document, float]:
            hosted = await self._hosted.document(tenant, url)
            if hosted is not None:
                own[url], found = hosted
                return found, float("inf")
            kept = await self._documents.get(url, at)
            remote.add(url)
            return kept.document, kept.until

        layers = await self._layers(document, source, place)
        key = hashlib.blake2b(orjson.dumps(source), digest_size=32)
        for digest in layers.digests:
            key.update(digest)
        if old and old.context.key == key.digest():
            context = old.context
        else:
            context = compile_context(
                layers.layers, source=source, link=_link(source), key=key.digest()
            )
        return _Compiled(context, layers.until, frozenset(remote), own)

    async def _layers(
        self,
        document: Callable[[str, str], Awaitable[tuple[Document, float]]],
        source: Json,
        place: str,
    ) -> Layers:
        layers = Layers(document, self._limits, place)
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
        return layers


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
