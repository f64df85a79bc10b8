"""The disclosure log: who was shown which person's data, when, for which purpose, and why allowed.

`chain` is the form of its lines and how they are verified (pure), `file` the append-only file,
`log` what the guard writes to and a citizen reads from.
"""
