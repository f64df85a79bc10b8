"""One booking from hold to confirmation and after, or undone: never half.

`case.py` is what is known of a booking, `machine.py` how it changes (pure), `due.py` what is to be
done next and when (pure), `entities.py` a case as entities and as operations of one transaction.
`runner.py` does what is due: an effect, then one commit on condition of the booking's version.
"""
