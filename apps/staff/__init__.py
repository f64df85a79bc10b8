"""The staff page: publish or discard evacuation information, run lights by hand, see devices.

It has no accounts yet and is bound to the loopback address; staff give their number with each act.
"""
