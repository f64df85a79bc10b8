"""Documents on disk: the expanded entity as JSON, attribute IRIs as interned decimal ids.

A document has its attributes last, and where it can be told apart from what is inside them, each
on a line of its own:

    {"id": …, "type": […], "createdAt": …, "modifiedAt": …, "attrs":{
    "17":{"@none":{…}},
    "18":{"@none":{…}}
    }}

JSON has no line feeds within strings, so a line of such a document is an attribute, whatever it
holds. One attribute is found, parsed and exchanged without the others; a change of one costs a
third of what it costs to parse and write all. Documents on one line, which hold the same, are
read and written whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from broker.model.attributes import FEW, Edited, Lazy, whole
from broker.model.change import AttributeDelta
from broker.model.entity import Attributes, Entity, Instance
from broker.store.contract import Change, Record
from broker.store.refusals import encode
from broker.store.sqlite.names import Names

Keys: TypeAlias = Mapping[str, str]
"""Attribute names → the names to put in their place."""

OPEN: Final = b'"attrs":{'
LINES: Final = OPEN + b"\n"
NESTED: Final = b'"attrs":'
COMMA: Final = ord(",")


def interned(parts: Entity, keys: Keys) -> Entity:
    """Return an entity or a delta with attribute IRIs replaced by `keys`; shares what it can."""
    attributes = parts.get("attrs")
    return parts if attributes is None else {**parts, "attrs": _renamed(attributes, keys)}


def named(parts: Entity, names: Names) -> Entity:
    """Return the entity or delta an interned document stands for; shares what it can."""
    return interned(parts, names.iris)


def parse(document: bytes, names: Names) -> Entity:
    """Return the entity or delta of a stored document."""
    parts: Entity = orjson.loads(document)
    if document.count(NESTED) != 1 or "attrs" not in parts:
        return named(parts, names)
    iris = names.iris
    parts["attrs"] = {iris[key]: instances for key, instances in parts["attrs"].items()}
    return parts


def opened(document: bytes, names: Names) -> Entity:
    """Return the entity of a stored document, its attributes parsed only when they are asked for.

    `names` must know all names of the document.
    """
    start = document.find(LINES)
    if start < 0:
        return parse(document, names)
    entity: Entity = orjson.loads(document[:start] + b'"attrs":0}')
    entity["attrs"] = StoredAttributes(document, start + len(OPEN), names)
    return entity


def dump(entity: Entity, keys: Keys) -> bytes:
    """Return the document of an entity; raises BadRequestData for what JSON cannot hold."""
    attributes = entity["attrs"]
    if next(reversed(entity)) != "attrs":
        entity = {**entity}
        del entity["attrs"]
        entity["attrs"] = attributes
    document = encode_parts(entity, keys)
    start = document.find(OPEN) + len(OPEN)
    lines = document[start:-2].split(b'}},"')
    if not attributes or len(lines) != len(attributes) or not all(attributes.values()):
        return document
    return b"%b\n%b\n}}" % (document[:start], b'}},\n"'.join(lines))


def stamped_lines(attributes: Mapping[str, dict[str, Instance]], stamp: bytes) -> bytes | None:
    """Return the lines `dump` makes of attributes by key modified at a time, None for none.

    They have one instance each, without that time and sub-attributes. Raises BadRequestData.
    """
    text = encode(attributes)
    lines = text[1:-3].split(b'}},"')
    # An object within an object before the time would end as an attribute does.
    if len(lines) != len(attributes) or b"}}}}" in text[:-1]:
        return None
    end = b',"modifiedAt":"%b"}}' % stamp
    return (end + b',\n"').join(lines) + end


def encode_parts(parts: Entity, keys: Keys) -> bytes:
    """Return an entity or a delta as JSON, with `keys` in place of attribute IRIs."""
    attributes = parts.get("attrs")
    if attributes is None:
        return encode(parts)
    attributes = whole(attributes)
    document = encode(
        {**parts, "attrs": {keys[iri]: instances for iri, instances in attributes.items()}}
    )
    return document if document.count(NESTED) == 1 else encode(interned(parts, keys))


class Rewritten(NamedTuple):
    """What an update writes: the entity's document, and the delta and the prior of the change."""

    document: bytes
    delta: bytes
    prior: bytes


def rewritten(
    document: bytes, change: Change, before: Entity, after: Entity, keys: Keys
) -> Rewritten:
    """Return what an update makes of a document; raises BadRequestData as `dump` does."""
    delta, prior = change.delta, change.before
    assert delta is not None
    assert prior is not None
    spliced = _spliced(document, delta, prior, after, keys)
    if spliced is not None:
        return spliced
    now = dump(after, keys)
    return Rewritten(
        now,
        _side(delta, after["attrs"], now, keys),
        _side(prior, before["attrs"], document, keys),
    )


def _side(parts: Entity, attributes: Attributes, document: bytes, keys: Keys) -> bytes:
    """Return a delta or prior as JSON; its attributes as in the document, if it has all those."""
    changed = parts.get("attrs")
    start = document.find(LINES)
    if changed is None or start < 0 or len(changed) != len(attributes):
        return encode_parts(parts, keys)
    if changed != whole(attributes):
        return encode_parts(parts, keys)
    members = encode({name: value for name, value in parts.items() if name != "attrs"})
    comma = b"," if len(parts) > 1 else b""
    return members[:-1] + comma + document[start:]


