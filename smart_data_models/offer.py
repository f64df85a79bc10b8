"""What the data models offer a broker: the pinned context, and a validator by type and mode."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

from broker.validation import Mode, Models
from smart_data_models.errors import UnknownType
from smart_data_models.pinned import NAME, pinned

CONTEXT: Final = "machi-" + NAME.removeprefix("context-").removesuffix(".jsonld")
"""The pinned context's name: brokers serve it as `urn:ngsi-ld:Context:machi-1`."""


def offered(
    default: Mode = Mode.OFF, modes: Iterable[tuple[str, Mode]] = (), *, everywhere: bool = False
) -> Models:
    """Return what a broker is given; `modes` are by type, as a term of the context or an IRI.

    `everywhere` reads requests that name no @context by the pinned one. Raises UnknownType, and
    NoRegistry where something is to be checked and nothing is built.
    """
    context = orjson.loads(pinned())["@context"]
    given = dict(modes)
    contexts = {CONTEXT: context}
    fallback = CONTEXT if everywhere else ""
    if default is Mode.OFF and all(mode is Mode.OFF for mode in given.values()):
        return Models(contexts, default=fallback)
    from smart_data_models.registry import Registry
    from smart_data_models.validator import ModelValidator

    registry = Registry()
    by_iri = {_iri(context, name): mode for name, mode in given.items()}
    for name, iri in zip(given, by_iri, strict=True):
        if registry.by_iri(iri) is None:
            raise UnknownType(f"no data model is known of the type {name} ({iri})")
    return Models(contexts, ModelValidator(registry.by_iri, by_iri, default), fallback)


def _iri(context: dict[str, Any], name: str) -> str:
    term = context.get(name, name)
    return str(term["@id"] if isinstance(term, dict) else term)
