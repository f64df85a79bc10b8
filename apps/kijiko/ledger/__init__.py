"""The ledger: double entry on the broker's transactions.

`book` is the door: each of its acts is one transaction that writes an immutable `LedgerTransfer`
and moves the balances of its wallets, or does nothing. `lots`, `wallet`, `transfer`, `rules` and
`plans` are pure and decide what a transfer is; `entities` turns it into operations of the broker.
`setup` lays the town's accounts and the rules of the types, `chain` and `sealer` seal the transfers
in the order of the change feed, `audit` and `watch` compare all of it.
"""
