"""A list of CAP documents as an Atom feed (RFC 4287). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from urllib.parse import quote
from xml.etree import ElementTree as ET

from apps.alerts import cap
from apps.alerts.current import sent_at
from apps.alerts.tongues import by_language
from broker.client import Entity

NAMESPACE: Final = "http://www.w3.org/2005/Atom"
MEDIA_TYPE: Final = "application/atom+xml"


def atom(entities: Sequence[Entity], path: str, title: str, language: str, now: datetime) -> bytes:
    """Return the feed at `path`; the document of each entity is below it, by the entity's id.

    `updated` is the newest document's time, `now` where there is none.
    """
    ET.register_namespace("", NAMESPACE)
    feed = ET.Element(_name("feed"), {"{http://www.w3.org/XML/1998/namespace}lang": language})
    _add(feed, "id", f"tag:{cap.SENDER},2026:{path}")
    _add(feed, "title", title)
    newest = max(map(sent_at, entities), default=now)
    _add(feed, "updated", newest.isoformat(timespec="seconds"))
    _add(_add(feed, "author"), "name", cap.SENDER)
    _add(feed, "link", rel="self", href=path, type=MEDIA_TYPE)
    for entity in entities:
        entry = _add(feed, "entry")
        texts = by_language(entity, "headline")
        _add(entry, "id", cap.identifier(entity))
        _add(entry, "title", texts.get(language) or next(iter(texts.values()), ""))
        _add(entry, "updated", sent_at(entity).isoformat(timespec="seconds"))
        href = f"{path}/{quote(entity['id'], safe=':')}"
        _add(entry, "link", rel="alternate", href=href, type=cap.MEDIA_TYPE)
    written: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return written


def _name(local: str) -> str:
    return f"{{{NAMESPACE}}}{local}"


def _add(parent: ET.Element, local: str, text: str = "", **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, _name(local), attributes)
    if text:
        element.text = cap.NOT_XML.sub("", text)
    return element
