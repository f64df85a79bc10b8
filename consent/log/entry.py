"""What the log says of one disclosure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias

Key: TypeAlias = tuple[str | None, ...]


class Deed(StrEnum):
    """What was done with a person's data (`action` of a DisclosureRecord)."""

    READ = "read"
    NOTIFY = "notify"
    OVERRIDE = "override"
    DECRYPT = "decrypt"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entity of one person, shown to one caller.

    `holder` is the person, a pseudonym; `actor` the client and `user` the account that was shown
    it; `attributes` are IRIs; `basis` is the id of the consent, policy or override that allowed
    it (empty for what a program notes of the vault or of a file), `reason` what was given for it.
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

    @property
    def key(self) -> Key:
        """What tells entries of one commit apart: all but the time and the attributes."""
        return (
            *(self.tenant, self.holder, self.actor, self.user, self.purpose),
            *(self.deed, self.target, self.basis, self.reason),
        )

    def with_attributes_of(self, other: Entry) -> Entry:
        """Return the entry with the attributes of another one too."""
        if set(other.attributes) <= set(self.attributes):
            return self
        return replace(self, attributes=tuple(sorted({*self.attributes, *other.attributes})))

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
