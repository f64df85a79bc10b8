"""Which members an attribute of each kind may carry (§5.2.5 to §5.2.8, §5.2.32 to §5.2.38)."""

from __future__ import annotations

from typing import Any, Final

from broker.model.entity import PRIMARY, Instance
from broker.model.names import PREVIOUS
from broker.model.place import At, bad

PRIMARIES: Final = frozenset(PRIMARY.values())
"""The members that hold a value, of whatever kind."""

KIND_OF: Final[dict[str, str]] = {
    member: kind for kind, member in PRIMARY.items() if kind != "GeoProperty"
}
"""Primary member → the kind it stands for where `type` is left out (`value`: see geometry)."""

RELATIONSHIPS: Final = frozenset(("Relationship", "ListRelationship"))
WITH_UNIT: Final = frozenset(("Property", "GeoProperty", "ListProperty"))

IGNORED: Final = frozenset(("createdAt", "modifiedAt", "deletedAt", "instanceId", "lang"))
"""Members the broker sets on output; on input they are dropped without complaint."""

FORBIDDEN: Final = (
    PREVIOUS | PRIMARIES | frozenset(("entity", "entityList", "@context", "id", "@id", "scope"))
)
"""Members an instance never carries on input, but for the primary one of its kind."""

MEMBERS: Final = frozenset(
    ("datasetId", "observedAt", "unitCode", "valueType", "objectType", "expiresAt")
)
"""Members that are neither the value nor a sub-attribute."""

LANG_STRING: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"


def check_members(kind: str, instance: Instance, at: At) -> None:
    """Refuse `unitCode`, `valueType` and `objectType` on kinds that have none."""
    if "unitCode" in instance and kind not in WITH_UNIT:
        raise _misplaced("unitCode", kind, at, "Leave it out; units belong to a Property.")
    if "objectType" in instance and kind not in RELATIONSHIPS:
        raise _misplaced("objectType", kind, at, "Leave it out; it belongs to a Relationship.")
    if "valueType" in instance:
        if kind in RELATIONSHIPS:
            raise _misplaced("valueType", kind, at, "Leave it out; it belongs to a Property.")
        if kind == "LanguageProperty" and instance["valueType"] not in (LANG_STRING, None):
            raise bad(
                (at, "valueType"),
                "The valueType of a LanguageProperty can only be langString.",
                'Write "valueType": "langString", or leave it out.',
            )


def check_kind(value: Any, at: At) -> str:
    """Return the kind a `type` member names."""
    if type(value) is not str or value not in PRIMARY:
        raise bad(
            (at, "type"),
            "The type of an attribute must be one of " + ", ".join(PRIMARY) + ".",
            "Correct the type. If this object is meant as a plain value that happens to have a "
            'type, wrap it: {"type": "Property", "value": {…}}.',
        )
    kind: str = value
    return kind


def misplaced_primary(member: str, kind: str | None, at: At) -> Exception:
    """Return the error for a member of FORBIDDEN."""
    if member in PRIMARIES:
        expected = PRIMARY.get(kind or "", "one value member")
        return bad(
            (at, member),
            f"A {kind} has no member {member}."
            if kind
            else f"{member} stands beside another value of the attribute.",
            f"Keep only {expected}, or correct the type of the attribute.",
        )
    return bad(
        (at, member),
        f"{member} cannot be given inside an attribute.",
        "Leave it out: the broker writes it itself where it belongs."
        if member in PREVIOUS or member.startswith("entity")
        else "Leave it out here; it belongs to the entity.",
    )


def _misplaced(member: str, kind: str, at: At, remedy: str) -> Exception:
    return bad((at, member), f"A {kind} has no {member}.", remedy)
