"""Context source registrations (§5.9, §5.10) and subscriptions to them (§5.11).

A registration is a resource of the store (decision 0041): it is kept, found and matched here, and
nothing is forwarded yet.
"""
