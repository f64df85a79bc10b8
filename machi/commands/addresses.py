"""Addresses as options of a command: what nothing could ever come from, or go to, is refused."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

import click

from machi.migration.places import MONGODB

ANY: Final = "*"
_HOST: Final = re.compile(r"[^\s/:@?#*\[\]]+|\[[0-9A-Fa-f:.]+\]")


def public_url(text: str) -> str:
    """Return scheme and host of a URL at which clients reach the broker; empty for none."""
    if text and not _bare(parts := _parts(text), parts.scheme in ("http", "https")):
        raise click.BadParameter(f"{text}: give scheme and host, such as https://api.town.example")
    return text.rstrip("/")


def origins(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return origins (RFC 6454) as browsers send them; `*` stands for all."""
    for text in texts:
        if text != ANY and not _bare(parts := _parts(text), parts.scheme != ""):
            raise click.BadParameter(
                f"{text}: give scheme, host and port where it is not the usual one, such as "
                "https://town.example, or * for any page"
            )
    return tuple(text.lower().rstrip("/") for text in texts)


def hosts(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return names that a Host header may carry, whatever the port."""
    for text in texts:
        if not _HOST.fullmatch(text):
            raise click.BadParameter(
                f"{text}: give a name without scheme, port and path, such as api.town.example"
            )
    return tuple(text.lower() for text in texts)


def database(url: str) -> str:
    """Return the URL of a MongoDB database; empty for none. Raises UsageError."""
    if not url:
        return url
    from pymongo.errors import PyMongoError
    from pymongo.uri_parser import parse_uri

    example = "such as mongodb://db1,db2,db3/town?replicaSet=town"
    if not url.startswith(MONGODB):
        raise click.UsageError(f"--store takes the URL of a MongoDB database, {example}.")
    try:
        if url.startswith(MONGODB[0]):
            parse_uri(url)
    except (PyMongoError, ValueError) as error:
        raise click.UsageError(f"--store: {error} Give a URL {example}.") from error
    return url


def _parts(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises where it is none
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts


def _bare(parts: SplitResult, known: bool) -> bool:
    """Tell whether a URL of a known scheme has a host, and nothing that would be left out."""
    rest = parts.path.rstrip("/") + parts.query + parts.fragment
    return known and bool(parts.hostname) and parts.username is None and not rest
