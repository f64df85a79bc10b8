"""Write measurements so that the newest wins by its own time, however they arrive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from adapters.common.registry import Registration
from adapters.common.times import TOLERANCE, is_newer, seconds_ahead, utc_now
from adapters.contract import UnknownDevice
from broker.client import Client, ClientError, Entity, NotFound, PreconditionFailed, observed_at

TRIES: Final = 8
"""How often a write is made afresh where the entity changed between reading and writing."""

Attributes = Mapping[str, Any]


def measured(value: Any, at: str, **more: Any) -> dict[str, Any]:
    """Return a normalized Property with its time of measurement."""
    return {"type": "Property", "value": value, "observedAt": at, **more}


def newer_only(entity: Entity, attributes: Attributes, now: str) -> dict[str, Any]:
    """Return the attributes whose time of measurement is later than the one the entity shows.

    A time shown that lies ahead of `now` was written while a clock was wrong, and beats nothing.
    """
    return {
        name: attribute
        for name, attribute in attributes.items()
        if is_newer(attribute["observedAt"], _believable(observed_at(entity, name), now))
    }


def _believable(shown: str | None, now: str) -> str | None:
    return None if shown is None or seconds_ahead(shown, now) > TOLERANCE else shown


async def write_newest(
    device: Registration,
    key: str,
    attributes: Callable[[Entity], Attributes | None],
    beside: Attributes | None = None,
) -> bool:
    """Set attributes of the device's target, where newer; `beside` goes to the Device with them.

    `attributes` makes them from the entity as it stands; None means that the reading does not
    apply to it. Returns False where nothing is newer. One transaction with an idempotency key:
    a repeat, after whatever failure, has no second effect. Raises UnknownDevice, ClientError.
    """
    for _ in range(TRIES):
        known, device.seen = device.seen, None
        try:
            entity, version = known or await device.client.retrieve_with_version(device.target_id)
            wanted = newer_only(entity, attributes(entity) or {}, utc_now())
            if not wanted:
                if known is None:
                    return False
                # Only the entity as it stands now may say that there is nothing to write.
                continue
            operations = _operations(device, entity, version, wanted, beside or {})
            [result, *_] = await device.client.transactions(
                operations, idempotency_key=f"{key}:{version}"
            )
        except NotFound as error:
            raise UnknownDevice(
                f"{device.device_id} or its {device.target_id} is not in the broker"
            ) from error
        except PreconditionFailed:
            continue
        version = f"v{str(result['version']).removeprefix('v')}"
        device.seen = ({**entity, **operations[0]["attrs"]}, version)
        return True
    raise ClientError(f"{device.target_id} changed {TRIES} times while writing")


def _operations(
    device: Registration, entity: Entity, version: str, wanted: Attributes, beside: Attributes
) -> list[dict[str, Any]]:
    if device.target_id == device.device_id:
        wanted = {**wanted, **newer_only(entity, beside, utc_now())}
        beside = {}
    operations: list[dict[str, Any]] = [
        {"op": "append", "id": device.target_id, "attrs": wanted, "ifMatch": version}
    ]
    if beside:
        operations.append({"op": "append", "id": device.device_id, "attrs": beside})
    return operations


async def set_attributes(client: Client, entity_id: str, attributes: Attributes) -> bool:
    """Set attributes whatever was there; False where the entity is gone."""
    try:
        await client.append(entity_id, attributes)
    except NotFound:
        return False
    return True