def _spliced(
    document: bytes, delta: Entity, prior: Entity, after: Entity, keys: Keys
) -> Rewritten | None:
    """Exchange lines, where a few attributes and the time are all that is new; else None."""
    attributes, changed = after["attrs"], delta.get("attrs")
    if type(attributes) is not Edited or len(delta) != 2 or "modifiedAt" not in delta:
        return None
    start = document.find(LINES) + len(OPEN)
    if start < len(OPEN) or changed is None or len(changed) > FEW:
        return None
    head, lines = document[:start], document[start:]
    gained, lost = [], []
    for iri, instances in changed.items():
        old = prior["attrs"][iri]
        if not len(instances) == len(attributes.get(iri, ())) == len(old):
            return None
        if None in instances.values() or None in old.values():
            return None
        mark = b'"%b":' % keys[iri].encode()
        line = mark + encode(_inner(instances, keys))
        at = lines.index(b"\n" + mark) + 1
        end = lines.index(b"\n", at)
        if lines[end - 1] == COMMA:
            end -= 1
        gained.append(line)
        lost.append(lines[at:end])
        lines = lines[:at] + line + lines[end:]
    now = b'"modifiedAt":"%b"' % delta["modifiedAt"].encode()
    then = b'"modifiedAt":"%b"' % prior["modifiedAt"].encode()
    return Rewritten(
        head.replace(then, now) + lines,
        b'{%b,"attrs":{%b}}' % (now, b",".join(gained)),
        b'{%b,"attrs":{%b}}' % (then, b",".join(lost)),
    )


class StoredAttributes(Lazy):
    """The attributes of a document with lines, parsed when they are asked for."""

    __slots__ = ("_document", "_known", "_names", "_start", "_whole")

    def __init__(
        self,
        document: bytes,
        start: int,
        names: Names,
        known: dict[str, dict[str, Instance]] | None = None,
    ) -> None:
        """Begin with nothing parsed but `known`; `start` is where the first line ends."""
        self._document = document
        self._start = start
        self._names = names
        self._known = known or {}
        self._whole = False

    def __getitem__(self, iri: str) -> dict[str, Instance]:
        instances: dict[str, Instance] | None = self.get(iri)
        if instances is None:
            raise KeyError(iri)
        return instances

    def get(self, iri: str, default: Any = None) -> Any:
        """Return the instances of an attribute."""
        found = self._known.get(iri)
        if found is None and not self._whole:
            found = self._find(iri)
        return default if found is None else found

    def __contains__(self, iri: object) -> bool:
        return self.get(iri) is not None  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole())

    def __len__(self) -> int:
        return self._document.count(b"\n") - 1

    def _find(self, iri: str) -> dict[str, Instance] | None:
        if len(self._known) == FEW:
            return self.whole().get(iri)
        nid = self._names.ids.get(iri)
        if nid is None:
            return None
        mark = b'\n"%d":' % nid
        at = self._document.find(mark, self._start)
        if at < 0:
            return None
        end = self._document.index(b"\n", at + 1)
        if self._document[end - 1] == COMMA:
            end -= 1
        line = self._document[at + len(mark) : end]
        found: Any = orjson.loads(line)
        if NESTED in line:
            found = {
                dataset: interned(instance, self._names.iris) for dataset, instance in found.items()
            }
        self._known[iri] = found
        return found  # type: ignore[no-any-return]

    def whole(self) -> dict[str, dict[str, Instance]]:
        """Return all as a dict."""
        if not self._whole:
            every: dict[str, dict[str, Instance]] = parse(self._document, self._names)["attrs"]
            self._known = {**every, **self._known}
            self._whole = True
        return self._known


class StampedAttributes(Lazy):
    """Attributes as they were sent, whose instances get the time when they are asked for."""

    __slots__ = ("_attributes", "_now", "_whole")

    def __init__(self, attributes: dict[str, dict[str, Instance]], now: str) -> None:
        self._attributes = attributes
        self._now = now
        self._whole: dict[str, dict[str, Instance]] | None = None

    def __getitem__(self, iri: str) -> dict[str, Instance]:
        return self.whole()[iri]

    def get(self, iri: str, default: Any = None) -> Any:
        """Return the instances of an attribute."""
        return self.whole().get(iri, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._attributes)

    def __len__(self) -> int:
        return len(self._attributes)

    def whole(self) -> dict[str, dict[str, Instance]]:
        """Return all as a dict."""
        if self._whole is None:
            now = self._now
            self._whole = {
                iri: {
                    dataset: {**instance, "modifiedAt": now}
                    for dataset, instance in instances.items()
                }
                for iri, instances in self._attributes.items()
            }
        return self._whole


def _renamed(attributes: AttributeDelta, names: Keys) -> AttributeDelta:
    return {names[name]: _inner(instances, names) for name, instances in attributes.items()}


def _inner(instances: Mapping[str, Instance | None], names: Keys) -> Mapping[str, Instance | None]:
    """Return instances with their sub-attributes renamed; as they are where they have none."""
    for instance in instances.values():
        if instance is not None and "attrs" in instance:
            return {
                dataset: each if each is None or "attrs" not in each else interned(each, names)
                for dataset, each in instances.items()
            }
    return instances


class StoredRecord(Record):
    """A record that parses its document when it is first asked for the entity."""

    __slots__ = ("_entity", "_id", "_names", "document")

    def __init__(self, entity_id: str, version: int, document: bytes, names: Names) -> None:
        self._id = entity_id
        self.version = version
        self.document = document
        self._names = names
        self._entity: Entity | None = None

    @property
    def id(self) -> str:
        """The entity's id."""
        return self._id

    @property
    def entity(self) -> Entity:  # type: ignore[override]
        """The parsed entity."""
        if self._entity is None:
            self._entity = parse(self.document, self._names)
        return self._entity
