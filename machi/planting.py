"""Putting the town into its broker, once that answers."""

from __future__ import annotations

from broker.client import Client, ClientError
from machi.errors import ChildFailed
from machi.seed.plant import Planted, connect_light, plant
from machi.seed.town import DRILL_TENANT
from machi.settings import TownSettings


async def planted(settings: TownSettings, key: str | None) -> Planted:
    """Plant what is missing of the town and its drill. Raises ChildFailed."""
    try:
        async with (
            Client(settings.broker, name="seed", key=key) as town,
            Client(settings.broker, tenant=DRILL_TENANT, name="seed", key=key) as drill,
        ):
            done = await plant(town, drill)
            if settings.devices:
                await connect_light(town, settings.light_port, drill=False)
                await connect_light(drill, settings.light_port, drill=True)
    except ClientError as error:
        raise ChildFailed(
            f"The broker does not take the town's entities: {error}",
            remedy="The lines above marked `broker` say more.",
        ) from error
    return done
