"""What has to be handed on in the clear later, tokens and passwords, kept encrypted until then.

The key is a file of its own, so that neither the data file nor a backup of it gives them away. A
sealed text belongs to one place, such as one subscription of one tenant, and opens nowhere else.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import orjson

from broker.errors import ServiceUnavailable

KEY_FILE: Final = "receivers.key"
MASK: Final = "***"
"""What is shown, and stored, in the place of a secret."""

_SIZE: Final = 32
_NONCE: Final = 12


class Sealed(Exception):
    """Secrets cannot be opened; the text says what to do."""

    def __init__(self) -> None:
        super().__init__(
            f"Its tokens and passwords cannot be read, since the file {KEY_FILE} is not the one "
            "they were sealed with. Put that back and start the broker again, or send them again."
        )


class KeyFaulty(ServiceUnavailable):
    """What lies in the place of the key is none, or cannot be read."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path} {why}.",
            place="",
            remedy="Put back the copy of it that you keep; or move it away, and send all tokens "
            "and passwords of subscriptions and registrations again.",
        )


class Keeper(Protocol):
    """Has the key."""

    def read(self) -> bytes | None:
        """Return the key, None where there is none yet. Raises KeyFaulty."""
        ...

    def make(self) -> bytes:
        """Make a key that `read` returns from now on."""
        ...


class Safe:
    """Seals and opens with one key, which is made when it is first needed."""

    def __init__(self, keeper: Keeper | None = None) -> None:
        self._keeper = keeper or _Memory()
        self._key: bytes | None = None

    def seal(self, place: Sequence[str], secret: Any) -> str:
        """Return JSON as a text that opens in its place only. Raises KeyFaulty."""
        if self._key is None:
            self._key = self._keeper.read() or self._keeper.make()
        nonce = os.urandom(_NONCE)
        sealed = _cipher(self._key).encrypt(nonce, orjson.dumps(secret), orjson.dumps(place))
        return base64.b64encode(nonce + sealed).decode()

    def open(self, place: Sequence[str], text: str) -> Any:
        """Return what was sealed. Raises Sealed; makes no key where there is none."""
        from cryptography.exceptions import InvalidTag

        raw = base64.b64decode(text)
        try:
            key = self._key or self._keeper.read()
            if key is None:
                raise Sealed
            plain = _cipher(key).decrypt(raw[:_NONCE], raw[_NONCE:], orjson.dumps(place))
        except (InvalidTag, KeyFaulty):
            raise Sealed from None
        self._key = key
        return orjson.loads(plain)


class KeyFile:
    """The key in a data folder: for its owner only, and on the disk before it seals anything."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / KEY_FILE

    def read(self) -> bytes | None:
        """Return the key, None where there is none yet. Raises KeyFaulty."""
        try:
            key = self._path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise KeyFaulty(self._path, f"cannot be read: {error.strerror}") from None
        if len(key) != _SIZE:
            raise KeyFaulty(self._path, f"is no key: it has {len(key)} bytes, not {_SIZE}")
        return key

    def make(self) -> bytes:
        """Make a key that `read` returns from now on."""
        key = secrets.token_bytes(_SIZE)
        partial = self._path.with_name(self._path.name + ".partial")
        partial.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(partial, flags, 0o600), "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)
        parent = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
        return key


class _Memory:
    """A key that is lost with the process."""

    def __init__(self) -> None:
        self._key: bytes | None = None

    def read(self) -> bytes | None:
        return self._key

    def make(self) -> bytes:
        self._key = secrets.token_bytes(_SIZE)
        return self._key


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
