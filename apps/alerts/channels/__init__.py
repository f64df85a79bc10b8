"""Channels: what is published goes out by mail and webhook, and the result is shown on the entity.

`letters.py` is pure; `config.py` reads the private file with the addresses; `senders.py` speaks
SMTP and HTTP; `messenger.py` follows the broker's stream.
"""
