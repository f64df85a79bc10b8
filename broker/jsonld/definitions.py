"""Context documents → one `Context`: the context processing of JSON-LD 1.1, for names.

Each layer is one context object of the client's @context, in order, remote ones already fetched.
The core context is processed last, wherever the client put its URL, so whatever the client
redefines, the core wins (ETSI GS CIM 009 V1.9.1 §4.4). Where the client put it earlier too, later
definitions may use its terms; its prefixes `ngsi-ld:` and `geojson:` may always be used. Values
are never coerced, so `@type`, `@container`, `@language` and the like are read over; `@base` too,
since names are never relative to a document. Unlike JSON-LD 1.1, a term of the form `prefix:name`
whose prefix is not defined may have any IRI: published Smart Data Models contexts have such terms.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from broker.errors import BadRequestData
from broker.jsonld.context import ABSOLUTE_IRI, KEYWORD_LIKE, Context
from broker.jsonld.core import CORE_PREFIXES, CORE_TERMS, DEFAULT_VOCAB
from broker.model.entity import Json

MAX_IRI = 2048
_MAX_CHAIN = 64

_KEYWORDS = frozenset(
    f"@{word}"
    for word in (
        *("base", "container", "context", "default", "direction", "embed", "explicit", "graph"),
        *("id", "import", "included", "index", "json", "language", "list", "nest", "none"),
        *("omitDefault", "prefix", "preserve", "propagate", "protected", "requireAll", "reverse"),
        *("set", "type", "value", "version", "vocab"),
    )
)
_CONTEXT_ENTRIES = frozenset(
    f"@{word}"
    for word in (
        *("base", "direction", "import", "language", "propagate", "protected", "type"),
        *("version", "vocab"),
    )
)
_DEFINITION_ENTRIES = frozenset(
    f"@{word}"
    for word in (
        *("container", "context", "direction", "id", "index", "language", "nest", "prefix"),
        *("protected", "reverse", "type"),
    )
)
_MUST_BE: dict[str, type | tuple[type, ...]] = {
    "@id": (str, type(None)),
    "@reverse": str,
    "@type": (str, type(None)),
    "@prefix": bool,
    "@protected": bool,
}
_IRI_FORM = re.compile(r".*(?::[^:]|/)", re.DOTALL)
_PREFIX_END = frozenset(":/?#[]@")


@dataclass(frozen=True, slots=True)
class Layer:
    """One context object, or None for the JSON-LD `null` that forgets what came before.

    `place` and `pointer` say where it stands: in the request, or in the document at `url`.
    """

    definitions: dict[str, Json] | None
    place: str
    pointer: str = ""
    url: str | None = None

    @property
    def reference(self) -> str:
        """The place in the request that this layer stands at or comes from."""
        return self.place + self.pointer if self.url is None else self.place

    def fault(self, detail: str, remedy: str, *entries: str) -> BadRequestData:
        """Return the error for a fault at an entry of this layer."""
        pointer = self.pointer + "".join("/" + escape(entry) for entry in entries)
        if self.url is None:
            return BadRequestData(detail, place=self.place + pointer, remedy=remedy)
        return BadRequestData(
            f"{detail} This is at /@context{pointer} of {self.url}.",
            place=self.place,
            remedy=f"Mend the document, or refer to another. {remedy}",
        )


CORE_LAYER = Layer(dict(CORE_TERMS), "core")


def compile_context(layers: Sequence[Layer], *, source: Json, link: str, key: Hashable) -> Context:
    """Return the effective context of the layers. Raises BadRequestData for an invalid one."""
    active = _Active()
    for layer in layers:
        active.process(layer)
    return active.context(source, link, key)


def escape(entry: str) -> str:
    """Return an object key as a segment of a JSON pointer (RFC 6901)."""
    return entry.replace("~", "~0").replace("/", "~1")


class _Active:
    """The active context while layers are processed."""

    def __init__(self) -> None:
        self.protected: set[str] = set()
        self.forget()

    def forget(self) -> None:
        self.terms = {prefix: CORE_TERMS[prefix] for prefix in CORE_PREFIXES}
        self.prefixes = set(CORE_PREFIXES)
        self.reverse: set[str] = set()
        self.removed: set[str] = set()
        self.vocab: str | None = None

    def process(self, layer: Layer) -> None:
        if layer is CORE_LAYER:
            self.restore_core()
        elif layer.definitions is not None:
            _LayerProcessor(self, layer, layer.definitions).run()
        elif self.protected:
            raise layer.fault(
                "null would forget terms that an earlier context protects.", "Drop the null."
            )
        else:
            self.forget()

    def restore_core(self) -> None:
        self.terms |= CORE_TERMS
        self.prefixes = (self.prefixes - CORE_TERMS.keys()) | CORE_PREFIXES
        self.reverse -= CORE_TERMS.keys()
        self.removed -= CORE_TERMS.keys()
        self.vocab = DEFAULT_VOCAB

    def context(self, source: Json, link: str, key: Hashable) -> Context:
        self.restore_core()
        refused = dict.fromkeys(self.reverse, "a reverse property")
        for term, iri in self.terms.items():
            if iri in _KEYWORDS and term not in CORE_TERMS:
                refused[term] = f"an alias of {iri}"
        return Context(
            {term: iri for term, iri in self.terms.items() if term not in refused},
            prefixes=frozenset(self.prefixes),
            vocab=DEFAULT_VOCAB,
            source=source,
            link=link,
            key=key,
            refused=refused,
        )


class _LayerProcessor:
    """Processes the definitions of one layer into the active context."""

    def __init__(self, active: _Active, layer: Layer, definitions: dict[str, Json]) -> None:
        self.active = active
        self.layer = layer
        self.local = definitions
        self.done: dict[str, bool] = {}
        self.chain = 0
        self.protect = bool(definitions.get("@protected"))

    def run(self) -> None:
        self.check_entries()
        if "@vocab" in self.local:
            self.active.vocab = self.vocab(self.local["@vocab"])
        for term in self.local:
            if term not in _KEYWORDS:
                self.define(term)

    def check_entries(self) -> None:
        for entry, value in self.local.items():
            if entry in _KEYWORDS and entry not in _CONTEXT_ENTRIES:
                raise self.layer.fault(
                    "A context below the top level is not allowed."
                    if entry == "@context"
                    else f"{entry} cannot be defined.",
                    "Move its definitions up, as one more element of the @context array."
                    if entry == "@context"
                    else "Remove this entry.",
                    entry,
                )
            if entry == "@version" and value != 1.1:
                raise self.layer.fault("The JSON-LD version is not 1.1.", "Use 1.1.", entry)
            if entry in ("@propagate", "@protected") and not isinstance(value, bool):
                raise self.layer.fault(f"{entry} is not a boolean.", "Use true or false.", entry)

    def vocab(self, value: Json) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.layer.fault("@vocab is not a string.", "Use an IRI or null.", "@vocab")
        iri = self.iri(value, "@vocab", dependencies=False)
        if not ABSOLUTE_IRI.fullmatch(iri) or len(iri) > MAX_IRI:
            raise self.layer.fault(
                "@vocab is not an IRI.", "Use an absolute IRI or null.", "@vocab"
            )
        return iri

    def define(self, term: str) -> None:
        """Define one term and, before it, the terms it is built from."""
        if term in self.done:
            if self.done[term]:
                return
            raise self.layer.fault(
                f"The definition of {term!r} depends on itself.",
                "Give it an absolute IRI.",
                term,
            )
        if not 0 < len(term) <= MAX_IRI:
            raise self.layer.fault(
                f"A term is empty or longer than {MAX_IRI} characters.", "Rename the term."
            )
        if KEYWORD_LIKE.fullmatch(term):
            return
        if self.chain >= _MAX_CHAIN:
            raise self.layer.fault(
                f"The definition of {term!r} hangs on more than {_MAX_CHAIN} others.",
                "Define prefixes by absolute IRIs.",
                term,
            )
        self.done[term] = False
        self.chain += 1
        self.assign(term, self.definition(term))
        self.chain -= 1
        self.done[term] = True

    def definition(self, term: str) -> dict[str, Json]:
        """Return the definition in its object form, checked."""
        value = self.local[term]
        if value is None or isinstance(value, str):
            return {"@id": value}
        if not isinstance(value, dict):
            raise self.layer.fault(
                f"The definition of {term!r} is neither a string nor an object.",
                'Use an IRI, or {"@id": IRI}.',
                term,
            )
        for entry, part in value.items():
            if entry == "@context":
                raise self.layer.fault(
                    f"The definition of {term!r} has a context of its own (scoped context).",
                    "Define its terms at the top level.",
                    term,
                    entry,
                )
            if entry not in _DEFINITION_ENTRIES:
                raise self.layer.fault(
                    f"The definition of {term!r} has the unknown entry {entry[:200]!r}.",
                    "Remove the entry.",
                    term,
                )
            if entry in _MUST_BE and not isinstance(part, _MUST_BE[entry]):
                raise self.layer.fault(
                    f"{entry} in the definition of {term!r} has the wrong type.",
                    "Use true or false." if _MUST_BE[entry] is bool else "Use a string.",
                    term,
                    entry,
                )
        return value

    def assign(self, term: str, definition: dict[str, Json]) -> None:
        """Give the term its IRI and role in the active context."""
        active = self.active
        name = definition.get("@reverse", definition.get("@id", term))
        if name is not None and name not in _KEYWORDS and KEYWORD_LIKE.fullmatch(name):
            return
        before = active.terms.pop(term, None), term in active.prefixes
        for names in (active.prefixes, active.reverse, active.removed):
            names.discard(term)
        if name is None:
            active.removed.add(term)
        else:
            iri = self.implied(term) if name == term else self.explicit(term, name)
            active.terms[term] = iri
            if "@reverse" in definition:
                active.reverse.add(term)
            elif self.is_prefix(term, iri, definition):
                active.prefixes.add(term)
        after = active.terms.get(term), term in active.prefixes
        if term in active.protected and after != before:
            raise self.layer.fault(
                f"{term!r} is protected by an earlier context and cannot be redefined.",
                "Drop this definition, or the @protected of the earlier one.",
                term,
            )
        if definition.get("@protected", self.protect):
            active.protected.add(term)

    def implied(self, term: str) -> str:
        """Return the IRI of a term whose definition gives none."""
        prefix, colon, suffix = term.partition(":")
        if colon and prefix:
            if prefix in self.local:
                self.define(prefix)
            start = self.active.terms.get(prefix)
            return self.checked(term if start is None else start + suffix, term)
        return self.checked(self.relative(term, term), term)

    def explicit(self, term: str, name: str) -> str:
        """Return the IRI of a term defined by another name, prefixed name or IRI."""
        iri = self.iri(name, term)
        if iri in _KEYWORDS:
            return iri
        self.checked(iri, term)
        if _IRI_FORM.match(term):
            self.done[term] = True
            meant = self.iri(term, term)
            undefined_prefix = meant == term and "://" not in term
            if meant != iri and not undefined_prefix:
                raise self.layer.fault(
                    f"The term {term!r} has the form of an IRI and is defined as another.",
                    "Rename the term.",
                    term,
                )
        return iri

    def iri(self, name: str, term: str, *, dependencies: bool = True) -> str:
        """Expand a name used in a definition, defining first what it depends on."""
        if name in _KEYWORDS:
            return name
        if dependencies and name in self.local and not self.done.get(name):
            self.define(name)
        if name in self.active.terms:
            return self.active.terms[name]
        if name in self.active.removed:
            raise self.layer.fault(
                f"{term!r} is defined by {name!r}, which this context maps to null.",
                "Define it by an IRI.",
                term,
            )
        prefix, colon, suffix = name.partition(":")
        if colon and prefix:
            if prefix == "_" or suffix.startswith("//"):
                return name
            if dependencies and prefix in self.local and not self.done.get(prefix):
                self.define(prefix)
            if prefix in self.active.prefixes:
                return self.active.terms[prefix] + suffix
            if ABSOLUTE_IRI.fullmatch(name):
                return name
        return self.relative(name, term)

    def relative(self, name: str, term: str) -> str:
        if self.active.vocab is None:
            raise self.layer.fault(
                f"The definition of {term!r} gives no IRI: {name[:200]!r} needs a @vocab.",
                "Define it by an absolute IRI.",
                term,
            )
        return self.active.vocab + name

    def checked(self, iri: str, term: str) -> str:
        if not ABSOLUTE_IRI.fullmatch(iri) or len(iri) > MAX_IRI:
            raise self.layer.fault(
                f"The definition of {term!r} gives no IRI (or one over {MAX_IRI} characters).",
                "Define it by an absolute IRI without spaces.",
                term,
            )
        return iri

    def is_prefix(self, term: str, iri: str, definition: dict[str, Json]) -> bool:
        if "@prefix" in definition:
            if ":" in term or "/" in term or iri in _KEYWORDS:
                raise self.layer.fault(
                    f"{term!r} cannot be a prefix: it has a : or / or names a keyword.",
                    "Remove @prefix.",
                    term,
                    "@prefix",
                )
            return bool(definition["@prefix"])
        if ":" in term[1:] or iri in _KEYWORDS:
            return False
        simple = isinstance(self.local[term], str)
        return simple and (iri.startswith("_:") or iri[-1] in _PREFIX_END)
