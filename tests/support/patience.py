"""How long tests wait for what is to come about."""

PATIENCE = 60.0
"""Seconds until a test gives up. Nothing is measured by them: the machine may be busy."""
