"""Secrets of registrations: the headers that go to a source.

A registration is stored with `***` in their place, and what they were beside it, sealed.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from broker.errors import BadRequestData
from broker.registry.model import Registration
from broker.safe import MASK, Safe, Sealed
from broker.subscriptions.parse import Members

INFO: Final = "contextSourceInfo"
_PLAIN: Final = frozenset(("accept", "contentType", "jsonldContext", "ngsildConformance"))
"""Keys that say how to speak with the source, and name no header (§5.2.9)."""


def seal(safe: Safe, tenant: str, members: Members) -> tuple[Members, str | None]:
    """Return the members of a registration as they may be stored, and its sealed secrets."""
    given = members.get(INFO, [])
    shown = [pair if pair["key"] in _PLAIN else {**pair, "value": MASK} for pair in given]
    if shown == given:
        return members, None
    return {**members, INFO: shown}, safe.seal(_place(tenant, members["id"]), given)


def opened(safe: Safe, tenant: str, registration: Registration) -> Registration:
    """Return a registration with its secrets; without where they are lost."""
    if registration.sealed is not None:
        with suppress(Sealed):
            info: Any = safe.open(_place(tenant, registration.id), registration.sealed)
            return replace(registration, members={**registration.members, INFO: info})
    return registration


def refuse_masks(members: Members) -> None:
    """Refuse what was shown in the place of a secret: it would take the secret's place."""
    for index, pair in enumerate(members.get(INFO, ())):
        if pair["value"] == MASK:
            raise BadRequestData(
                f"`{MASK}` only stands for a secret that cannot be shown.",
                place=f"body:/{INFO}/{index}/value",
                remedy=f"Send the secret itself, or leave {INFO} out to keep what is there.",
            )


def _place(tenant: str, id: str) -> tuple[str, str, str]:
    return tenant, "csourceRegistration", id
