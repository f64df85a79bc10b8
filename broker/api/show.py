"""How entities leave: one or a list, with ETag, from rendered bytes where they are kept."""

from __future__ import annotations

from collections.abc import Sequence

from broker.api.broker import Broker
from broker.api.rendered import Picker, Rendering
from broker.api.request import Request
from broker.api.response import GEO, Response
from broker.api.view import View
from broker.entities.links import Links
from broker.store.contract import Record

_ARRAY = (b"[", b"]")
_FEATURES = (b'{"type":"FeatureCollection","features":[', b"]}")


async def one(
    broker: Broker,
    request: Request,
    view: View,
    record: Record,
    lens: str | None,
    generation: int,
) -> Response:
    """Return 200 with one entity, or 304 where the client has this representation.

    `lens` is the caller's before the entity was seen: it is kept only for who has it still.
    """
    if view.join is not None:
        body = await _joined_one(broker, request, view, record)
        return kept(request, view, _rendering(view, record, body))
    rendering = _rendering(view, record, view.whole(view.dump(record.entity)))
    if lens is not None and lens == broker.guard.lens(request.caller, request.tenant):
        key = view.through(lens)
        broker.rendered.put(request.tenant, record.entity["id"], key, rendering, generation)
    return kept(request, view, rendering)


def kept(request: Request, view: View, rendering: Rendering) -> Response:
    """Return 200 with a rendering, or 304 where the client has it."""
    headers = view.headers()
    headers.append((b"etag", rendering.etag))
    known = request.headers.get(b"if-none-match")
    if known is not None and (known.strip() == b"*" or rendering.etag in known):
        return Response(304, b"", headers)
    return Response(203 if rendering.altered else 200, rendering.body, headers)


def picker(broker: Broker, request: Request, view: View) -> Picker | None:
    """Return what picks the renderings that `many` can do with; none where it joins.

    Nothing is picked for who sees entities by more than a lens.
    """
    if view.join is not None:
        return None
    lens = broker.guard.lens(request.caller, request.tenant)
    return broker.rendered.picker(request.tenant, None if lens is None else view.list_key + lens)


async def many(
    broker: Broker,
    request: Request,
    view: View,
    records: Sequence[Record],
    picker: Picker | None,
    generation: int,
) -> Response:
    """Return 200 with a list of entities, or a FeatureCollection; what was picked is used again."""
    if picker is None:
        links = await _links(broker, request, view, records)
        parts = _parts(view, records, links)
        altered = any(view.alters(record.entity) for record in records)
    else:
        shown: Sequence[Rendering]
        if picker.has_all(records):
            shown = records
        else:
            shown = _unjoined(broker, request, view, records, picker, generation)
        parts = [rendering.body for rendering in shown]
        altered = view.version is not None and any(rendering.altered for rendering in shown)
    return Response(203 if altered else 200, view.whole(_list(view, parts)), view.headers())


def _unjoined(
    broker: Broker,
    request: Request,
    view: View,
    records: Sequence[Record],
    picker: Picker,
    generation: int,
) -> list[Rendering]:
    """Return renderings of a page; they are kept only for who has still the picker's lens."""
    shown = []
    lens = broker.guard.lens(request.caller, request.tenant)
    key = None if lens is None else view.list_key + lens
    for record in records:
        if not isinstance(record, Rendering):
            record = _rendering(view, record, view.dump(record.entity))
            if key is not None and key == picker.form:
                broker.rendered.put(request.tenant, record.id, key, record, generation)
        shown.append(record)
    return shown


def _rendering(view: View, record: Record, body: bytes) -> Rendering:
    return Rendering(record.id, record.version, body, view.alters(record.entity))


async def _links(broker: Broker, request: Request, view: View, records: Sequence[Record]) -> Links:
    assert view.join is not None
    links = Links([record.entity for record in records], view.join.contained)
    await links.follow(broker.entities, request.caller, request.tenant, view.form, view.join.level)
    return links


def _parts(view: View, records: Sequence[Record], links: Links) -> list[bytes]:
    assert view.join is not None
    parts = [view.dump(record.entity, links) for record in records]
    if not view.join.inline:
        parts += [view.beyond(projection).dump(entity) for entity, projection in links.beside()]
    return parts


async def _joined_one(broker: Broker, request: Request, view: View, record: Record) -> bytes:
    """Return an entity with those it is linked with: a list if flat, unless it is alone."""
    links = await _links(broker, request, view, [record])
    parts = _parts(view, [record], links)
    flat = view.join is not None and not view.join.inline
    if flat and (len(parts) > 1 or view.media == GEO):
        return view.whole(_list(view, parts))
    return view.whole(parts[0])


def _list(view: View, parts: list[bytes]) -> bytes:
    begin, end = _FEATURES if view.media == GEO else _ARRAY
    return b"".join((begin, b",".join(parts), end))
