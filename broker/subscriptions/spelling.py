"""Members of a subscription that are a slip of the pen: misspelt, or put where they do not belong.

What nobody knows is left out (`broker.subscriptions.parse`), so that a subscription written for a
later version is taken. But one without the condition somebody meant to give tells of more than
they asked for, and says nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

from broker.model.place import At, bad, show

_ALIKE: Final = 0.8
"""From which likeness on one name is taken for another."""

_MEMBERS: Final = {
    "the subscription itself": "id type subscriptionName description entities watchedAttributes "
    "notificationTrigger timeInterval q geoQ temporalQ csf scopeQ lang datasetId expandValues "
    "jsonKeys isActive expiresAt throttling jsonldContext localOnly splitEntities "
    "ngsildConformance notification",
    "entities": "id type idPattern",
    "geoQ": "georel geometry coordinates geoproperty",
    "temporalQ": "timerel timeAt endTimeAt timeproperty",
    "notification": "attributes pick omit format showChanges sysAttrs join joinLevel endpoint",
    "endpoint": "uri accept timeout cooldown receiverInfo notifierInfo",
}
"""Members that clients set, by where they belong."""

_KNOWN: Final = {where: frozenset(members.split()) for where, members in _MEMBERS.items()}
_ONLY_SHOWN: Final = (
    "@context status createdAt modifiedAt deletedAt timesSent timesFailed lastNotification "
    "lastSuccess lastFailure"
)
_PASSED_OVER: Final = frozenset(_ONLY_SHOWN.split())


def check_spelling(given: Mapping[str, Any], at: At, where: str) -> None:
    """Refuse members that are nearly those of `where`, or those of another part.

    Raises BadRequestData.
    """
    known = _KNOWN[where]
    for name in given:
        if name in known or name in _PASSED_OVER or ":" in name:
            continue
        meant = _meant(name, known)
        home = next((part for part, members in _KNOWN.items() if name in members), None)
        if home is not None:
            remedy = f"It belongs in {home}."
        elif meant is not None:
            remedy = f"Did you mean {meant}?"
        else:
            continue
        raise bad((at, name), f"{show(name)} is no member of {where}.", remedy)


def _meant(name: str, known: frozenset[str]) -> str | None:
    """Return the member a name is nearly, letters large or small."""
    small = {member.lower(): member for member in sorted(known)}
    alike = get_close_matches(name[:100].lower(), small, 1, _ALIKE)
    return small[alike[0]] if alike else None
