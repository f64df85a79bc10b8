"""The contexts a broker serves itself: Hosted and ImplicitlyCreated, by tenant (§5.13).

They are resources of the store, and are read there each time: what is deleted is gone at once.
A context is never changed, so an id always means the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote, unquote

import orjson

from broker.clock import Clock
from broker.errors import BadRequestData, NonexistentTenant, OperationNotSupported
from broker.jsonld.fetch import Document
from broker.model.entity import Json
from broker.store.contract import Resource, Store, Tx

PATH: Final = "/ngsi-ld/v1/jsonldContexts/"
MOST: Final = 1_000
"""Contexts one tenant may have."""

LARGEST: Final = 1 << 20
"""Bytes of one context, as JSON."""

Kind = Literal["Hosted", "ImplicitlyCreated"]

_RESOURCE = "jsonldContext"
_PREFIX = "urn:ngsi-ld:Context:"
_URL = re.compile(rf"https?://[^/?#]+{PATH}([^/?#]+)")


def built_in_url(address: str, name: str) -> str:
    """Return the URL of a context that comes with the program, at a broker's address."""
    return f"{address}{PATH}{_PREFIX}{name}"


@dataclass(frozen=True, slots=True)
class OwnContext:
    """A context the broker serves; `source` is the value of its @context."""

    id: str
    kind: Kind
    created_at: str
    source: Json


class OwnContexts:
    """Stores and finds contexts. `token` gives text that nobody can guess.

    `built_in` are contexts that come with the program, by the last part of their id. Every
    tenant has them; they are in no list, and cannot be deleted.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        token: Callable[[], str],
        built_in: Mapping[str, Json] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._token = token
        self._built_in = {
            _PREFIX + name: OwnContext(_PREFIX + name, "Hosted", clock(), source)
            for name, source in (built_in or {}).items()
        }

    async def add(
        self, tenant: str, source: Json, kind: Kind = "Hosted", *, create_tenant: bool = True
    ) -> str:
        """Store a context and return its id; raises BadRequestData, NonexistentTenant.

        What is ImplicitlyCreated has one id for one content, and is stored once.
        """
        text = orjson.dumps(source)
        if len(text) > LARGEST:
            raise BadRequestData(
                f"The @context is larger than {LARGEST} bytes.",
                place="body:/@context",
                remedy="Host a smaller context; a context can refer to others in an array.",
            )
        name = self._token() if kind == "Hosted" else digest_id(text)
        context_id = _PREFIX + name
        if kind == "ImplicitlyCreated" and await self.get(tenant, context_id) is not None:
            return context_id
        await self._make_room(tenant)
        body = orjson.dumps({"kind": kind, "source": source})
        resource = Resource(_RESOURCE, context_id, self._clock(), body)

        async def work(tx: Tx) -> None:
            await tx.put_resource(resource)

        await self._store.write(tenant, work, create_tenant=create_tenant)
        return context_id

    async def get(self, tenant: str, context_id: str) -> OwnContext | None:
        """Return a context of the tenant."""
        if context_id in self._built_in:
            return self._built_in[context_id]
        try:
            resource = await self._store.resource(tenant, _RESOURCE, context_id)
        except NonexistentTenant:
            return None
        return None if resource is None else _context(resource)

    async def all(self, tenant: str) -> list[OwnContext]:
        """Return all contexts of the tenant, the oldest first; none where there is no tenant."""
        return [_context(each) for each in await self._resources(tenant)]

    async def delete(self, tenant: str, context_id: str) -> None:
        """Delete a context; raises OperationNotSupported for one that is built in."""
        if context_id in self._built_in:
            raise OperationNotSupported(
                "This context comes with the broker and cannot be deleted.",
                place="path:contextId",
                remedy="Leave it; it is in no list and costs nothing.",
            )

        async def work(tx: Tx) -> None:
            await tx.delete_resource(_RESOURCE, context_id)

        await self._store.write(tenant, work)

    async def document(self, tenant: str, url: str) -> tuple[str, Document] | None:
        """Return id and context behind a URL, under whatever name this broker is reached."""
        context_id = own_id(url)
        found = None if context_id is None else await self.get(tenant, context_id)
        if found is None:
            return None
        text = orjson.dumps(found.source)
        digest = hashlib.blake2b(text, digest_size=32).digest()
        return found.id, Document(url, found.source, digest, float("inf"), len(text))

    async def _resources(self, tenant: str) -> list[Resource]:
        try:
            return await self._store.resources(tenant, _RESOURCE)
        except NonexistentTenant:
            return []

    async def _make_room(self, tenant: str) -> None:
        number = len(await self._resources(tenant))
        if number >= MOST:
            raise BadRequestData(
                f"The tenant has {number} contexts, and may have no more.",
                place="body:/@context",
                remedy="Delete contexts that are not used any more, or use one again.",
            )


def path_of(context_id: str) -> str:
    """Return the path at which a context is served."""
    return PATH + quote(context_id, safe=":@!$&'()*+,;=~")


def own_id(url: str) -> str | None:
    """Return the id in a URL that has the form of those at which contexts are served."""
    match = _URL.fullmatch(url)
    return None if match is None else unquote(match[1])


def digest_id(text: bytes) -> str:
    """Return the same name for the same content."""
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _context(resource: Resource) -> OwnContext:
    body = orjson.loads(resource.body)
    return OwnContext(resource.id, body["kind"], resource.at, body["source"])
