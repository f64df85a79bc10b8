"""What can go wrong with the vault."""

from __future__ import annotations


class VaultError(Exception):
    """The vault cannot do what was asked; the text says why and what to do."""


class WrongMasterKey(VaultError):
    """The key store was made with another master key, or a key of it was changed."""


class KeysLost(VaultError):
    """The key store is not the one that belongs to the vault."""


class Erased(VaultError):
    """The person was erased: nothing is kept of them again under this holder id."""

    def __init__(self, subject: str) -> None:
        super().__init__(
            f"{subject} was erased. Make a new holder id where the person comes again."
        )


class OtherValue(VaultError):
    """An idempotency key was used for another value before."""

    def __init__(self) -> None:
        super().__init__(
            "This idempotency key was used for another value. Repeat with the same value, or "
            "make a new key."
        )
