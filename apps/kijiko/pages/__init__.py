"""What people see: `wallet.py` the citizen's phone, `shop.py` the shop's, `counter.py` and
`treasury.py` the staff's. `site.py` holds what they share, `showing.py` makes views (pure).
"""
