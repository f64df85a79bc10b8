"""The async NGSI-LD client that apps and adapters use. It speaks HTTP and knows nothing else.

    async with Client("http://127.0.0.1:1026", tenant="drill", name="alerts") as broker:
        station = await broker.retrieve("urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi")
        await broker.merge(station["id"], {"stage": {"type": "Property", "value": 2}})

Entities travel in normalized form. One client stands for one tenant and one @context.

Errors: `ClientError` is the root. `Unreachable` says that no answer came; `Refused` and its
kinds (`BadRequest`, `Unauthorized`, `Forbidden`, `NotFound`, `AlreadyExists`,
`PreconditionFailed`, `Unprocessable`, `Unavailable`) carry the broker's problem document.
"""

from broker.client.client import Client, Retry, key_of
from broker.client.entity import Entity, observed_at, timestamp, value
from broker.client.errors import (
    AlreadyExists,
    BadRequest,
    ClientError,
    Forbidden,
    NotFound,
    PreconditionFailed,
    Refused,
    Unauthorized,
    Unavailable,
    Unprocessable,
    Unreachable,
)
from broker.client.events import Event, parse_events

__all__ = [
    "AlreadyExists",
    "BadRequest",
    "Client",
    "ClientError",
    "Entity",
    "Event",
    "Forbidden",
    "NotFound",
    "PreconditionFailed",
    "Refused",
    "Retry",
    "Unauthorized",
    "Unavailable",
    "Unprocessable",
    "Unreachable",
    "key_of",
    "observed_at",
    "parse_events",
    "timestamp",
    "value",
]
