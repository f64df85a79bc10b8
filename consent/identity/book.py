"""Who can call: clients with their keys, and people with their sessions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import apsw
import orjson

from consent.identity.file import IdentityError, IdentityFile
from consent.identity.keys import SESSION, digest, fits, id_of
from consent.identity.model import MADE, Account, Client, Key, Own
from consent.identity.people import People


class IdentityBook:
    """What the file says of callers, in memory as of the last `refresh`."""

    def __init__(self, folder: Path) -> None:
        """Open the book of a data folder; make it where there is none. Raises IdentityError."""
        self._file = IdentityFile(folder)
        self.people = People(self._file)
        self.generation = 0
        """Rises whenever something changed."""
        self._clients: dict[str, Client] = {}
        self._ended: set[str] = set()
        self._keys: dict[str, Key] = {}
        self._keys_of: dict[str, list[Key]] = {}
        self._sessions: dict[bytes, tuple[str, str]] = {}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def put(self, client: Client) -> None:
        """Keep a client, in place of the one of the same name."""
        self._file.one(
            "INSERT INTO client VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = "
            "excluded.body",
            client.name,
            _written_client(client),
        )

    def add(self, key: Key) -> None:
        """Keep a key. Raises IdentityError where its client is not known."""
        row = (key.id, key.client, key.digest, key.created, key.expires, key.revoked)
        try:
            self._file.one("INSERT INTO key VALUES (?, ?, ?, ?, ?, ?)", *row)
        except apsw.ConstraintError as error:
            raise IdentityError(f"There is no client {key.client}. Make it first.") from error

    def renew(self, client: Client, key: Key) -> None:
        """Keep a client with this key, in place of all keys it had."""
        body = _written_client(client)
        row = (key.id, client.name, key.digest, key.created, key.expires, key.revoked)
        with self._file.written():
            self._file.run("INSERT OR REPLACE INTO client VALUES (?, ?)", client.name, body)
            self._file.run("DELETE FROM key WHERE client = ?", client.name)
            self._file.run("INSERT INTO key VALUES (?, ?, ?, ?, ?, ?)", *row)

    def revoke(self, key_id: str, now: str) -> None:
        """Let a key open nothing from now on. Raises IdentityError for one that is not known."""
        revoked = "UPDATE key SET revoked = coalesce(revoked, ?) WHERE id = ?"
        if not self._file.one(revoked, now, key_id):
            raise IdentityError(f"There is no key {key_id}. See machi keys list.")

    def end(self, key_id: str, expires: str) -> None:
        """Let a key open nothing from a time on; one that ends sooner does so."""
        ends = "UPDATE key SET expires = min(coalesce(expires, ?), ?) WHERE id = ?"
        self._file.one(ends, expires, expires, key_id)

    def remove(self, name: str) -> None:
        """Forget a client and its keys. Raises IdentityError for one that is not known."""
        if not self._file.one("DELETE FROM client WHERE name = ?", name):
            raise IdentityError(f"There is no client {name}. See machi keys list.")

    def refresh(self) -> int:
        """Take in what others wrote since; return the generation of what is known now."""
        if self._file.changed():
            read = self._file.run
            self._clients = {
                name: _read_client(name, body) for name, body in read("SELECT * FROM client")
            }
            accounts = {account.id: account for account in self.people.accounts()}
            self._follow(accounts)
            self._clients |= {one.client.name: one.client for one in accounts.values()}
            self._keys = {row[0]: Key(*row) for row in read("SELECT * FROM key")}
            self._keys_of = defaultdict(list)
            for key in self._keys.values():
                self._keys_of[key.client].append(key)
            self._sessions = {
                digest: (f"account:{account}", expires)
                for digest, account, expires in read("SELECT * FROM session")
            }
            self.generation += 1
        return self.generation

    def _follow(self, accounts: Mapping[str, Account]) -> None:
        """Let keys that people made open what these people may reach, nothing once they go."""
        self._ended = set()
        for name in [name for name in self._clients if name.startswith(MADE)]:
            owner = accounts.get(name.removeprefix(MADE))
            if owner is None or not owner.makes:
                self._ended.add(name)
            else:
                self._clients[name] = replace(self._clients[name], tenants=owner.tenants)

    def client(self, name: str) -> Client | None:
        """Return a client as of the last `refresh`, None too for one whose person has gone."""
        return None if name in self._ended else self._clients.get(name)

    def clients(self) -> list[Client]:
        """Return all clients by name, people left out."""
        self.refresh()
        found = [self._clients[name] for name in sorted(self._clients)]
        return [client for client in found if client.user is None]

    def keys(self) -> list[Key]:
        """Return all keys, oldest first."""
        self.refresh()
        return sorted(self._keys.values(), key=lambda key: (key.created, key.id))

    def credential(self, text: str) -> str:
        """Return by what `opens` knows a key or a session's token; it opens nothing itself."""
        return SESSION + digest(text).hex() if text.startswith(SESSION) else id_of(text) or ""

    def opens(self, client: str, credential: str, now: str) -> bool:
        """Tell whether a key or session still opens something at a time.

        Without a credential, as for who is told of what was subscribed to, any key of the client's
        does; people and programs without keys are known by their names.
        """
        if credential.startswith(SESSION):
            session = bytes.fromhex(credential.removeprefix(SESSION))
            return now < self._sessions.get(session, ("", ""))[1]
        if credential:
            key = self._keys.get(credential)
            return key is not None and key.valid(now)
        keys = self._keys_of.get(client)
        return not keys or any(key.valid(now) for key in keys)

    def holder(self, text: str, now: str) -> Client | None:
        """Return whom a key or a session's token stands for at a time; None for nobody."""
        if text.startswith(SESSION):
            name, expires = self._sessions.get(digest(text), ("", ""))
            return self.client(name) if now < expires else None
        key = self._keys.get(id_of(text) or "")
        if key is None or not fits(text, key.digest) or not key.valid(now):
            return None
        return self.client(key.client)


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
        rate=told["rate"],
        quota=told["quota"],
    )


def _sorted(names: Iterable[str] | None) -> list[str] | None:
    return None if names is None else sorted(names)


def _frozen(names: Iterable[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)
