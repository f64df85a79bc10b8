"""A change, or entities, to the message a subscriber gets (§5.3.1, §5.8.6, §6.3.8)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

import orjson

from broker.entities.links import Links
from broker.jsonld.context import Context
from broker.jsonld.core import CORE_CONTEXT
from broker.model.entity import Entity
from broker.model.older import as_of
from broker.model.render import Form, feature, render
from broker.store.contract import Committed
from broker.subscriptions.delivery.message import CHAIN, Message
from broker.subscriptions.delivery.shape import Shape, shown

JSON: Final = "application/json"
LD: Final = "application/ld+json"
GEO: Final = "application/geo+json"
LOCATION: Final = CORE_CONTEXT.expand("location")
REMEMBERED: Final = 32
"""Changes whose rendering a view keeps: those that many subscribers are told of at once."""


class View:
    """One way to show changes, shared by all subscribers that want the same.

    `geo_context` tells that GeoJSON carries the @context in its body.
    """

    __slots__ = ("__weakref__", "_kept", "_shape", "accept", "context", "geo_context")

    def __init__(
        self, shape: Shape, context: Context, accept: str, *, geo_context: bool = True
    ) -> None:
        self.context = context
        self.accept = accept
        self.geo_context = geo_context
        self._shape = shape
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def change(self, committed: Committed, *, keep: bool, links: Links | None = None) -> bytes:
        """Return the `data` member for a change as JSON; `keep` it for the next that asks.

        Only renderings that depend on nobody's permissions may be kept.
        """
        seq = committed.change.seq
        data = self._kept.get(seq) if keep else None
        if data is None:
            data = self.entities([shown(committed, self._shape)], links)
            if keep:
                self._kept[seq] = data
                if len(self._kept) > REMEMBERED:
                    self._kept.popitem(last=False)
        return data

    def entities(self, entities: list[Entity], links: Links | None = None) -> bytes:
        """Return the `data` member for entities as JSON, with those they are linked with."""
        told = [self._shown(entity, self._shape.form, links) for entity in entities]
        join = self._shape.join
        if links is not None and join is not None and not join.inline:
            for entity, projection in links.beside():
                form = replace(self._shape.form, attrs=None, projection=projection)
                told.append(self._shown(entity, form, None))
        if self.accept != GEO:
            return orjson.dumps(told)
        collection: dict[str, Any] = {"type": "FeatureCollection", "features": told}
        if self.geo_context:
            collection["@context"] = self.context.source
        return orjson.dumps(collection)

    def _shown(self, entity: Entity, form: Form, links: Links | None) -> dict[str, Any]:
        join = self._shape.join
        entity = as_of(entity, self._shape.version, self.context)
        if links is not None and join is not None and join.inline:
            entity = links.inlined(entity, self.context, form, join.level)
        gone = {"deletedAt": entity["deletedAt"]} if "deletedAt" in entity else {}
        if self.accept == GEO:
            told = feature(entity, self.context, form, LOCATION)
            told["properties"] = {**told["properties"], **gone}
            return told
        told = render(entity, self.context, form) | gone
        if self.accept == LD:
            told["@context"] = self.context.source
        return told


def message(
    view: View,
    data: bytes,
    *,
    id: str,
    subscription: str,
    at: str,
    tenant: str,
    receiver_info: Iterable[tuple[str, str]],
    chain: str = "",
    reason: str | None = None,
) -> Message:
    """Return the message around `data`. `at` is when the change was committed.

    What the body is, `accept` says: a Content-Type of `receiver_info` is left out.
    With a `reason` it is a notification of registrations (§5.3.2).
    """
    kind = b'"Notification"'
    if reason is not None:
        kind = b'"ContextSourceNotification","triggerReason":%s' % orjson.dumps(reason)
    body = b'{"id":%s,"type":%s,"subscriptionId":%s,"notifiedAt":%s,"data":%s}' % (
        orjson.dumps(id), kind, orjson.dumps(subscription), orjson.dumps(at), data,
    )  # fmt: skip
    fields = [("Content-Type", view.accept)]
    if view.context.link and (view.accept == JSON or (view.accept == GEO and not view.geo_context)):
        fields.append(("Link", _link(view.context.link)))
    fields += [pair for pair in receiver_info if pair[0].lower() != "content-type"]
    if tenant:
        fields.append(("NGSILD-Tenant", tenant))
    if chain:
        fields.append((CHAIN, chain))
    return Message(body, tuple(fields))


def _link(url: str) -> str:
    url = url.encode("ascii", "ignore").decode()
    return f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
