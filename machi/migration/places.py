"""Stores by their URL: `sqlite:FOLDER` or `mongodb://…`."""

from __future__ import annotations

from pathlib import Path

from broker.store.exchange import ExchangeError, Source, Target

SQLITE = "sqlite:"
MONGODB = ("mongodb://", "mongodb+srv://")


def check_place(url: str) -> str:
    """Return a URL of a store; raises ExchangeError for anything else."""
    if not url.startswith((SQLITE, *MONGODB)) or url == SQLITE:
        raise ExchangeError(f"{url}: give sqlite:FOLDER or mongodb://SERVER/DATABASE.")
    return url


async def open_source(url: str) -> Source:
    """Open a store to be read whole; raises what its engine does."""
    if url.startswith(SQLITE):
        from broker.store.sqlite.exchange import open_source as open_folder

        return await open_folder(Path(url.removeprefix(SQLITE)))
    from broker.store.mongodb.exchange import open_source as open_database

    return await open_database(url)


async def open_target(url: str) -> Target:
    """Open a store to be filled; raises what its engine does."""
    if url.startswith(SQLITE):
        from broker.store.sqlite.exchange import open_target as open_folder

        return open_folder(Path(url.removeprefix(SQLITE)))
    from broker.store.mongodb.exchange import open_target as open_database

    return await open_database(url)
