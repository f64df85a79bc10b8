"""The consent centre: what a person agreed to, who looked, and how to take it back.

Beside it the page of the data ethics board. Everything is done with the person's own session: what
may be agreed to and decided is checked by the broker at the write, not here.
"""
