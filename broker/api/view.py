"""One way to show entities, read from the parameters of a request (§4.5, §6.3.7, §6.3.15)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import orjson

from broker.api import params
from broker.api.asked import Asked
from broker.api.request import Request
from broker.api.response import GEO, JSON, LD, Headers
from broker.entities.links import Links
from broker.errors import BadRequestData
from broker.jsonld.context import Context
from broker.jsonld.core import CORE_CONTEXT
from broker.model.entity import Entity
from broker.model.older import CURRENT, Version, as_of
from broker.model.reduce import ALL, Projection
from broker.model.render import Form, feature, render
from broker.query.projection import parse_terms, projection

PLAIN = Form()
LOCATION = CORE_CONTEXT.expand("location")
_SHOWN = (
    *("format", "options", "attrs", "pick", "omit", "lang", "datasetId", "geometryProperty"),
    *("join", "joinLevel", "containedBy"),
)
"""The parameters that say how an entity is shown."""
_MOST_LEVELS = 20
_COMMAS = bytes.maketrans(b";", b",")
_VERSION = re.compile(rb"ngsi-ld=([0-9]{1,2})\.([0-9]{1,2})")


@dataclass(frozen=True, slots=True)
class Join:
    """How linked entities are shown (§4.5.23): within (inline) or beside (flat) what links them.

    `level` is how many relationships in a row are followed, `contained` which ids never are.
    """

    inline: bool
    level: int
    contained: frozenset[str]


class View:
    """One way to show entities. `key` tells views apart, so that renderings can be kept by it."""

    __slots__ = ("_headers", "_lens", "_through", "context", "form", "geometry", "in_body", "join",
                 "key", "list_key", "media", "version")  # fmt: skip

    def __init__(
        self,
        form: Form,
        context: Context,
        media: bytes,
        *,
        geometry: str = LOCATION,
        join: Join | None = None,
        in_body: bool = True,
        version: Version | None = None,
        key: str = "",
    ) -> None:
        """`in_body` says of GeoJSON whether it carries the @context.

        `version` is that of NGSI-LD that a client asks for; None stands for the newest.
        """
        self.form = form
        self.context = context
        self.media = media
        self.geometry = geometry
        self.join = join
        self.in_body = in_body
        self.version = version
        self.key = f"{key}{context.key}{media.decode()}{in_body}{version}"
        shared = form is PLAIN and media != GEO
        self.list_key = self.key if shared else "list" + self.key
        self._lens = ""
        self._through = self.key
        self._headers: Headers = [(b"content-type", media)]
        if context.link and (media == JSON or (media == GEO and not in_body)):
            self._headers.append((b"link", context_link(context)))
        if version is not None:
            self._headers.append(applied(version))

    def through(self, lens: str) -> str:
        """Return the key of what is seen in this view by those who have a lens.

        The last one is remembered: what readers without a key see is asked for most.
        """
        if lens is not self._lens:
            self._lens, self._through = lens, self.key + lens
        return self._through

    def alters(self, entity: Entity) -> bool:
        """Tell whether an entity has to change for the version that was asked for (§4.3.6.8)."""
        version = self.version
        return version is not None and as_of(entity, version, self.context) is not entity

    def shows_of(self, entity: Entity) -> bool:
        """Tell whether anything that was asked for by name is there to be shown."""
        attrs, projection = self.form.attrs, self.form.projection
        if attrs is not None:
            return any(iri in entity["attrs"] for iri in attrs)
        return projection is ALL or bool(render(entity, self.context, self.form))

    def beyond(self, projection: Projection) -> View:
        """Return the view of entities that are shown beside those that link them."""
        form = replace(self.form, attrs=None, projection=projection)
        return View(
            form,
            self.context,
            self.media,
            geometry=self.geometry,
            in_body=self.in_body,
            version=self.version,
        )

    def shown(self, entity: Entity, links: Links | None = None) -> dict[str, Any]:
        """Return the entity in this view, with linked entities within if it is inline."""
        form = self.form
        if self.version is not None:
            entity = as_of(entity, self.version, self.context)
        if links is not None and self.join is not None and self.join.inline:
            entity = links.inlined(entity, self.context, form, self.join.level)
        if self.media == GEO:
            return feature(entity, self.context, form, self.geometry)
        return render(entity, self.context, form)

    def dump(self, entity: Entity, links: Links | None = None) -> bytes:
        """Return the entity as JSON text in this view, as one of a list."""
        return self.text(self.shown(entity, links))

    def text(self, shown: dict[str, Any]) -> bytes:
        """Return what is shown of an entity as JSON text, with @context where it belongs."""
        if self.media == LD:
            shown["@context"] = self.context.source
        return orjson.dumps(shown)

    def whole(self, body: bytes) -> bytes:
        """Return a GeoJSON document with its @context, and any other as it is."""
        if self.media != GEO or not self.in_body:
            return body
        return body[:-1] + b',"@context":' + orjson.dumps(self.context.source) + b"}"

    def headers(self) -> Headers:
        """Return Content-Type, and the context Link where the body does not carry it."""
        return self._headers.copy()


@lru_cache(maxsize=256)
def plain_view(context: Context, media: bytes) -> View:
    """Return the view of a request without parameters."""
    return View(PLAIN, context, media)


def context_link(context: Context) -> bytes:
    """Return the Link value that names the context (§6.3.5)."""
    url = context.link.encode("ascii", "ignore")
    return b"<" + url + b'>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'


def view_of(request: Request, asked: Asked, context: Context) -> View:
    """Return the view a request asks for; raises BadRequestData and InvalidRequest."""
    media = request.media
    if b"prefer" not in request.headers:
        return viewed(asked, context, media)
    in_body = media != GEO or b"body=json" not in _wishes(request)
    return viewed(asked, context, media, in_body, version_asked(request))


def viewed(
    asked: Asked,
    context: Context,
    media: bytes,
    in_body: bool = True,
    version: Version | None = None,
) -> View:
    """Return the view that parameters ask for; raises BadRequestData and InvalidRequest."""
    texts = [asked.get(name) for name in _SHOWN]
    if in_body and version is None and not any(text is not None for text in texts):
        return plain_view(context, media)
    geometry = asked.get("geometryProperty")
    if geometry is not None and media != GEO:
        raise BadRequestData(
            "geometryProperty needs GeoJSON.",
            place="query:geometryProperty",
            remedy="Send Accept: application/geo+json, or leave geometryProperty out.",
        )
    join = _join(asked)
    return View(
        form_of(asked, context, 0 if join is None else join.level),
        context,
        media,
        geometry=params.expanded(asked, "geometryProperty", context) if geometry else LOCATION,
        join=join,
        in_body=in_body,
        version=version,
        key=repr(texts),
    )


def _wishes(request: Request) -> list[bytes]:
    """Return what is preferred; what is unknown is ignored (RFC 7240)."""
    text = request.headers.get(b"prefer")
    return [] if text is None else text.translate(_COMMAS, b' "').lower().split(b",")


def version_asked(request: Request) -> Version | None:
    """Return the version of NGSI-LD that a client asks for (§6.3.6)."""
    found = (_VERSION.fullmatch(wish) for wish in _wishes(request))
    match = next((one for one in found if one is not None), None)
    return None if match is None else (int(match[1]), int(match[2]))


def applied(version: Version) -> tuple[bytes, bytes]:
    """Return the header that tells which version an answer conforms to."""
    return b"preference-applied", b"ngsi-ld=%d.%d" % min(version, CURRENT)


def form_of(asked: Asked, context: Context, level: int) -> Form:
    """Return the form a request asks for, of which `level` relationships in a row are joined."""
    attrs, shown = shown_members(asked, context, level)
    return Form(
        *params.representation(asked),
        attrs,
        shown,
        params.datasets(asked),
        params.languages(asked),
    )


def shown_members(
    asked: Asked, context: Context, level: int
) -> tuple[frozenset[str] | None, Projection]:
    """Return the IRIs that `attrs` keeps, all where None, and what `pick` and `omit` ask for.

    `level` is how many relationships in a row are joined.
    """
    attrs = params.names(asked, "attrs")
    picked = {
        name: parse_terms(asked[name], context.expand, place=asked.place(name))
        for name in ("pick", "omit")
        if name in asked
    }
    if picked and attrs is not None:
        raise BadRequestData(
            "attrs goes with neither pick nor omit.",
            place=asked.place("attrs"),
            remedy="Leave attrs out, and name all members in pick.",
        )
    shown = ALL
    if picked:
        last = asked.place("omit" if "omit" in picked else "pick")
        shown = projection(picked.get("pick"), picked.get("omit"), place=last)
    if shown.depth() > level:
        raise BadRequestData(
            f"The projection reaches an entity {shown.depth()} relationships away; "
            f"{level or 'none'} are joined.",
            place=asked.place("pick" if "pick" in picked else "omit"),
            remedy="Add join=inline or join=flat with a joinLevel that reaches so far.",
        )
    return None if attrs is None else frozenset(map(context.expand, attrs)), shown


def _join(asked: Asked) -> Join | None:
    kind = asked.get("join")
    if kind not in (None, "@none", "inline", "flat"):
        raise BadRequestData(
            f"`{kind[:60]}` is no way to join.",
            place=asked.place("join"),
            remedy="Use inline, flat or @none.",
        )
    if kind in (None, "@none"):
        for name in ("joinLevel", "containedBy"):
            if name in asked:
                raise BadRequestData(
                    f"`{name}` needs join.",
                    place=asked.place(name),
                    remedy="Add join=inline or join=flat.",
                )
        return None
    level = params.whole(asked, "joinLevel", 1, _MOST_LEVELS)
    if level == 0:
        raise BadRequestData(
            "joinLevel=0 joins nothing.",
            place=asked.place("joinLevel"),
            remedy="Send joinLevel=1 or more, or leave join out.",
        )
    return Join(kind == "inline", level, params.contained(asked))
