"""What conditions can look at in an entity, laid flat for MongoDB's indexes (pure).

A *target* is what one path of a query leads to in one instance: an embedded document with the
path's key `p` and the values found there, by what they can be compared as. A condition on a path
is then an `$elemMatch` on one of them, so that all of it is asked of the same instance.

| field | holds | compared by |
|---|---|---|
| `n` `s` `b` `i` `c` | the target: a number, text, boolean, instant, time of day | all operators |
| `N` `S` `B` `I` `C` | the same of the elements of an array; texts of URIs in `S` | `==` and `!=` |
| `ls` `li` `lc` | texts of a LanguageProperty, in any language | all operators |
| `r` | the URIs a relationship leads to | links |

A target without any of them is there, and equals nothing. Lists are never empty.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final, TypeAlias

from broker.model.entity import DEFAULT, TARGETS, Entity, Instance
from broker.query.members import ENTITY_MEMBERS, INSTANCE_MEMBERS
from broker.query.moment import clock, instant
from broker.query.operands import number

Target: TypeAlias = dict[str, Any]

MAX_TARGETS: Final = 2_000
"""Targets of one entity; one with more is found by its predicate alone."""

_PLAIN: Final = INSTANCE_MEMBERS - {"datasetId", "createdAt", "modifiedAt"}


@lru_cache(maxsize=8192)
def path_key(names: tuple[str, ...], member: str | None = None, keys: tuple[str, ...] = ()) -> str:
    """Return the key of a path: 22 characters, whatever the length of the names.

    128 bits of a digest, so that nobody can make two paths that are taken for one.
    """
    parts = (*names, "\x00member", member or "", "\x00keys", *keys)
    digest = blake2b(digest_size=16)
    for part in parts:
        text = part.encode()
        digest.update(len(text).to_bytes(4, "big"))
        digest.update(text)
    return urlsafe_b64encode(digest.digest()).rstrip(b"=").decode()


def targets(entity: Entity) -> list[Target] | None:
    """Return the targets of an entity, or None where there are more than `MAX_TARGETS`."""
    found: list[Target] = []
    for target in _of_entity(entity):
        found.append(target)
        if len(found) > MAX_TARGETS:
            return None
    return found


def _of_entity(entity: Entity) -> Iterator[Target]:
    for member in ENTITY_MEMBERS:
        if member in entity:
            yield from _inside((), member, (), entity[member])
    yield from _of_attributes(entity, (), entity.get("createdAt"))


def _of_attributes(owner: Any, above: tuple[str, ...], created: str | None) -> Iterator[Target]:
    for iri, instances in owner.get("attrs", {}).items():
        names = (*above, iri)
        for dataset, instance in instances.items():
            yield from _of_instance(names, dataset, instance, created)
            yield from _of_attributes(instance, names, instance.get("createdAt", created))


def _of_instance(
    names: tuple[str, ...], dataset: str, instance: Instance, created: str | None
) -> Iterator[Target]:
    yield from _of_value(names, instance)
    for member in _PLAIN:
        if member in instance:
            yield from _inside(names, member, (), instance[member])
    created = instance.get("createdAt", created)
    modified = instance.get("modifiedAt", created)
    for member, text in (("createdAt", created), ("modifiedAt", modified)):
        if text is not None:
            yield from _inside(names, member, (), text)
    if dataset != DEFAULT:
        yield from _inside(names, "datasetId", (), dataset)


def _of_value(names: tuple[str, ...], instance: Instance) -> Iterator[Target]:
    kind = instance["type"]
    if kind in ("Property", "GeoProperty"):
        if "value" in instance:
            yield from _inside(names, None, (), instance["value"])
        else:
            return
    elif kind == "LanguageProperty":
        yield from _of_languages(names, instance.get("languageMap", {}))
    elif kind == "JsonProperty":
        if "json" in instance:
            yield from _inside(names, None, (), instance["json"])
    elif kind == "ListProperty":
        if "valueList" in instance:
            yield from _inside(names, None, (), instance["valueList"])
    else:
        yield _of_uris(names, kind, instance)


def _of_languages(names: tuple[str, ...], languages: dict[str, Any]) -> Iterator[Target]:
    texts = _texts(languages.values())
    yield {"p": path_key(names), **texts}
    if languages:
        yield {"p": path_key(names, None, ("*",)), **texts}
    for language, text in languages.items():
        if language != "*":
            yield from _inside(names, None, (language,), text)


def _of_uris(names: tuple[str, ...], kind: str, instance: Instance) -> Target:
    member = TARGETS.get(kind, "vocab")
    uris = instance.get(member, ())
    listed = [uris] if isinstance(uris, str) else [uri for uri in uris if isinstance(uri, str)]
    target: Target = {"p": path_key(names)}
    if listed:
        target["S"] = listed
        if kind in TARGETS:
            target["r"] = listed
    return target


def _inside(
    names: tuple[str, ...], member: str | None, keys: tuple[str, ...], value: Any
) -> Iterator[Target]:
    """Yield the targets of a value and of all members of objects within it."""
    target: Target = {"p": path_key(names, member, keys)}
    if isinstance(value, dict):
        yield target
        for key, inner in value.items():
            yield from _inside(names, member, (*keys, key), inner)
        return
    if isinstance(value, list):
        for element in value:
            for field, found in _scalar(element):
                target.setdefault(field.upper(), []).append(found)
    else:
        target.update(_scalar(value))
    yield target


def _texts(values: Any) -> Target:
    found: Target = {}
    for text in values:
        if isinstance(text, list):
            for element in text:
                for field, value in _scalar(element):
                    found.setdefault(field.upper(), []).append(value)
            continue
        for field, value in _scalar(text):
            # A language holds texts; anything else in it could only be compared as an element.
            name = f"l{field}" if isinstance(text, str) else field.upper()
            found.setdefault(name, []).append(value)
    return found


def _scalar(value: Any) -> Iterator[tuple[str, Any]]:
    kind = value.__class__
    if kind is str:
        yield "s", value
        if (key := instant(value)) is not None:
            yield "i", key
        elif (key := clock(value)) is not None:
            yield "c", key
    elif kind is bool:
        yield "b", value
    elif kind is int or kind is float:
        yield "n", number(value)
