"""Short names as IRIs, and short entities, for the tests of the query languages."""

from collections.abc import Callable
from typing import Any

import pytest

from broker.errors import BadRequestData
from broker.model.entity import DEFAULT
from broker.query.predicate import compile_predicate
from broker.query.q import parse_q

VOCAB = "https://example.org/vocab/"


def expand(term: str) -> str:
    """Expand a term as a context with nothing but @vocab does."""
    if term == "not_a_name":
        raise BadRequestData("No such name.", place="nowhere", remedy="Another name.")
    return term if ":" in term else VOCAB + term


def entity(*instances: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return an entity whose attribute `a` has these instances, in datasets of their own."""
    datasets = [DEFAULT, "urn:ds:1", "urn:ds:2"]
    attributes = {VOCAB + "a": dict(zip(datasets, instances, strict=False))} if instances else {}
    return {
        "id": "urn:ngsi-ld:Bridge:1",
        "type": [VOCAB + "Bridge"],
        "createdAt": "2020-07-04T00:00:00Z",
        "modifiedAt": "2020-07-05T00:00:00Z",
        "attrs": attributes,
        **members,
    }


def of(value: Any, kind: str = "Property", **members: Any) -> dict[str, Any]:
    """Return an attribute instance."""
    primary = {
        "Relationship": "object",
        "LanguageProperty": "languageMap",
        "VocabProperty": "vocab",
    }
    lists = {"ListProperty": "valueList", "ListRelationship": "objectList", "JsonProperty": "json"}
    return {"type": kind, (primary | lists).get(kind, "value"): value, **members}


@pytest.fixture
def holds() -> Callable[..., bool]:
    """Return a function that tells whether `q` holds for an entity with these instances of a."""

    def check(q: str, *instances: dict[str, Any], **members: Any) -> bool:
        return compile_predicate(parse_q(q, expand))(entity(*instances, **members))

    return check
