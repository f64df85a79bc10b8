"""The members of the simplified temporal representation (§4.5.9)."""

from __future__ import annotations

from typing import Final

from broker.model.entity import PRIMARY

PLURAL: Final = {
    kind: "values" if member == "value" else member + "s" for kind, member in PRIMARY.items()
}
"""Attribute kind → the member that holds [value, time] of each instance."""

WRAPPED: Final = frozenset({"languageMap", "json", "vocab"})
"""Primary members that stand as an object of their own before the time: {"json": …}."""
