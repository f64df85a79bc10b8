"""Delivery: from a row of the outbox to a receiver, and back to a settled row.

`render` and `policy` are pure; `http` and `mqtt` speak to receivers; `runner` moves the queues.
"""
