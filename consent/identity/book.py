"""The file that keeps clients and keys: `identity.sqlite` in the town's data folder.

The broker reads it and the command line writes it, at the same time: whoever reads looks first
whether the file changed since (`PRAGMA data_version`), so a revoked key opens nothing from the
next request on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import apsw
import orjson

from consent.identity.keys import fits, id_of
from consent.identity.model import Client, Key, Own

FILE: Final = "identity.sqlite"
_VERSION: Final = 1
_APPLICATION: Final = 0x4D434944
"""`MCID`, in the header of the file."""

_SCHEMA = """
CREATE TABLE client (
    name TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE key (
    id TEXT PRIMARY KEY,
    client TEXT NOT NULL REFERENCES client (name) ON DELETE CASCADE,
    digest BLOB NOT NULL,
    created TEXT NOT NULL,
    expires TEXT,
    revoked TEXT
) WITHOUT ROWID;
"""


class IdentityError(Exception):
    """What was asked of the book cannot be done; the text says why and what to do."""


class IdentityBook:
    """Clients and keys, in memory as far as they are asked for, in the file before that."""

    def __init__(self, folder: Path) -> None:
        """Open the book of a data folder; make it where there is none. Raises IdentityError."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._file = apsw.Connection(str(path))
        self._file.set_busy_timeout(5000)
        self._prepare(path)
        self._seen: Any = None
        self.generation = 0
        """Rises whenever something changed."""
        self._clients: dict[str, Client] = {}
        self._keys: dict[str, Key] = {}

    def _prepare(self, path: Path) -> None:
        try:
            version = self._file.pragma("user_version")
            if version > _VERSION or (
                version and self._file.pragma("application_id") != _APPLICATION
            ):
                raise IdentityError(
                    f"{path} was written by a newer Machi. Use that version, or a backup."
                )
            self._file.pragma("journal_mode", "wal")
            self._file.pragma("synchronous", "full")
            self._file.pragma("foreign_keys", 1)
            self._file.pragma("secure_delete", 1)
            if not version:
                with self._written():
                    if not self._file.pragma("user_version"):
                        self._file.execute(_SCHEMA)
                        self._file.pragma("application_id", _APPLICATION)
                        self._file.pragma("user_version", _VERSION)
        except apsw.NotADBError as error:
            raise IdentityError(
                f"{path} is no identity file. Put a backup in its place."
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def put(self, client: Client) -> None:
        """Keep a client, in place of the one of the same name."""
        with self._written():
            self._file.execute(
                "INSERT INTO client VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = "
                "excluded.body",
                (client.name, _written_client(client)),
            )

    def add(self, key: Key) -> None:
        """Keep a key. Raises IdentityError where its client is not known."""
        try:
            with self._written():
                self._file.execute(
                    "INSERT INTO key VALUES (?, ?, ?, ?, ?, ?)",
                    (key.id, key.client, key.digest, key.created, key.expires, key.revoked),
                )
        except apsw.ConstraintError as error:
            raise IdentityError(f"There is no client {key.client}. Make it first.") from error

    def revoke(self, key_id: str, now: str) -> None:
        """Let a key open nothing from now on. Raises IdentityError for one that is not known."""
        with self._written():
            self._file.execute(
                "UPDATE key SET revoked = coalesce(revoked, ?) WHERE id = ?", (now, key_id)
            )
            known = self._file.changes()
        if not known:
            raise IdentityError(f"There is no key {key_id}. See machi keys list.")

    def remove(self, name: str) -> None:
        """Forget a client and its keys. Raises IdentityError for one that is not known."""
        with self._written():
            self._file.execute("DELETE FROM client WHERE name = ?", (name,))
            known = self._file.changes()
        if not known:
            raise IdentityError(f"There is no client {name}. See machi keys list.")

    def refresh(self) -> int:
        """Take in what others wrote since; return the generation of what is known now."""
        version = self._file.pragma("data_version")
        if version != self._seen:
            self._clients = {
                name: _read_client(name, body)
                for name, body in self._file.execute("SELECT name, body FROM client")
            }
            self._keys = {row[0]: Key(*row) for row in self._file.execute("SELECT * FROM key")}
            self._seen = version
            self.generation += 1
        return self.generation

    def client(self, name: str) -> Client | None:
        """Return a client as of the last `refresh`."""
        return self._clients.get(name)

    def clients(self) -> list[Client]:
        """Return all clients by name."""
        self.refresh()
        return [self._clients[name] for name in sorted(self._clients)]

    def keys(self) -> list[Key]:
        """Return all keys, oldest first."""
        self.refresh()
        return sorted(self._keys.values(), key=lambda key: (key.created, key.id))

    def holder(self, text: str, now: str) -> Client | None:
        """Return the client that a key's text stands for at a time; None where it opens nothing."""
        key = self._keys.get(id_of(text) or "")
        if key is None or not fits(text, key.digest) or not key.valid(now):
            return None
        return self._clients.get(key.client)

    @contextmanager
    def _written(self) -> Iterator[None]:
        self._file.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._file.execute("ROLLBACK")
            raise
        self._file.execute("COMMIT")
        self._seen = None


def _written_client(client: Client) -> bytes:
    return orjson.dumps(
        {
            "roles": sorted(client.roles),
            "purposes": sorted(client.purposes),
            "tenants": _sorted(client.tenants),
            "own": [[own.entity, _sorted(own.attributes)] for own in client.own],
            "rate": client.rate,
            "quota": client.quota,
        }
    )


def _read_client(name: str, body: bytes) -> Client:
    told = orjson.loads(body)
    return Client(
        name,
        frozenset(told["roles"]),
        frozenset(told["purposes"]),
        _frozen(told["tenants"]),
        tuple(Own(entity, _frozen(attributes)) for entity, attributes in told["own"]),
        told.get("rate"),
        told.get("quota"),
    )


def _sorted(names: Iterable[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _frozen(names: Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
