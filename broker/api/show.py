"""How entities leave: representation, media type, @context, ETag, from rendered bytes if kept."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import orjson

from broker.api.broker import Broker
from broker.api.rendered import Picker, Rendering
from broker.api.request import Request
from broker.api.response import GEO, JSON, LD, Headers, Response
from broker.jsonld.context import Context
from broker.jsonld.core import CORE_CONTEXT
from broker.model.render import Form, feature, render
from broker.store.contract import Record

PLAIN = Form()
LOCATION = CORE_CONTEXT.expand("location")


class View:
    """One way to show entities. `key` tells views apart, so that renderings can be kept by it."""

    __slots__ = ("_headers", "context", "form", "geometry", "key", "list_key", "media")

    def __init__(self, form: Form, context: Context, media: bytes, geometry: str = "") -> None:
        self.form = form
        self.context = context
        self.media = media
        self.geometry = geometry
        attrs = None if form.attrs is None else sorted(form.attrs)
        self.key = repr((form.kind, form.sys_attrs, attrs, context.key, media, geometry))
        self.list_key = "list" + self.key
        self._headers: Headers = [(b"content-type", media)]
        if media == JSON:
            self._headers.append((b"link", context_link(context)))

    def dump(self, record: Record) -> bytes:
        """Return the entity as JSON text in this view."""
        if self.media == GEO:
            shown = feature(record.entity, self.context, self.form, self.geometry)
        else:
            shown = render(record.entity, self.context, self.form)
            if self.media == LD:
                shown["@context"] = self.context.source
        return orjson.dumps(shown)

    def headers(self) -> Headers:
        """Return Content-Type, and the context Link where the body does not carry it."""
        return self._headers.copy()


@lru_cache(maxsize=256)
def plain_view(context: Context, media: bytes) -> View:
    """Return the view of a request without parameters."""
    return View(PLAIN, context, media, LOCATION if media == GEO else "")


def context_link(context: Context) -> bytes:
    """Return the Link value that names the context (§6.3.5)."""
    url = context.link.encode("ascii", "ignore")
    return b"<" + url + b'>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'


def one(broker: Broker, request: Request, view: View, record: Record, generation: int) -> Response:
    """Return 200 with one entity, or 304 where the client has this representation."""
    rendering = Rendering(record.version, _whole(view, record))
    if broker.guard.transparent:
        broker.rendered.put(request.tenant, record.entity["id"], view.key, rendering, generation)
    return kept(request, view, rendering)


def kept(request: Request, view: View, rendering: Rendering) -> Response:
    """Return 200 with a rendering, or 304 where the client has it."""
    headers = view.headers()
    headers.append((b"etag", rendering.etag))
    known = request.headers.get(b"if-none-match")
    if known is not None and (known.strip() == b"*" or rendering.etag in known):
        return Response(304, b"", headers)
    return Response(200, rendering.body, headers)


def _whole(view: View, record: Record) -> bytes:
    body = view.dump(record)
    if view.media == GEO:
        body = _with_context(body, view.context)
    return body


def _with_context(body: bytes, context: Context) -> bytes:
    return body[:-1] + b',"@context":' + orjson.dumps(context.source) + b"}"


def picker(broker: Broker, request: Request, view: View) -> Picker:
    """Return what picks the renderings that `many` can do with."""
    return broker.rendered.picker(request.tenant, view.list_key)


def many(
    broker: Broker,
    request: Request,
    view: View,
    records: Iterable[Record],
    picked: dict[str, Rendering],
    generation: int,
) -> Response:
    """Return 200 with a list of entities, or a FeatureCollection; `picked` are used again."""
    parts = []
    transparent = broker.guard.transparent
    for record in records:
        rendering = picked.get(record.id)
        if rendering is None or rendering.version != record.version:
            rendering = Rendering(record.version, view.dump(record))
            if transparent:
                broker.rendered.put(request.tenant, record.id, view.list_key, rendering, generation)
        parts.append(rendering.body)
    body = b"[" + b",".join(parts) + b"]"
    if view.media == GEO:
        body = b'{"type":"FeatureCollection","features":' + body + b"}"
        body = _with_context(body, view.context)
    return Response(200, body, view.headers())
