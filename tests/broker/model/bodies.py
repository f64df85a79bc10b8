"""Short ways to parse in tests, all with the core @context."""

from typing import Any

import pytest

from broker.errors import BadRequestData
from broker.jsonld.core import CORE_CONTEXT
from broker.model.parse import parse_attribute, parse_entity, parse_fragment

VOCAB = "https://uri.etsi.org/ngsi-ld/default-context/"
NULL = "urn:ngsi-ld:null"


def entity(**members: Any) -> dict[str, Any]:
    """Parse an entity of type River with these members."""
    return parse_entity({"id": "urn:ngsi-ld:River:kuma", "type": "River", **members}, CORE_CONTEXT)


def attribute(body: Any) -> dict[str, Any]:
    """Return the instances by dataset that an attribute body stands for."""
    instances: dict[str, Any] = entity(level=body)["attrs"][VOCAB + "level"]
    return instances


def instance(body: Any) -> dict[str, Any]:
    """Return the default instance that an attribute body stands for."""
    only: dict[str, Any] = attribute(body)["@none"]
    return only


def fragment(body: Any, **how: Any) -> dict[str, Any]:
    """Parse a fragment, with nulls unless told otherwise."""
    return parse_fragment(body, CORE_CONTEXT, **{"nulls": True, **how})


def change(body: Any, **how: Any) -> Any:
    """Return the default instance of `level` in a fragment."""
    return fragment({"level": body}, **how)["attrs"][VOCAB + "level"]["@none"]


def partial(body: Any) -> Any:
    """Return the instances of a partial update."""
    return parse_attribute(VOCAB + "level", body, CORE_CONTEXT, nulls=True, partial=True)


def refusal(function: Any, *args: Any, **members: Any) -> BadRequestData:
    """Return the error that `function` raises; it must have a remedy."""
    with pytest.raises(BadRequestData) as caught:
        function(*args, **members)
    assert caught.value.remedy
    return caught.value
