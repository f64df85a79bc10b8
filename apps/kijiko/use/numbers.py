"""Numbers that people can say, of wallets and shops (pure). No letter looks like a digit."""

from __future__ import annotations

import re
from typing import Final

ALPHABET: Final = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
WALLET: Final = "c-"
"""What the local id of a citizen's wallet begins with."""
MERCHANT: Final = "m-"
_NUMBER: Final = re.compile(rf"[{ALPHABET}]{{4}}-?[{ALPHABET}]{{4}}")


class NoNumber(ValueError):
    """A text that is no number of a wallet."""


def number(randomness: bytes) -> str:
    """Return a new number, such as `K7QH-22MX`, of at least five bytes of randomness."""
    rest, letters = int.from_bytes(randomness), []
    for _ in range(8):
        rest, place = divmod(rest, len(ALPHABET))
        letters.append(ALPHABET[place])
    return f"{''.join(letters[:4])}-{''.join(letters[4:])}"


def wallet_local(text: str) -> str:
    """Return the local id of a citizen's wallet by its number. Raises NoNumber."""
    given = text.strip().upper()
    if not _NUMBER.fullmatch(given):
        raise NoNumber(text[:20])
    return WALLET + given.replace("-", "").lower()


def wallet_number(wallet_id: str) -> str:
    """Return the number of a citizen's wallet."""
    letters = wallet_id.rpartition(":")[2].removeprefix(WALLET).upper()
    return f"{letters[:4]}-{letters[4:]}"
