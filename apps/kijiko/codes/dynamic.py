"""Codes of one use: signed, good for a minute, and spent by the payment they make (pure).

A citizen's code is `KJK1.<wallet>.<end>.<nonce>.<signature>`: it names the wallet, never its
balance or its holder. A shop's code of one use carries amount and reference, signed the same way.
That a code is spent is kept by the ledger, in the payment's own transaction, under `nonce`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from apps.kijiko.codes.merchant import MerchantCode

LIFE: Final = timedelta(seconds=60)
DRIFT: Final = timedelta(seconds=5)
"""How far ahead of this clock a code may have been made."""
HEAD: Final = "KJK1"
NONCE_BYTES: Final = 12
_TOKEN: Final = re.compile(
    r"KJK1\.([A-Za-z0-9_-]{1,60})\.([0-9]{10})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{22})"
)
_REFERENCE: Final = re.compile(r"([0-9]{10})\.([A-Za-z0-9_-]{16})")
_SIGNED: Final = 16


class CodeRefused(ValueError):
    """A code that is not taken. `key` is `no_code`, `forged`, `expired` or `too_early`.

    Of one that has expired, and was ours, `nonce` is what it was spent under if it was.
    """

    def __init__(self, key: str, nonce: str = "") -> None:
        super().__init__(key)
        self.key = key
        self.nonce = nonce


@dataclass(frozen=True, slots=True)
class Shown:
    """A citizen's code as it was read: whose wallet, and what it is spent under."""

    wallet: str
    nonce: str
    end: datetime


def citizen_code(secret: bytes, wallet: str, now: datetime, nonce: bytes) -> str:
    """Return a code for a wallet's local id. `nonce` is `NONCE_BYTES` of randomness."""
    end = int((now + LIFE).timestamp())
    body = f"{HEAD}.{wallet}.{end}.{_text(nonce)}"
    return f"{body}.{_signature(secret, body)}"


def shown(secret: bytes, text: str, now: datetime) -> Shown:
    """Return whose code this is. Raises CodeRefused."""
    found = _TOKEN.fullmatch(text.strip())
    if found is None:
        raise CodeRefused("no_code")
    wallet, end, nonce, signature = found.groups()
    if not hmac.compare_digest(_signature(secret, text.strip().rpartition(".")[0]), signature):
        raise CodeRefused("forged")
    return Shown(wallet, nonce, _in_time(end, nonce, now))


def reference(now: datetime, nonce: bytes) -> str:
    """Return a new reference for a shop's code of one use."""
    return f"{int((now + LIFE).timestamp())}.{_text(nonce)}"


def signature_of(secret: bytes, code: MerchantCode) -> str:
    """Return the signature of a shop's code of one use."""
    return _signature(secret, f"{code.merchant}|{code.amount}|{code.reference}")


def bill(secret: bytes, code: MerchantCode, now: datetime) -> str:
    """Return what a shop's code of one use is spent under. Raises CodeRefused."""
    if not hmac.compare_digest(signature_of(secret, code), code.signature):
        raise CodeRefused("forged")
    found = _REFERENCE.fullmatch(code.reference)
    if found is None:
        raise CodeRefused("no_code")
    _in_time(found[1], found[2], now)
    return found[2]


def _in_time(seconds: str, nonce: str, now: datetime) -> datetime:
    end = datetime.fromtimestamp(int(seconds), UTC)
    if now >= end:
        raise CodeRefused("expired", nonce)
    if end - now > LIFE + DRIFT:
        raise CodeRefused("too_early")
    return end


def _signature(secret: bytes, body: str) -> str:
    return _text(hmac.new(secret, body.encode(), hashlib.sha256).digest()[:_SIGNED])


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
