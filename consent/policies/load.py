"""Policies from files: the town's own, or those that come with Machi."""

from __future__ import annotations

from collections.abc import Iterable
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
    return [rule for document in distinct(documents) for rule in rules_of(document, expand)]


def distinct(documents: Iterable[Any]) -> list[Any]:
    """Return the policies, each with an id of its own. Raises PolicyError."""
    found, known = list(documents), set()
    for each in found:
        if not isinstance(each, dict) or not isinstance(each.get("id"), str):
            raise PolicyError("A policy is a JSON object with an id and the type DataUsePolicy.")
        if each["id"] in known:
            raise PolicyError(f"{each['id']} is there twice. Give each policy an id of its own.")
        known.add(each["id"])
    return found
