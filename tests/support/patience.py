"""How long tests wait for what is to come about."""

from broker.client import Client

PATIENCE = 60.0
"""Seconds until a test gives up. Nothing is measured by them: the machine may be busy."""


def be_patient() -> None:
    """Let clients of this process wait as long for an answer, where nothing else is said."""
    defaults = Client.__init__.__kwdefaults__
    assert defaults is not None
    assert "timeout" in defaults
    defaults["timeout"] = PATIENCE
