"""The file `vault.sqlite` in the data folder: sealed values, unreadable without the key store."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from consent.files import File
from consent.vault.errors import KeysLost, OtherValue

FILE: Final = "vault.sqlite"
_APPLICATION: Final = 0x4D435654
"""`MCVT`, in the header of the file."""
_SCHEMA = """
CREATE TABLE belongs (store BLOB NOT NULL);
CREATE TABLE item (
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (subject, kind)
) WITHOUT ROWID;
CREATE TABLE done (
    subject TEXT NOT NULL,
    idempotency BLOB NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (subject, idempotency)
) WITHOUT ROWID;
"""


class Records:
    """Sealed values by holder and kind, and which idempotency keys are used up."""

    def __init__(self, folder: Path) -> None:
        """Open the file of a data folder, or make it. Raises Unusable."""
        self._file = File(folder / FILE, _APPLICATION, _SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def belong_to(self, store: bytes) -> None:
        """Keep which key store the values are sealed with. Raises KeysLost where it is another."""
        with self._file.written():
            rows = self._file.run("SELECT store FROM belongs")
            if not rows:
                self._file.run("INSERT INTO belongs VALUES (?)", store)
            elif rows[0][0] != store:
                raise KeysLost(
                    f"The key store is not the one {self._file.path} was written with. Put its "
                    "backup in its place; without it nothing in the vault can be read."
                )

    def put(self, subject: str, kind: str, sealed: bytes, used: tuple[bytes, bytes] | None) -> None:
        """Keep a value in place of the one before, once for each idempotency key.

        `used` are digests of the idempotency key and of the value. Raises OtherValue.
        """
        with self._file.written():
            if used is not None and self._repeats(subject, *used):
                return
            self._file.run("INSERT OR REPLACE INTO item VALUES (?, ?, ?)", subject, kind, sealed)

    def _repeats(self, subject: str, idempotency: bytes, value: bytes) -> bool:
        select = "SELECT value FROM done WHERE subject = ? AND idempotency = ?"
        rows = self._file.run(select, subject, idempotency)
        if rows and rows[0][0] != value:
            raise OtherValue
        if not rows:
            self._file.run("INSERT INTO done VALUES (?, ?, ?)", subject, idempotency, value)
        return bool(rows)

    def get(self, subject: str, kind: str) -> bytes | None:
        """Return a sealed value, None where there is none."""
        select = "SELECT sealed FROM item WHERE subject = ? AND kind = ?"
        rows = self._file.run(select, subject, kind)
        return rows[0][0] if rows else None

    def kinds(self, subject: str) -> list[str]:
        """Return the kinds of values that are kept of a person, in order."""
        rows = self._file.run("SELECT kind FROM item WHERE subject = ? ORDER BY kind", subject)
        return [row[0] for row in rows]

    def forget(self, subject: str, kind: str) -> None:
        """Forget one value; nothing happens where there is none."""
        if self._file.one("DELETE FROM item WHERE subject = ? AND kind = ?", subject, kind):
            self._file.scrub()

    def erase(self, subjects: list[str]) -> None:
        """Forget everything of these people."""
        with self._file.written():
            for subject in subjects:
                self._file.run("DELETE FROM item WHERE subject = ?", subject)
                self._file.run("DELETE FROM done WHERE subject = ?", subject)
        self._file.scrub()
