"""Bookings: spaces of the town are found, booked, paid for and opened.

`core/` is what holds without a clock, a network or a broker: hours, closing days, prices, rules,
claims. `process/` carries one booking from hold to confirmation, or undoes it. `pages/` are what
citizens and the counter see; `edge/` speaks to payment providers, locks and mail.
"""
