"""Passwords: Argon2id hashes, and what a password has to be (NIST SP 800-63B: long, not odd)."""

from __future__ import annotations

from typing import Final

import argon2

SHORTEST: Final = 12


class Argon2:
    """Argon2id with the parameters of RFC 9106's second choice: 64 MiB, three passes."""

    def __init__(self) -> None:
        self._hasher = argon2.PasswordHasher.from_parameters(argon2.profiles.RFC_9106_LOW_MEMORY)

    def hash(self, password: str) -> str:
        """Return a new hash of a password."""
        return self._hasher.hash(password)

    def fits(self, kept: str, password: str) -> bool:
        """Tell whether a password is the one a hash was made of."""
        try:
            return self._hasher.verify(kept, password)
        except argon2.exceptions.VerifyMismatchError:
            return False
