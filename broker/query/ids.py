"""Conditions on the entity id: lists and patterns (§4.12, §5.7.2)."""

from __future__ import annotations

from typing import Final

from broker.errors import TooComplexQuery
from broker.model.names import is_uri
from broker.query.ast import IdIn, IdMatches
from broker.query.faults import check_unicode, refuse
from broker.query.regex import PatternError, compile_pattern

MAX_IDS: Final = 1000
MAX_PATTERN: Final = 1024
"""Characters of an idPattern."""


def parse_ids(text: str, *, place: str = "query:id") -> IdIn:
    """Parse a comma-separated list of entity ids. Raises BadRequestData for what is no URI."""
    ids = text.split(",")
    if len(ids) > MAX_IDS:
        raise TooComplexQuery(
            f"The list has {len(ids)} ids; {MAX_IDS} are allowed.",
            place=place,
            remedy="Split the query into several.",
        )
    offset = 0
    for entity_id in ids:
        if not is_uri(entity_id):
            refuse(
                f"{entity_id[:80]!r} is not a URI.",
                place=place,
                at=offset,
                remedy="Give ids as URIs separated by commas: urn:ngsi-ld:Bridge:1,urn:x:2.",
            )
        offset += len(entity_id) + 1
    return IdIn(tuple(dict.fromkeys(ids)))


def parse_id_pattern(text: str, *, place: str = "query:idPattern") -> IdMatches:
    """Parse a regular expression on ids, found anywhere in the id unless anchored."""
    if len(text) > MAX_PATTERN:
        raise TooComplexQuery(
            f"The pattern has {len(text)} characters; {MAX_PATTERN} are allowed.",
            place=place,
            remedy="Use a shorter pattern, or a list of ids.",
        )
    check_unicode(text, place)
    if not text:
        refuse(
            "the pattern is empty.",
            place=place,
            remedy="Leave the parameter out, or give for example ^urn:ngsi-ld:Bridge:.*",
        )
    try:
        compile_pattern(text)
    except PatternError as error:
        refuse(
            f"the regular expression does not compile: {error}.",
            place=place,
            remedy="Use RE2 syntax, for example ^urn:ngsi-ld:Bridge:[0-9]+$; "
            "look-around and back-references are not available.",
        )
    return IdMatches(text)
