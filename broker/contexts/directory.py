"""All contexts of a tenant, own and cached, as a client manages them (§5.13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from broker.contexts.own import OwnContext, OwnContexts, digest_id, own_id
from broker.errors import BadRequestData, MachiError, OperationNotSupported, ResourceNotFound
from broker.jsonld.core import CORE_URL, is_core
from broker.jsonld.loader import ContextLoader
from broker.jsonld.uses import Use
from broker.model.entity import Json

KINDS: Final = ("Cached", "Hosted", "ImplicitlyCreated")
PLACE: Final = "path:contextId"

_CACHED = "urn:ngsi-ld:CachedContext:"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a stored context (§5.13.3.5).

    `url` is where a cached context comes from, None for those the broker serves. Times are
    ISO 8601; `built_in` marks the core context, which is never fetched.
    """

    id: str
    kind: Literal["Cached", "Hosted", "ImplicitlyCreated"]
    url: str | None
    created_at: str
    expires_at: str | None = None
    use: Use | None = None
    built_in: bool = False


class Directory:
    """Lists, serves, deletes and reloads contexts. `started` is since when the core is there."""

    def __init__(self, own: OwnContexts, loader: ContextLoader, started: str) -> None:
        self._own = own
        self._loader = loader
        self._started = started

    async def entries(self, tenant: str, kind: str | None) -> list[Entry]:
        """Return the entries of one kind, or of all."""
        found = [self._owned(tenant, one) for one in await self._own.all(tenant)]
        for url in self._loader.uses.of(tenant):
            cached = self._cached(tenant, url)
            if cached is not None:
                found.append(cached)
        found.append(self._core(CORE_URL))
        return [entry for entry in found if kind is None or entry.kind == kind]

    async def entry(self, tenant: str, name: str) -> Entry:
        """Return an entry by id or, of a cached context, URL; it counts as found once more.

        Raises ResourceNotFound.
        """
        entry = await self._find(tenant, name)
        if entry is None:
            raise _unknown(name)
        return entry

    async def source(self, tenant: str, name: str) -> Json:
        """Return the value of @context of an own context.

        Raises ResourceNotFound, OperationNotSupported for a cached one.
        """
        found = await self._own.get(tenant, own_id(name) or name)
        if found is not None:
            self.hit(tenant, self._owned(tenant, found))
            return found.source
        entry = await self.entry(tenant, name)
        raise OperationNotSupported(
            "This broker serves no copies of contexts that others host.",
            place=PLACE,
            remedy=f"Get it from its own address, {entry.url}; details=true tells about the copy.",
        )

    async def delete(self, tenant: str, name: str) -> None:
        """Delete a context. Raises ResourceNotFound; BadRequestData for the core context."""
        entry = await self.entry(tenant, name)
        if entry.built_in:
            raise BadRequestData(
                "The core context is built in and cannot be deleted.",
                place=PLACE,
                remedy="Leave it; it takes precedence over every other context anyway.",
            )
        if entry.url is None:
            await self._own.delete(tenant, entry.id)
            # Of one of the default tenant, others that used it have a copy, which all share.
            self._loader.forget_copies(lambda url: own_id(url) == entry.id)
            self._loader.uses.forget(tenant, entry.id)
        else:
            self._loader.forget(entry.url, tenant)

    async def reload(self, tenant: str, name: str) -> None:
        """Fetch a cached context again.

        Raises LdContextNotAvailable, the old one stays; BadRequestData for anything else.
        """
        entry = await self._find(tenant, name)
        if entry is None or entry.url is None:
            raise BadRequestData(
                "Only a cached context can be loaded again.",
                place="query:reload",
                remedy="Leave reload out to delete a context; list them with GET jsonldContexts.",
            )
        if not entry.built_in:
            await self._loader.reload(entry.url, PLACE)

    def hit(self, tenant: str, entry: Entry) -> None:
        """Count that an entry was found."""
        name = entry.url or entry.id
        if not entry.built_in:
            now = self._loader.clock()
            self._loader.uses.begin(tenant, name, now).hit(now)

    async def _find(self, tenant: str, name: str) -> Entry | None:
        found = await self._own.get(tenant, own_id(name) or name)
        if found is not None:
            return self._owned(tenant, found)
        if is_core(name) or name == _id(CORE_URL):
            return self._core(name if is_core(name) else CORE_URL)
        url = name
        if name.startswith(_CACHED):
            known = self._loader.uses.of(tenant)
            url = next((one for one in known if _id(one) == name), name)
        return self._cached(tenant, url)

    def _owned(self, tenant: str, own: OwnContext) -> Entry:
        use = self._loader.uses.find(tenant, own.id)
        return Entry(own.id, own.kind, None, own.created_at, use=use)

    def _cached(self, tenant: str, url: str) -> Entry | None:
        use, kept = self._loader.uses.find(tenant, url), self._loader.find(url)
        if use is None or kept is None:
            return None
        return Entry(_id(url), "Cached", url, _time(use.since), _time(kept.until), use)

    def _core(self, url: str) -> Entry:
        return Entry(_id(CORE_URL), "Cached", url, self._started, built_in=True)


def shown_time(seconds: float) -> str:
    """Return a time of the loader's clock as a DateTime."""
    return _time(seconds)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _id(url: str) -> str:
    return _CACHED + digest_id(url.encode())


def _unknown(name: str) -> MachiError:
    return ResourceNotFound(
        f"There is no context {name!r}.",
        place=PLACE,
        remedy="List the contexts of the tenant with GET /ngsi-ld/v1/jsonldContexts.",
    )
