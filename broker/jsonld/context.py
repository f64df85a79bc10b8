"""The effective @context of a request, as a map between short names and IRIs."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping

from broker.errors import BadRequestData
from broker.model.entity import Json

KEYWORD_LIKE = re.compile(r"@[A-Za-z]+")
"""What JSON-LD keeps for its keywords; never a term, never prefixed by @vocab."""
ABSOLUTE_IRI = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*|_):\S*")

_MEMO_ENTRIES = 4096
_MEMO_LENGTH = 256


class Context:
    """A compiled @context: expands names to IRIs and compacts IRIs to names. Immutable, shared.

    Follows the IRI expansion and compaction of JSON-LD 1.1 for vocabulary-relative names, with
    NGSI-LD's rules for names (ETSI GS CIM 009 V1.9.1 §4.4, §5.5.7):

    - the core context is last, so its terms and its `@vocab` always win: a user's `@vocab` gives
      IRIs to the user's own term definitions, while a name that no context defines belongs to
      the default context `https://uri.etsi.org/ngsi-ld/default-context/`;
    - a name is compacted by its IRI alone, whatever type coercion or container its term has;
    - a compacted name always expands to the same IRI again. The one exception no name can mend
      is an absolute IRI whose scheme is also a prefix of this context: it is returned as it is.

    `source` is the @context as the client sent it, `link` the URL for a Link header (empty where
    the context has no URL of its own: inline, or several URLs), `key` a hashable identity that
    changes when anything in the context does. `size` estimates the memory held, in bytes. `plain`
    is where the model remembers names it has checked (`broker.model.attribute`).
    """

    __slots__ = (
        "_expanded",
        "_names",
        "_prefixes",
        "_refused",
        "_shortened",
        "_terms",
        "_vocab",
        "key",
        "link",
        "plain",
        "size",
        "source",
    )

    def __init__(
        self,
        terms: Mapping[str, str],
        *,
        prefixes: frozenset[str],
        vocab: str,
        source: Json,
        link: str,
        key: Hashable,
        refused: Mapping[str, str] | None = None,
    ) -> None:
        """Build from term → IRI. `prefixes` are the terms usable as prefix.

        `refused` maps the terms that name no attribute or type to the reason why.
        """
        self.source = source
        self.link = link
        self.key = key
        self._terms = dict(terms)
        self._names: dict[str, str] = {}
        for term in sorted(self._terms, key=_shortest):
            self._names.setdefault(self._terms[term], term)
        self._prefixes = {term: self._terms[term] for term in prefixes}
        self._refused = dict(refused or {})
        self._vocab = vocab
        self.plain: dict[str, str] = {}
        self._expanded = _Memo(self._expand)
        self._shortened = _Memo(self._compact)
        self.size = sum(len(term) + len(iri) + 300 for term, iri in self._terms.items())

    def expand(self, term: str) -> str:
        """Return the IRI of an entity type or attribute name, prefixed name or absolute IRI.

        Keywords, and terms the core maps to one (`id`, `type`), give the keyword. Raises
        BadRequestData for a term that the user's context makes an alias of a keyword or a
        reverse property.
        """
        iri = self._terms.get(term)
        return iri if iri is not None else self._expanded[term]

    def compact(self, iri: str) -> str:
        """Return the shortest name for an IRI: a term, else relative to @vocab, else prefixed.

        Where none fits, the IRI itself.
        """
        name = self._names.get(iri)
        return name if name is not None else self._shortened[iri]

    def _expand(self, term: str) -> str:
        if KEYWORD_LIKE.fullmatch(term):
            return term
        if term in self._refused:
            raise BadRequestData(
                f"The @context makes {term!r} {self._refused[term]}, which names no attribute.",
                place="@context",
                remedy="Use another name, or give the term an IRI in the @context.",
            )
        prefix, colon, suffix = term.partition(":")
        if colon and prefix:
            if prefix == "_" or suffix.startswith("//"):
                return term
            if prefix in self._prefixes:
                return self._prefixes[prefix] + suffix
            if ABSOLUTE_IRI.fullmatch(term):
                return term
        return self._vocab + term

    def _compact(self, iri: str) -> str:
        if iri.startswith(self._vocab) and self._means(iri[len(self._vocab) :], iri):
            return iri[len(self._vocab) :]
        return min(self._prefixed(iri), key=_shortest, default=iri)

    def _prefixed(self, iri: str) -> Iterator[str]:
        for prefix, start in self._prefixes.items():
            if iri.startswith(start) and len(iri) > len(start):
                name = f"{prefix}:{iri[len(start) :]}"
                if self._means(name, iri):
                    yield name

    def _means(self, name: str, iri: str) -> bool:
        if not name or name in self._refused:
            return False
        return (self._terms.get(name) or self._expand(name)) == iri


class _Memo(dict[str, str]):
    """Remembers the results of a pure function of a name; starts anew when full."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[str], str]) -> None:
        super().__init__()
        self._function = function

    def __missing__(self, name: str) -> str:
        result = self._function(name)
        if len(name) <= _MEMO_LENGTH:
            if len(self) >= _MEMO_ENTRIES:
                self.clear()
            self[name] = result
        return result


def _shortest(name: str) -> tuple[int, str]:
    return len(name), name
