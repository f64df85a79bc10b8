"""Kijiko: a local currency whose books always balance.

`ledger/` keeps the books: wallets, transfers, lots, limits, the sealed chain. What people see and
use stands on its public functions (`apps.kijiko.ledger.book`).
"""
