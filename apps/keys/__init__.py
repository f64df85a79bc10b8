"""Keys: who may open which lock and when, the door log, and what the locks need.

`contract` is what other apps call; the rest keeps the promise with the lock adapters.
"""
