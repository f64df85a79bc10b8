"""Put the demo town into a broker. Idempotent: what is there already is left as it is."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apps.kijiko.ledger.setup import set_rules
from broker.client import (
    AlreadyExists,
    Client,
    Entity,
    NotFound,
    PreconditionFailed,
    Refused,
    value,
)
from machi.seed import flow
from machi.seed.consent import assessment_entities, notice_entities, purpose_entities
from machi.seed.lights import LIGHT, addressing
from machi.seed.town import drill_entities, town_entities

UNLISTED = ("FeedCursor", "SlotClaim")
"""Types of what apps remember for themselves."""
NO_VOCABULARY = "https://uri.etsi.org/ngsi-ld/default-context/"
"""What NGSI-LD puts before a name that no @context knows."""
AT_ONCE = 100
"""How many ids are asked for in one request."""
FIRST_RUN = "none"
"""The drill run stations belong to before any drill was played."""


@dataclass(frozen=True, slots=True)
class Planted:
    """How many entities were created and how many were there before."""

    created: int
    present: int


async def plant(town: Client, drill: Client) -> Planted:
    """Create what is missing of the town and of its drill tenant, and yesterday's walkers.

    The apps' own memory is in no list of the town's types. The drill's tenant comes into being
    after the town's entities: the portal waits for it, and then shows a town. The ledger's types
    get their rules last: from then on only the Kijiko app writes them.
    """
    now = datetime.now(UTC)
    purposes = [one for one in purpose_entities() if one["id"] != flow.PURPOSE]
    await _unlist(town)
    done = [
        await _create_missing(town, entities)
        for entities in (town_entities(), [*assessment_entities(now), *notice_entities()], purposes)
    ]
    await _unlist(drill)
    done += [await _create_missing(drill, drill_entities(FIRST_RUN))]
    for entities in flow.in_order(now):
        done += [await _create_unseen(town, entities)]
    await set_rules(town)
    return Planted(sum(one.created for one in done), sum(one.present for one in done))


async def connect_light(client: Client, first: int, *, drill: bool) -> None:
    """Tell the bridge light's entity where its simulated fixtures are; a real one is left."""
    present = value(await client.retrieve(LIGHT), "addressing")
    wanted = addressing(first, drill=drill)
    if present == wanted or (present is not None and not present.get("simulated")):
        return
    await client.append(LIGHT, {"addressing": {"type": "JsonProperty", "json": wanted}})


async def reset_drill(drill: Client, run: str, extra: Sequence[Entity], now: datetime) -> None:
    """Set the drill tenant back to the start of a drill, in one transaction.

    Stations, devices and lights are as seeded and marked with the new `run`; lights stay where
    they are; what earlier runs have issued is gone; `extra` entities (the Drill itself) are put as
    given.
    """
    wanted = [*drill_entities(run, now), *extra]
    present = await _present(drill, wanted)
    for entity in wanted:
        place = present.get(entity["id"], {}).get("addressing")
        if place is not None:
            entity["addressing"] = place
    operations: list[dict[str, Any]] = [
        {"op": "replace" if entity["id"] in present else "create", "entity": entity}
        for entity in wanted
    ]
    try:
        issued = await drill.query(type="Alert,EvacuationInformation")
    except NotFound:
        issued = []
    operations += [{"op": "delete", "id": entity["id"]} for entity in issued]
    await drill.transactions(operations, idempotency_key=f"drill-{run}")


async def _unlist(client: Client) -> None:
    for name in UNLISTED:
        await client.set_type_rules(name, {"unlisted": True})


async def _create_missing(client: Client, entities: list[Entity], tries: int = 3) -> Planted:
    """Create what is missing; put anew what was planted as it can be no more."""
    present = await _present(client, entities)
    missing = [entity for entity in entities if entity["id"] not in present]
    old = [e for e in entities if e["id"] in present and _outdated(present[e["id"]], e)]
    operations = [{"op": "create", "entity": e, "ifNoneMatch": "*"} for e in missing]
    operations += [{"op": "replace", "entity": e} for e in old]
    if operations:
        try:
            await client.transactions(operations)
        except (AlreadyExists, PreconditionFailed):
            if tries == 1:
                raise
            # Somebody else is planting too: look again, then create only what is still missing.
            return await _create_missing(client, entities, tries - 1)
    return Planted(len(missing), len(entities) - len(missing))


def _outdated(found: Entity, wanted: Entity) -> bool:
    """Say whether an entity is in another vocabulary's terms, or simulated by what no longer is."""
    if not {*_types(found)} & {*_types(wanted)}:
        return True
    moved = value(found, "adapter") != value(wanted, "adapter")
    return moved and value(found, "simulated") is True


async def _create_unseen(client: Client, entities: list[Entity]) -> Planted:
    """Create all or none, without looking at what is there: whoever looks is in people's logs.

    Nothing is created either where the board does not let the purpose be used.
    """
    operations = [{"op": "create", "entity": e, "ifNoneMatch": "*"} for e in entities]
    try:
        await client.transactions(operations)
    except Refused as refusal:
        if refusal.status not in (409, 412):
            raise
        return Planted(0, len(entities))
    return Planted(len(entities), 0)


async def _present(client: Client, entities: Sequence[Entity]) -> dict[str, Entity]:
    """Return which of these are there, by id: how much else is in the town costs no time."""
    found: list[Entity] = []
    for first in range(0, len(entities), AT_ONCE):
        asked = entities[first : first + AT_ONCE]
        terms = {name for entity in asked for name in _types(entity)}
        types = sorted(terms | {f"{NO_VOCABULARY}{term}" for term in terms})
        with contextlib.suppress(NotFound):
            found += await client.query(
                type=",".join(types), id=",".join(entity["id"] for entity in asked)
            )
    return {entity["id"]: entity for entity in found}


def _types(entity: Entity) -> list[str]:
    types = entity["type"]
    return types if isinstance(types, list) else [types]
