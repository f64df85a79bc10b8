"""What is done with the town's money beyond the ledger: shops, tills, campaigns, settlement.

`town.py` holds what all of it stands on; the money itself moves by `apps.kijiko.ledger` alone.
"""
