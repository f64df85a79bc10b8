"""What the log says of one disclosure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Deed(StrEnum):
    """What was done with a person's data (`action` of a DisclosureRecord)."""

    READ = "read"
    NOTIFY = "notify"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entity of one person, shown to one caller.

    `holder` is the person, a pseudonym; `actor` the client and `user` the account that was shown
    it; `attributes` are IRIs; `basis` is the id of the consent, policy or override that allowed
    it, `reason` what an officer gave for an override.
    """

    at: str
    tenant: str
    holder: str
    actor: str
    user: str | None
    purpose: str | None
    deed: Deed
    target: str
    attributes: tuple[str, ...]
    basis: str
    reason: str = ""

    def told(self) -> dict[str, Any]:
        """Return the entry as it is written."""
        return {
            "at": self.at,
            "tenant": self.tenant,
            "holder": self.holder,
            "actor": self.actor,
            "user": self.user,
            "purpose": self.purpose,
            "action": self.deed,
            "target": self.target,
            "attributes": self.attributes,
            "basis": self.basis,
            "reason": self.reason,
        }
