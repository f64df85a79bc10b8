"""Where the IRI of a name comes from: which context, which entry of it, which line (pure)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from broker.jsonld.context import ABSOLUTE_IRI
from broker.jsonld.core import CORE_TERMS, DEFAULT_VOCAB
from broker.jsonld.definitions import CORE_LAYER, Layer, escape
from broker.model.entity import Json

How = Literal["core", "defined", "prefix", "absolute", "default"]


@dataclass(frozen=True, slots=True)
class Origin:
    """How a name gets its IRI.

    `core`: by the core context, which no other can overrule; `defined`: by an entry of `layer`;
    `prefix`: by `entry`, which stands before the colon; `absolute`: it is an IRI itself;
    `default`: no context knows it, so that it falls into the default vocabulary. `similar` are
    names that the contexts do know.
    """

    how: How
    layer: Layer | None = None
    entry: str = ""
    definition: Json = None
    similar: tuple[str, ...] = ()

    @property
    def pointer(self) -> str:
        """The JSON pointer of the entry in its document."""
        return "" if self.layer is None else f"{self.layer.pointer}/{escape(self.entry)}"


def origin(name: str, layers: Sequence[Layer]) -> Origin:
    """Return how a name gets its IRI from the layers of a context, the core behind them."""
    if name in CORE_TERMS:
        return Origin("core", entry=name, definition=CORE_TERMS[name])
    found = _last(name, layers)
    if found is not None:
        return Origin("defined", found[0], name, found[1])
    prefix, colon, rest = name.partition(":")
    if colon and not rest.startswith("//"):
        found = _last(prefix, layers)
        if found is not None:
            return Origin("prefix", found[0], prefix, found[1])
        if prefix in CORE_TERMS:
            return Origin("prefix", entry=prefix, definition=CORE_TERMS[prefix])
    if ABSOLUTE_IRI.fullmatch(name):
        return Origin("absolute")
    known = {term for layer in layers for term in layer.definitions or {} if term[:1] != "@"}
    similar = get_close_matches(name, sorted(known | CORE_TERMS.keys()), n=3, cutoff=0.75)
    return Origin("default", entry=name, definition=DEFAULT_VOCAB, similar=tuple(similar))


def _last(term: str, layers: Sequence[Layer]) -> tuple[Layer, Json] | None:
    """Return the last layer that defines a term, and how; None where none does, or one forgets."""
    found: tuple[Layer, Json] | None = None
    for layer in layers:
        if layer is CORE_LAYER:
            continue
        if layer.definitions is None:
            found = None
        elif term in layer.definitions:
            definition = layer.definitions[term]
            found = None if definition is None else (layer, definition)
    return found


def line_of(text: str, path: Sequence[str]) -> int | None:
    """Return the line (from 1) on which a member of a JSON text begins; None where it is not.

    `path` leads to it: keys of objects, and positions in arrays as digits.
    """
    decoder = json.JSONDecoder()
    at, found = 0, 0
    for step in path:
        at = _space(text, at)
        place = _member(text, at, step, decoder)
        if place is None:
            return None
        found, at = place
    return text.count("\n", 0, found) + 1


def _member(text: str, at: int, step: str, decoder: json.JSONDecoder) -> tuple[int, int] | None:
    """Return where a member begins, and where its value does."""
    opened, number = text[at : at + 1], 0
    found: tuple[int, int] | None = None
    at = _space(text, at + 1)
    while opened in ("{", "[") and text[at : at + 1] not in ("}", "]", ""):
        begin = at
        key = str(number)
        if opened == "{":
            key, at = decoder.raw_decode(text, at)
            at = _space(text, _space(text, at) + 1)
        if key == step:
            found = (begin, at)
        _, at = decoder.raw_decode(text, at)
        at = _space(text, at)
        number += 1
        if text[at : at + 1] == ",":
            at = _space(text, at + 1)
    return found


def _space(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at
