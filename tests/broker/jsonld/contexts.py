"""Compiling inline contexts in tests."""

from broker.jsonld.context import Context
from broker.jsonld.definitions import CORE_LAYER, Layer, compile_context

PLACE = "body:/@context"


def compiled(*parts: object) -> Context:
    """Return the effective context of inline context objects ("core" stands for the core URL)."""
    layers = [
        CORE_LAYER if part == "core" else Layer(part, PLACE, f"/{index}")  # type: ignore[arg-type]
        for index, part in enumerate(parts)
    ]
    return compile_context(layers, source=list(parts), link="", key="test")
