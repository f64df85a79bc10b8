"""All entities of a type as a file, written page by page: JSON-LD, GeoJSON or CSV."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final

import orjson

from apps.portal.table import columns, csv_text, ordered, row_of
from broker.client import Client

SIZE: Final = 200
"""Entities held at a time."""

Chunks = AsyncIterator[bytes]


async def json_ld(client: Client, type: str, size: int = SIZE) -> Chunks:
    """Yield a JSON array of entities, each with its @context."""
    first = True
    async for page in client.pages(type, size=size, accept="application/ld+json"):
        yield (b"[" if first else b",\n" if page else b"") + b",\n".join(map(orjson.dumps, page))
        first = False
    yield b"]\n"


async def geo_json(client: Client, type: str, size: int = SIZE) -> Chunks:
    """Yield one FeatureCollection (RFC 7946); entities without a place have a null geometry."""
    first = True
    async for page in client.pages(type, size=size, accept="application/geo+json"):
        features = page["features"]
        start = (
            b'{"type":"FeatureCollection","features":[' if first else b",\n" if features else b""
        )
        yield start + b",\n".join(map(orjson.dumps, features))
        first = False
    yield b"]}\n"


async def comma_separated(client: Client, type: str, size: int = SIZE) -> Chunks:
    """Yield a table in UTF-8 without a byte order mark.

    The entities are read twice, first for the columns, so that no more than a page is held.
    """
    known: dict[str, None] = {}
    async for page in client.pages(type, size=size):
        columns(map(row_of, page), known)
    header, titled = ordered(known), True
    async for page in client.pages(type, size=size):
        yield csv_text(map(row_of, page), header, titled=titled).encode()
        titled = False


Writer = Callable[[Client, str], Chunks]

FORMATS: Final[dict[str, tuple[str, Writer]]] = {
    "jsonld": ("application/ld+json", json_ld),
    "geojson": ("application/geo+json", geo_json),
    "csv": ("text/csv; charset=utf-8; header=present", comma_separated),
}
"""Media type and writer by file name ending."""


async def begun(chunks: Chunks) -> Chunks:
    """Return the chunks with the first one already read, so that its error is raised here."""
    first = await anext(chunks)

    async def all_chunks() -> Chunks:
        yield first
        async for chunk in chunks:
            yield chunk

    return all_chunks()


def file_name(type: str, ending: str) -> str:
    """Return a plain file name for a type, which may be an IRI."""
    short = type.rstrip("/#").replace("#", "/").rsplit("/", 1)[-1]
    plain = "".join(each if each.isascii() and each.isalnum() else "-" for each in short)
    return f"{plain or 'entities'}.{ending}"
