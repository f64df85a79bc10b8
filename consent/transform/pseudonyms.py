"""Pseudonyms that two recipients cannot compare (pure)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

PSEUDONYMS: Final = "pseudonyms for recipients"
"""What the key is derived for (`consent.vault.master.derived`)."""


def pseudonym(key: bytes, purpose: str, recipient: str, holder: str, period: str = "") -> str:
    """Return the holder id by which a recipient knows a person for a purpose.

    It is the same each time, and another for each purpose, recipient and `period` (after which it
    changes, such as `2026-11`). Without the town's key nobody gets from one to another.
    """
    parts = [part.encode() for part in (purpose, recipient, period, holder)]
    text = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"urn:ngsi-ld:Holder:p-{hmac.new(key, text, hashlib.sha256).hexdigest()[:32]}"
