"""What people see: `citizen.py` finds, books and pays, `counter.py` is the staff's day.

`showing.py` turns entities into what templates show (pure); `site.py` holds what both share.
"""
