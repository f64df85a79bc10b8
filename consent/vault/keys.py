"""The key store: one key for each person, wrapped with the master key.

It lies outside the data folder and has backups of its own, which are kept for a short time: whoever
restores a backup brings back the keys of those who were erased since.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from consent.files import File
from consent.identity.keys import Token
from consent.vault.errors import Erased, WrongMasterKey
from consent.vault.sealing import KEY_BYTES, NONCE_BYTES, DoesNotOpen, seal, unseal

_APPLICATION: Final = 0x4D434B53
"""`MCKS`, in the header of the file."""
_SCHEMA = """
CREATE TABLE store (id BLOB NOT NULL, proof BLOB NOT NULL);
CREATE TABLE key (
    subject TEXT PRIMARY KEY,
    wrapped BLOB,
    erased TEXT
) WITHOUT ROWID;
"""
_PROOF: Final = b"Machi key store"


class KeyStore:
    """The keys of people. An erased key leaves its holder id behind, so that it stays erased."""

    def __init__(self, path: Path, master: bytes, token: Token = secrets.token_bytes) -> None:
        """Open the key store, or make it. Raises WrongMasterKey, Unusable."""
        self._file = File(path, _APPLICATION, _SCHEMA)
        self._master = master
        self._token = token
        try:
            self.id = self._prove()
        except BaseException:
            self._file.close()
            raise

    def _prove(self) -> bytes:
        """Return the store's id; raises WrongMasterKey."""
        with self._file.written():
            rows = self._file.run("SELECT id, proof FROM store")
            if not rows:
                made = self._token(16)
                proof = seal(self._master, self._token(NONCE_BYTES), _PROOF, made.hex())
                self._file.run("INSERT INTO store VALUES (?, ?)", made, proof)
                return made
        found, proof = rows[0]
        try:
            unseal(self._master, proof, found.hex())
        except DoesNotOpen:
            raise WrongMasterKey(
                f"The master key is not the one that {self._file.path} was made with. Give the "
                "right one (MACHI_MASTER_KEY, MACHI_MASTER_KEY_FILE, or the file beside the data "
                "folder)."
            ) from None
        assert isinstance(found, bytes)
        return found

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def find(self, subject: str) -> bytes | None:
        """Return the key of a person; None where there is none. Raises WrongMasterKey."""
        rows = self._file.run("SELECT wrapped FROM key WHERE subject = ?", subject)
        if not rows or rows[0][0] is None:
            return None
        try:
            return unseal(self._master, rows[0][0], subject)
        except DoesNotOpen:
            raise WrongMasterKey(
                f"The key of {subject} in {self._file.path} was changed. Put a backup in its place."
            ) from None

    def have(self, subject: str) -> bytes:
        """Return the key of a person, made where there is none. Raises Erased."""
        found = self.find(subject)
        if found is not None:
            return found
        made = self._token(KEY_BYTES)
        wrapped = seal(self._master, self._token(NONCE_BYTES), made, subject)
        insert = "INSERT INTO key VALUES (?, ?, NULL) ON CONFLICT DO NOTHING"
        if self._file.one(insert, subject, wrapped):
            return made
        found = self.find(subject)
        if found is None:
            raise Erased(subject)
        return found

    def erase(self, subject: str, now: str) -> None:
        """Forget a person's key for good; also where there is none yet."""
        self._file.one(
            "INSERT INTO key VALUES (?, NULL, ?) ON CONFLICT DO UPDATE "
            "SET wrapped = NULL, erased = coalesce(erased, excluded.erased)",
            subject,
            now,
        )
        self._file.scrub()

    def drop(self, subject: str) -> None:
        """Forget a person's key; another is made when it is needed. Erased people stay erased."""
        if self._file.one("DELETE FROM key WHERE subject = ? AND wrapped IS NOT NULL", subject):
            self._file.scrub()

    def erased(self, subject: str) -> str | None:
        """Return when a person was erased, None where they were not."""
        rows = self._file.run("SELECT erased FROM key WHERE subject = ?", subject)
        return rows[0][0] if rows else None

    def all_erased(self) -> list[str]:
        """Return the holder ids of all who were erased."""
        return [row[0] for row in self._file.run("SELECT subject FROM key WHERE wrapped IS NULL")]

    def rewrap(self, master: bytes) -> None:
        """Let another master key open the store from now on, and the present one no more."""
        with self._file.written():
            rows = self._file.run("SELECT subject, wrapped FROM key WHERE wrapped IS NOT NULL")
            for subject, wrapped in rows:
                key = unseal(self._master, wrapped, subject)
                again = seal(master, self._token(NONCE_BYTES), key, subject)
                self._file.run("UPDATE key SET wrapped = ? WHERE subject = ?", again, subject)
            proof = seal(master, self._token(NONCE_BYTES), _PROOF, self.id.hex())
            self._file.run("UPDATE store SET proof = ?", proof)
        self._master = master
        self._file.scrub()
