"""A change, or entities, to the message a subscriber gets (§5.3.1, §5.8.6, §6.3.8)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

import orjson

from broker.jsonld.context import Context
from broker.jsonld.core import CORE_CONTEXT
from broker.model.entity import Entity
from broker.model.render import Form, feature, render
from broker.store.contract import Committed
from broker.subscriptions.delivery.message import CHAIN, Message
from broker.subscriptions.delivery.shape import Shape, in_language, kept, shown

JSON: Final = "application/json"
LD: Final = "application/ld+json"
GEO: Final = "application/geo+json"
LOCATION: Final = CORE_CONTEXT.expand("location")
REMEMBERED: Final = 32
"""Changes whose rendering a view keeps: those that many subscribers are told of at once."""

_MEMBERS: Final = ("id", "type", "scope")


class View:
    """One way to show changes, shared by all subscribers that want the same.

    `link` is the URL of the context where it has one. `geo_context` tells that GeoJSON carries
    the @context in its body.
    """

    __slots__ = ("__weakref__", "_form", "_kept", "_shape", "accept", "context", "geo_context")

    def __init__(
        self, shape: Shape, context: Context, accept: str, *, geo_context: bool = True
    ) -> None:
        self.context = context
        self.accept = accept
        self.geo_context = geo_context
        self._shape = shape
        self._form = Form(shape.kind, shape.sys_attrs)
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def change(self, committed: Committed, *, keep: bool) -> bytes:
        """Return the `data` member for a change as JSON; `keep` it for the next that asks.

        Only renderings that depend on nobody's permissions may be kept.
        """
        seq = committed.change.seq
        data = self._kept.get(seq) if keep else None
        if data is None:
            data = self._data([shown(committed, self._shape)])
            if keep:
                self._kept[seq] = data
                if len(self._kept) > REMEMBERED:
                    self._kept.popitem(last=False)
        return data

    def entities(self, entities: Iterable[Entity]) -> bytes:
        """Return the `data` member for entities as they are, as JSON."""
        return self._data(
            [{**entity, "attrs": kept(entity["attrs"], self._shape)} for entity in entities]
        )

    def _data(self, entities: list[Entity]) -> bytes:
        if self.accept == GEO:
            features = [self._feature(entity) for entity in entities]
            collection: dict[str, Any] = {"type": "FeatureCollection", "features": features}
            if self.geo_context:
                collection["@context"] = self.context.source
            return orjson.dumps(collection)
        return orjson.dumps([self._entity(entity) for entity in entities])

    def _entity(self, entity: Entity) -> dict[str, Any]:
        told = self._projected(render(self._spoken(entity), self.context, self._form), entity)
        if self.accept == LD:
            told["@context"] = self.context.source
        return told

    def _feature(self, entity: Entity) -> dict[str, Any]:
        told = feature(self._spoken(entity), self.context, self._form, LOCATION)
        told["properties"] = self._projected(told["properties"], entity)
        return told

    def _spoken(self, entity: Entity) -> Entity:
        lang = self._shape.lang
        return entity if lang is None else {**entity, "attrs": in_language(entity["attrs"], lang)}

    def _projected(self, told: dict[str, Any], entity: Entity) -> dict[str, Any]:
        """Add `deletedAt`, and take the members away that pick and omit do not want."""
        if "deletedAt" in entity:
            told = {**told, "deletedAt": entity["deletedAt"]}
        pick, omit = self._shape.pick, self._shape.omit
        for member in _MEMBERS:
            if member in omit or (pick is not None and member not in pick):
                told.pop(member, None)
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
) -> Message:
    """Return the message around `data`. `at` is when the change was committed."""
    body = b'{"id":%s,"type":"Notification","subscriptionId":%s,"notifiedAt":%s,"data":%s}' % (
        orjson.dumps(id), orjson.dumps(subscription), orjson.dumps(at), data,
    )  # fmt: skip
    fields = [("Content-Type", view.accept)]
    if view.context.link and (view.accept == JSON or (view.accept == GEO and not view.geo_context)):
        fields.append(("Link", _link(view.context.link)))
    fields += receiver_info
    if tenant:
        fields.append(("NGSILD-Tenant", tenant))
    if chain:
        fields.append((CHAIN, chain))
    return Message(body, tuple(fields))


def _link(url: str) -> str:
    url = url.encode("ascii", "ignore").decode()
    return f'<{url}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
