"""Adding to a number inside the store. Pure."""

from __future__ import annotations

from math import isfinite
from typing import Any

from broker.entities.stamp import set_times
from broker.entities.target import instance_missing, instances_of, with_instances
from broker.errors import PreconditionFailed
from broker.model.entity import DEFAULT, Entity
from broker.model.place import bad

_PLACE = "body:/attribute"
_LOWEST, _HIGHEST = -(2**63), 2**64 - 1


def add(
    entity: Entity,
    iri: str,
    amount: int | float,
    *,
    minimum: int | float | None = None,
    maximum: int | float | None = None,
    now: str,
    dataset: str = DEFAULT,
    observed_at: str | None = None,
) -> Entity:
    """Return the entity with `amount` added to the number in a Property.

    Two integers give an integer. Raises PreconditionFailed where the result would leave
    `minimum` … `maximum`, ResourceNotFound where there is no such instance, BadRequestData
    where it holds no number.
    """
    stored = instances_of(entity, iri, _PLACE)
    old = stored.get(dataset)
    if old is None:
        raise instance_missing(iri, dataset, _PLACE)
    before: Any = old.get("value")
    if old["type"] != "Property" or type(before) not in (int, float):
        raise bad(
            _PLACE,
            f"{iri} is not a Property with a number.",
            "Add only to numbers; write the attribute with a number first.",
        )
    after = before + amount
    if minimum is not None and after < minimum:
        raise _out_of_bounds(iri, "min", f"fall below {minimum}")
    if maximum is not None and after > maximum:
        raise _out_of_bounds(iri, "max", f"rise above {maximum}")
    if not (_LOWEST <= after <= _HIGHEST if type(after) is int else isfinite(after)):
        raise bad("body:/value", "The sum is too large to be stored.", "Add a smaller number.")
    instance = {**old, "value": after}
    if observed_at is not None:
        instance["observedAt"] = observed_at
    owner: str = entity["createdAt"]
    set_times(instance, owner, old.get("createdAt", owner), now)
    return with_instances(entity, iri, {**stored, dataset: instance}, now)


def _out_of_bounds(iri: str, member: str, what: str) -> PreconditionFailed:
    return PreconditionFailed(
        f"{iri} would {what}.",
        place=f"body:/{member}",
        remedy="Nothing was changed. Add less, or wait until the number allows it.",
    )
