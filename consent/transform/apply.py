"""Transformations of attributes that a policy asks for (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final

from broker.model.entity import Instance
from consent.transform.coarsen import MESH, coarse_place, coarse_time
from consent.transform.pseudonyms import pseudonym

_HOUR: Final = 3600.0


class Op(StrEnum):
    """What is done to an attribute."""

    DROP = "drop"
    COARSEN = "coarsen"
    """A position to a cell, times to a step."""
    HASH = "hash"
    """A holder id to the pseudonym for this purpose and recipient."""
    COUNT = "count"
    """Nothing is shown: people are counted by it (`consent.releases`)."""


@dataclass(frozen=True, slots=True)
class Transform:
    """One transformation. `param` is the side of a cell in metres, or the step of times in s."""

    op: Op
    attribute: str
    param: float | None = None


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom something is shown to, and for what: pseudonyms depend on it."""

    key: bytes
    purpose: str
    recipient: str


def transformed(instance: Instance, how: Transform, audience: Audience) -> Instance | None:
    """Return an instance of an attribute as it is shown, None where it is left out.

    Its sub-attributes go: nothing says that they may be shown.
    """
    if how.op is Op.DROP:
        return None
    kept = {name: told for name, told in instance.items() if name != "attrs"}
    if how.op is Op.HASH:
        return _hashed(kept, audience)
    return _coarse(kept, how.param)


def _hashed(instance: Instance, audience: Audience) -> Instance | None:
    for member in ("object", "value"):
        told = instance.get(member)
        if isinstance(told, str):
            name = pseudonym(audience.key, audience.purpose, audience.recipient, told)
            return {**instance, member: name}
    return None


def _coarse(instance: Instance, param: float | None) -> Instance | None:
    told: Any = instance.get("value")
    place = instance["type"] == "GeoProperty"
    step = timedelta(seconds=_HOUR if place or param is None else param)
    shown = dict(instance)
    if "observedAt" in instance:
        shown["observedAt"] = coarse_time(instance["observedAt"], step)
    if place:
        point = coarse_place(told, param or MESH)
        return None if point is None else {**shown, "value": point}
    if isinstance(told, str):
        try:
            return {**shown, "value": coarse_time(told, step)}
        except ValueError:
            return None
    return shown
