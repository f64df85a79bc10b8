"""What the files of named cases share."""

from __future__ import annotations

from tests.fuzz.wire import Reply, Wire, check

ENTITIES = "/ngsi-ld/v1/entities"
TRANSACTIONS = "/ngsi-ld/ex/v1/transactions"
JSON = [(b"Content-Type", b"application/json")]
LD = [(b"Content-Type", b"application/ld+json")]


def refused(reply: Reply, *statuses: int) -> Reply:
    """Return the answer, having checked that it is a sound refusal with one of the statuses."""
    assert check(reply).status in (statuses or (400,)), reply
    return reply


def create(wire: Wire, attribute: bytes, name: str) -> Reply:
    """Create an entity with an attribute given as JSON text."""
    entity = b'{"id":"urn:x:%b","type":"T","a":%b}' % (name.encode(), attribute)
    wire.request(b"DELETE", f"{ENTITIES}/urn:x:{name}".encode())
    return wire.json("POST", ENTITIES, entity)
