"""Names and identifiers: what may be called what (§4.6.2, Annex A)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final, Protocol

from broker.model.entity import DEFAULT, NULL, PRIMARY
from broker.model.limits import NAME_LENGTH
from broker.model.place import At, bad, show

NGSI_LD: Final = "https://uri.etsi.org/ngsi-ld/"

PREVIOUS: Final = frozenset(
    "previous" + member[0].upper() + member[1:] for member in PRIMARY.values()
)
"""Members that notifications carry with `showChanges`; never accepted (§5.2.5)."""

ENTITY_MEMBERS: Final = frozenset(
    (
        *("id", "@id", "type", "@type", "scope", "expiresAt", "@context"),
        *("createdAt", "modifiedAt", "deletedAt"),
    )
)
"""Members of an entity that are not attributes (§5.2.4)."""

RESERVED: Final = PREVIOUS | frozenset(
    (
        *("id", "type", "scope", "expiresAt", "createdAt", "modifiedAt", "deletedAt"),
        *("datasetId", "instanceId", "observedAt", "unitCode", "valueType", "objectType"),
        *("lang", "entityIdSealed", "entityTypeSealed"),
    )
)
"""Members that are never attributes, and therefore no names for one (§4.5.1)."""

_KEYWORDS = (
    *("@id", "@type", "@context", "@value", "@list", "@set", "@graph", "@json", "@none"),
    *("@language", "@index", "@reverse", "@vocab", "@base", "@nest", "@included"),
)
RESERVED_IRIS: Final = frozenset((*(NGSI_LD + name for name in RESERVED), *_KEYWORDS))
RESERVED_SUB_IRIS: Final = RESERVED_IRIS | frozenset(
    NGSI_LD + "has" + name
    for name in ("Value", "Object", "LanguageMap", "Vocab", "JSON", "ValueList", "ObjectList")
)
"""What a sub-attribute cannot be called even by its full IRI: it would read as the value."""

_UNSEEN = (
    "\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u202a-\\u202e"
    "\\u2060-\\u206f\\u2800\\u3164\\ufdd0-\\ufdef\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\uffff"
    "\\U0001bca0-\\U0001bca3\\U0001d173-\\U0001d17a\\U000e0000-\\U000e0fff"
    + "".join(
        f"{chr(plane * 0x10000 + 0xFFFE)}-{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(1, 17)
    )
)
"""Characters nobody sees, and none: two ids that differ in one of them look the same."""

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[!#-;=?-\[\]_a-z~]+")
_IRI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.\-]*:[^\s\x00-\x20\x7f-\x9f<>\"{{}}|\\^`\ud800-\udfff{_UNSEEN}]+"
)
_NAME = re.compile(r"[^\W\d_]\w*")


SHORT_NAME: Final = 128
"""Names up to this length are remembered; the memory of longer ones could be large."""


class Names(Protocol):
    """What the model needs of an @context: names to IRIs and back."""

    plain: dict[str, str]
    """Names of attributes → IRIs, for some that need no second look; the model's to write."""

    def expand(self, term: str, /) -> str:
        """Return the IRI of a term, a prefixed name or an IRI."""
        ...

    def compact(self, iri: str, /) -> str:
        """Return the shortest name of an IRI, or the IRI itself."""
        ...


def is_uri(value: Any) -> bool:
    """Tell whether `value` is an absolute URI or IRI of bearable length."""
    return type(value) is str and len(value) <= NAME_LENGTH and _is_iri(value)


def is_name(term: Any) -> bool:
    """Tell whether `term` may name a type or an attribute: `name`, `prefix:name` or an IRI."""
    if type(term) is not str or len(term) > NAME_LENGTH:
        return False
    return _is_short_name(term) if len(term) <= SHORT_NAME else _has_form(term)


@lru_cache(maxsize=4096)
def is_short_attribute_name(term: str) -> bool:
    """Tell whether a term of at most SHORT_NAME characters may name an attribute."""
    return _has_form(term) and term not in RESERVED


def _has_form(term: str) -> bool:
    return _NAME.fullmatch(term) is not None or _is_iri(term)


def _is_iri(text: str) -> bool:
    return _URI.fullmatch(text) is not None or _IRI.fullmatch(text) is not None


_is_short_name = lru_cache(maxsize=4096)(_has_form)


def check_entity_id(value: Any, place: At) -> str:
    """Return an entity id, or refuse what is no URI."""
    if type(value) is str and len(value) <= NAME_LENGTH and value != NULL and _URI.fullmatch(value):
        return value
    return check_uri(value, place, "An entity id", "urn:ngsi-ld:Bridge:mizunote")


def check_uri(value: Any, at: At, what: str, example: str) -> str:
    """Return `value`, or refuse it: `what` must be a URI such as `example`."""
    if not is_uri(value) or value == NULL:
        long = type(value) is str and len(value) > NAME_LENGTH
        raise bad(
            at,
            f"{what} must be a URI; {show(value)} is "
            + (f"longer than {NAME_LENGTH} characters." if long else "none."),
            f"Give an absolute URI, for example {example}.",
        )
    uri: str = value
    return uri


def check_dataset(value: Any, at: At) -> str:
    """Return the dataset key of a `datasetId` member: a URI, or DEFAULT for `@none`."""
    if value == DEFAULT:
        return DEFAULT
    return check_uri(value, at, "A datasetId", "urn:ngsi-ld:Dataset:gauge-b; @none is the default")


def check_name(term: Any, place: At) -> str:
    """Return a type or attribute name, or refuse what breaks §4.6.2."""
    if not is_name(term):
        raise bad(
            place,
            f"{show(term)} is not a valid name.",
            "A name starts with a letter and goes on with letters, digits and _; it may have a "
            "prefix (prefix:name) or be an absolute IRI. Other characters, such as - or a space, "
            "are not allowed.",
        )
    name: str = term
    return name


def check_attribute_name(term: Any, place: At) -> str:
    """Return an attribute name, or refuse what is no name or is reserved (§4.5.1)."""
    name = check_name(term, place)
    if name in RESERVED:
        raise reserved(name, place)
    return name


def reserved(term: str, at: At) -> Exception:
    """Return the error for an attribute that is called like a member of the data model."""
    return bad(
        at,
        f"{show(term)} is a member of the NGSI-LD data model and no name for an attribute here.",
        "Rename the attribute. If you meant the member, put it where it belongs: observedAt, "
        "unitCode or datasetId inside an attribute.",
    )


def expand_name(term: Any, at: At, context: Names) -> str:
    """Return the IRI of a type name, or refuse what is no name or means a JSON-LD keyword."""
    iri = context.expand(check_name(term, at))
    if iri in _KEYWORDS:
        raise bad(
            at, f"{show(term)} is a word of JSON-LD and no name for a type.", "Choose another name."
        )
    return iri


def parse_type(value: Any, at: At, context: Names, limit: int) -> list[str]:
    """Return the IRIs of one name or a list of names, without repeats, in the order given."""
    if type(value) is str:
        return [expand_name(value, at, context)]
    if type(value) is not list or not value or len(value) > limit:
        raise bad(
            at,
            f"A type must be a name or a list of 1 to {limit} names; this is {show(value)}.",
            'Give for example "type": "River" or "type": ["River", "Waterway"].',
        )
    return list(
        dict.fromkeys(expand_name(term, (at, index), context) for index, term in enumerate(value))
    )
