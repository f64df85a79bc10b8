"""Policies from files: the town's own, or those that come with Machi."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from broker.jsonld.definitions import CORE_LAYER, Layer, compile_context
from consent.policies.document import Expand, PolicyError, rules_of
from consent.policies.rule import Rule


def expander(context: dict[str, Any]) -> Expand:
    """Return what expands names by a context document's `@context`, the core context last."""
    layers = [Layer(context, "policies"), CORE_LAYER]
    return compile_context(layers, source=None, link="", key="policies").expand


def default_policies() -> list[Any]:
    """Return the policies that come with Machi: open data of the town, and its own processes."""
    found = orjson.loads(files("consent.policies").joinpath("town.json").read_bytes())
    assert isinstance(found, list)
    return found


def read_policies(path: Path) -> list[Any]:
    """Return the policies in a JSON file: one document or an array. Raises PolicyError."""
    try:
        found = orjson.loads(path.read_bytes())
    except OSError as error:
        raise PolicyError(f"{path} cannot be read: {error.strerror}. Check --policies.") from error
    except orjson.JSONDecodeError as error:
        raise PolicyError(f"{path} is no JSON: {error}. Mend it there.") from error
    return found if isinstance(found, list) else [found]


def rules(documents: list[Any], expand: Expand) -> list[Rule]:
    """Return the rules of all policies in force. Raises PolicyError, also for an id used twice."""
    ids = [each.get("id") for each in documents if isinstance(each, dict)]
    for one in ids:
        if ids.count(one) > 1:
            raise PolicyError(f"{one} is there twice. Give each policy an id of its own.")
    return [rule for document in documents for rule in rules_of(document, expand)]
