"""The registration as the store keeps it, and back."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import orjson

from broker.model.times import sortable
from broker.registry.model import EntityInfo, Information, Interval, Mode, Registration
from broker.store.contract import Resource
from broker.subscriptions.parse import Members

KIND: Final = "csourceRegistration"


def resource(
    members: Members, created_at: str, modified_at: str, sealed: str | None = None
) -> Resource:
    """Return what the store keeps of a registration; `members` are masked."""
    kept: dict[str, Any] = {"members": members, "modifiedAt": modified_at}
    if sealed is not None:
        kept["sealed"] = sealed
    body = orjson.dumps(kept)
    return Resource(KIND, members["id"], created_at, body)


@lru_cache(maxsize=4096)
def load(kept: Resource) -> Registration:
    """Return the registration of a resource; nobody changes it."""
    document = orjson.loads(kept.body)
    members: Members = document["members"]
    expires_at = members.get("expiresAt")
    return Registration(
        id=kept.id,
        created_at=kept.at,
        modified_at=document["modifiedAt"],
        information=tuple(map(_information, members["information"])),
        mode=Mode(members.get("mode", Mode.INCLUSIVE)),
        expires_at=None if expires_at is None else sortable(expires_at),
        observation=_interval(members.get("observationInterval")),
        management=_interval(members.get("managementInterval")),
        members={name: value for name, value in members.items() if name != "properties"},
        properties=members.get("properties", {}),
        sealed=document.get("sealed"),
    )


def _information(given: Members) -> Information:
    names = (*given.get("propertyNames", ()), *given.get("relationshipNames", ()))
    return Information(tuple(map(_entity_info, given.get("entities", ()))), frozenset(names))


def _entity_info(given: Members) -> EntityInfo:
    types: Any = given.get("type", ())
    types = (types,) if isinstance(types, str) else tuple(types)
    pattern = None if "id" in given else given.get("idPattern")
    return EntityInfo(types, given.get("id"), pattern)


def _interval(given: Members | None) -> Interval | None:
    if given is None:
        return None
    end = given.get("endAt")
    return Interval(sortable(given["startAt"]), None if end is None else sortable(end))
