"""River alerts: from water level to stage, bridge light and alert.

`stage.py`, `lights.py` and `effects.py` are pure; `service.py` follows the broker's stream.
"""
