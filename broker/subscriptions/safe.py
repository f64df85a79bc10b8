"""What only receivers shall read, kept encrypted: header values, MQTT accounts.

A subscription is stored as strangers are shown it, with `***` in the place of secrets, and what
they were beside it, sealed with a key that is a file of its own: neither the data file nor a
backup of it gives them away. A sealed text belongs to one subscription of one tenant, and opens
nowhere else.
"""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson

from broker.subscriptions.endpoint import masked
from broker.subscriptions.parse import Members

KEY_FILE: Final = "receivers.key"
MASK: Final = "***"
_PLAIN: Final = frozenset(("MQTT-Version", "MQTT-QoS"))
_NONCE: Final = 12


class Sealed(Exception):
    """The secrets of a subscription cannot be opened; the text says what to do."""

    def __init__(self) -> None:
        super().__init__(
            "Its receiverInfo and account cannot be read, since the file receivers.key is not the "
            "one they were sealed with. Put that back, or send the endpoint again."
        )


class Safe:
    """Seals and opens with one key, which `read` gives when it is first needed."""

    def __init__(self, read: Callable[[], bytes] | None = None) -> None:
        self._read = read or (lambda: secrets.token_bytes(32))
        self._key: bytes | None = None

    def seal(self, tenant: str, document: dict[str, Any]) -> dict[str, Any]:
        """Return a subscription's document as it may be stored."""
        kept = {name: value for name, value in document.items() if name != "sealed"}
        members = document["members"]
        given = members["notification"]["endpoint"]
        shown = mask(given)
        if shown == given:
            return kept
        secret = {name: given[name] for name in given if given[name] != shown[name]}
        nonce = os.urandom(_NONCE)
        sealed = self._cipher().encrypt(nonce, orjson.dumps(secret), _place(tenant, members))
        return {
            **kept,
            "members": _with_endpoint(members, shown),
            "sealed": base64.b64encode(nonce + sealed).decode(),
        }

    def open(self, tenant: str, document: dict[str, Any]) -> dict[str, Any]:
        """Return a stored document with the secrets in their places. Raises Sealed."""
        if "sealed" not in document:
            return document
        from cryptography.exceptions import InvalidTag

        members = document["members"]
        raw = base64.b64decode(document["sealed"])
        try:
            text = self._cipher().decrypt(raw[:_NONCE], raw[_NONCE:], _place(tenant, members))
        except InvalidTag:
            raise Sealed from None
        endpoint = members["notification"]["endpoint"] | orjson.loads(text)
        return {**document, "members": _with_endpoint(members, endpoint)}

    def _cipher(self) -> Any:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if self._key is None:
            self._key = self._read()
        return AESGCM(self._key)


def mask(endpoint: Members) -> Members:
    """Return an endpoint as strangers are shown it: with `***` for secrets."""
    told = {**endpoint, "uri": masked(endpoint["uri"])}
    for name in ("receiverInfo", "notifierInfo"):
        if name in endpoint:
            told[name] = [
                pair if pair["key"] in _PLAIN else {**pair, "value": MASK}
                for pair in endpoint[name]
            ]
    return told


def key_in(folder: Path) -> Callable[[], bytes]:
    """Return what reads the key of a data folder, and makes one where there is none.

    The file is for its owner only, and on the disk before anything is sealed with it.
    """

    def read() -> bytes:
        path = folder / KEY_FILE
        try:
            return path.read_bytes()
        except FileNotFoundError:
            pass
        key = secrets.token_bytes(32)
        partial = path.with_name(path.name + ".partial")
        partial.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with os.fdopen(os.open(partial, flags, 0o600), "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        parent = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)
        return key

    return read


def _with_endpoint(members: Members, endpoint: Members) -> Members:
    return {**members, "notification": {**members["notification"], "endpoint": endpoint}}


def _place(tenant: str, members: Members) -> bytes:
    return orjson.dumps([tenant, members["id"]])
