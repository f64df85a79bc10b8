"""What the ledger refuses, and why."""

from __future__ import annotations


class LedgerError(Exception):
    """Root of what the ledger raises by itself. Nothing was changed."""


class NotPossible(LedgerError):
    """The rules forbid it. `reason` is a word for programs and for pages to translate.

    - amount: no positive whole number, or none that can be
    - short: too little in the wallet that can still be spent
    - frozen, closed, no_wallet, wrong_kind: the wallet
    - limit_payment, limit_day, limit_charge, limit_balance, limit_declared: the limits of currency
      or wallet
    - away: the merchant or campaign takes no part now
    - account_short: a merchant, a budget or an account has too little
    - refunded: all is given back, or what was refunded is to be reversed
    - reversed: it was reversed already
    - spent: what is to be taken back is not there any more
    - not_reversible, not_a_payment, same_wallet, not_empty
    - two_needed: two different persons have to agree
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class OtherRequest(LedgerError):
    """The key was used for another request before."""


class Busy(LedgerError):
    """A wallet changed again and again while something was to be done to it. Try again."""


class CompanionFailed(LedgerError):
    """A precondition of what was to be written along does not hold; `place` is its index."""

    def __init__(self, place: int) -> None:
        super().__init__(f"companion {place}")
        self.place = place
