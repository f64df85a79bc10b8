"""The text of a key: shown once when it is made, then only recognised.

    mk_<8 letters, its id>_<43 letters, 256 random bits>

A key has too many random bits to be guessed, so a plain SHA-256 of it is enough to keep;
passwords, which people choose, get Argon2 instead. The prefix lets scanners of leaked secrets
find it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from typing import Final, TypeAlias

PREFIX: Final = "mk_"
SESSION: Final = "ms_"
"""Begins the token of a session, followed by 43 letters."""
_FORM = re.compile(r"mk_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")

Token: TypeAlias = Callable[[int], bytes]
"""So many bytes nobody can guess, such as `secrets.token_bytes`."""


def make(token: Token) -> tuple[str, str, bytes]:
    """Return a new key: (id, its text, the digest to keep)."""
    from base64 import urlsafe_b64encode

    key_id = token(4).hex()
    secret = urlsafe_b64encode(token(32)).rstrip(b"=").decode()
    text = f"{PREFIX}{key_id}_{secret}"
    return key_id, text, digest(text)


def id_of(text: str) -> str | None:
    """Return the id in a key's text, None where the text has not the form of a key."""
    found = _FORM.fullmatch(text)
    return None if found is None else found[1]


def digest(text: str) -> bytes:
    """Return what is kept of a key's text."""
    return sha256(text.encode()).digest()


def fits(text: str, kept: bytes) -> bool:
    """Tell whether a key's text is the one a digest was kept of, in constant time."""
    return compare_digest(digest(text), kept)
