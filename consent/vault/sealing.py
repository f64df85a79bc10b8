"""AES-256-GCM: a sealed text opens only with its key, and only in the place it was sealed for."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12


class DoesNotOpen(Exception):
    """The key or the place is another, or the sealed text was changed."""


def seal(key: bytes, nonce: bytes, text: bytes, *place: str) -> bytes:
    """Return a text sealed for a place. A nonce of 12 random bytes is used once with a key."""
    return nonce + AESGCM(key).encrypt(nonce, text, _joined(place))


def unseal(key: bytes, sealed: bytes, *place: str) -> bytes:
    """Return the text sealed for a place. Raises DoesNotOpen."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _joined(place))
    except (InvalidTag, ValueError):
        raise DoesNotOpen from None


def digest(key: bytes, *parts: str) -> bytes:
    """Return what is kept of words that shall be recognised, and not tried out without the key."""
    return hmac.digest(key, _joined(parts), hashlib.sha256)


def _joined(parts: tuple[str, ...]) -> bytes:
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
