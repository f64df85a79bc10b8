"""What a client sent as @context → a flat list of layers, remote documents fetched on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urljoin

from broker.errors import BadRequestData
from broker.jsonld.context import ABSOLUTE_IRI
from broker.jsonld.core import is_core
from broker.jsonld.definitions import CORE_LAYER, MAX_IRI, Layer
from broker.jsonld.fetch import Document
from broker.jsonld.limits import Limits
from broker.model.entity import Json


class Layers:
    """Collects the layers of one @context within limits.

    `until` is the time up to which all documents used are fresh, `digests` identify them.
    """

    def __init__(
        self,
        document: Callable[[str, str], Awaitable[tuple[Document, float]]],
        limits: Limits,
        place: str,
    ) -> None:
        self.layers: list[Layer] = []
        self.digests: list[bytes] = []
        self.until = float("inf")
        self._document = document
        self._limits = limits
        self._place = place
        self._terms = 0

    async def add(self, source: Json) -> None:
        """Add the layers of a source. Raises BadRequestData or LdContextNotAvailable."""
        await self._add(source, Layer(None, self._place), ())

    async def _add(self, value: Json, at: Layer, chain: tuple[str, ...], depth: int = 0) -> None:
        if depth > self._limits.depth:
            raise at.fault(
                f"The @context is nested deeper than {self._limits.depth} levels.",
                "Flatten it into one array.",
            )
        if value is None:
            self._append(at)
        elif isinstance(value, str):
            await self._add_remote(value, at, chain, depth)
        elif isinstance(value, list):
            inner = [
                Layer(None, at.place, f"{at.pointer}/{index}", at.url)
                for index in range(len(value))
            ]
            for part, there in zip(value, inner, strict=True):
                if not isinstance(part, _PARTS):
                    raise _no_context(there)
            for part, there in zip(value, inner, strict=True):
                await self._add(part, there, chain, depth + 1)
        elif isinstance(value, dict):
            if "@import" in value:
                value = await self._imported(value, at, chain)
            self._terms += len(value)
            if self._terms > self._limits.terms:
                raise at.fault(
                    f"The @context defines more than {self._limits.terms} terms.",
                    "Use a smaller context.",
                )
            self._append(Layer(value, at.place, at.pointer, at.url))
        else:
            raise _no_context(at)

    async def _add_remote(
        self, reference: str, at: Layer, chain: tuple[str, ...], depth: int
    ) -> None:
        url = self._absolute(reference, at)
        if is_core(url):
            self._append(CORE_LAYER)
            return
        document = await self._fetch(url, at, chain)
        inside = Layer(None, at.reference, url=document.url)
        await self._add(document.context, inside, (*chain, url), depth + 1)

    async def _imported(self, value: dict[str, Json], at: Layer, chain: tuple[str, ...]) -> Json:
        """Return a context object with the one it imports merged in (JSON-LD 1.1 `@import`)."""
        reference = value["@import"]
        if not isinstance(reference, str):
            raise at.fault("@import is not a string.", "Use a URL.", "@import")
        url = self._absolute(reference, at)
        imported = (await self._fetch(url, at, chain)).context
        if not isinstance(imported, dict) or "@import" in imported:
            raise at.fault(
                f"{url} cannot be imported: it is not one context object without @import.",
                "Refer to it in an array instead.",
                "@import",
            )
        return {
            **imported,
            **{term: part for term, part in value.items() if term != "@import"},
        }

    async def _fetch(self, url: str, at: Layer, chain: tuple[str, ...]) -> Document:
        if url in chain:
            raise at.fault(
                f"The context {url} refers back to itself.", "Break the circle of references."
            )
        if len(self.digests) >= self._limits.documents:
            raise at.fault(
                f"The @context refers to more than {self._limits.documents} remote documents.",
                "Merge them into fewer.",
            )
        document, until = await self._document(url, at.reference)
        self.digests.append(document.digest)
        self.until = min(self.until, until)
        return document

    def _absolute(self, reference: str, at: Layer) -> str:
        url = urljoin(at.url, reference) if at.url else reference
        if len(url) > MAX_IRI or not ABSOLUTE_IRI.fullmatch(url):
            raise at.fault(
                f"The context reference {reference[:200]!r} is not an absolute URL.",
                "Use an absolute http(s) URL.",
            )
        return url

    def _append(self, layer: Layer) -> None:
        if len(self.layers) >= self._limits.layers:
            raise BadRequestData(
                f"The @context has more than {self._limits.layers} parts.",
                place=self._place,
                remedy="Merge them into fewer.",
            )
        self.layers.append(layer)


_PARTS = (str, dict, list, type(None))


def _no_context(at: Layer) -> BadRequestData:
    return at.fault(
        "The @context is neither a URL, an object, an array nor null.",
        "Use a URL, a context object, or an array of them.",
    )
