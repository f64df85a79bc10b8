"""The temporal query: parameters → what is asked (§4.11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from broker.model.times import is_datetime, sortable
from broker.query.faults import refuse

RELATIONS: Final = ("before", "after", "between")
PROPERTIES: Final = ("observedAt", "createdAt", "modifiedAt", "deletedAt")


@dataclass(frozen=True, slots=True)
class Temporal:
    """`relation` of `property` to `at`, or to the time from `at` to `end`; times are sortable."""

    relation: str
    at: str
    end: str | None = None
    property: str = "observedAt"


def parse_temporal(given: Mapping[str, Any], *, place: str = "query:") -> Temporal:
    """Parse `timerel`, `timeAt`, `endTimeAt` and `timeproperty`.

    `place` is the prefix errors name them with. Raises BadRequestData.
    """
    relation = given.get("timerel")
    if relation not in RELATIONS:
        refuse(
            "a temporal query needs a timerel that is one of " + ", ".join(RELATIONS) + ".",
            place=place + "timerel",
            remedy="For example timerel=after and timeAt=2020-07-04T06:00:00Z.",
        )
    name = given.get("timeproperty", "observedAt")
    if name not in PROPERTIES:
        refuse(
            f"{str(name)[:60]!r} is no temporal property.",
            place=place + "timeproperty",
            remedy="Use one of " + ", ".join(PROPERTIES) + ", or leave it out for observedAt.",
        )
    at = _time(given, "timeAt", place)
    if relation != "between":
        return Temporal(relation, at, None, name)
    end = _time(given, "endTimeAt", place)
    if end < at:
        refuse(
            "endTimeAt is before timeAt.",
            place=place + "endTimeAt",
            remedy="Give the earlier time as timeAt.",
        )
    return Temporal(relation, at, end, name)


def _time(given: Mapping[str, Any], name: str, place: str) -> str:
    value = given.get(name)
    if not is_datetime(value):
        refuse(
            f"{name} is {'missing' if value is None else 'no DateTime'}.",
            place=place + name,
            remedy=f"Give a time in UTC: {name}=2020-07-04T06:00:00Z.",
        )
    return sortable(str(value))
