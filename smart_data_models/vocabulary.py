"""The one pinned @context: own terms and those of chosen official models, collisions decided.

Two subject contexts in an array redefine each other's terms without a word, so the town has a
single context in which each term has one meaning, chosen in `choices.toml`. The context is a
file of the project (`context-1.jsonld`), made by this module and never changed once released.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import orjson

from broker.jsonld.core import CORE_TERMS
from smart_data_models.assets import NAMESPACE as OFFICIAL
from smart_data_models.assets import SUBJECT
from smart_data_models.errors import NoRegistry
from smart_data_models.model import Model
from smart_data_models.own import NAMESPACE, own_models
from smart_data_models.pinned import NAME
from smart_data_models.registry import Registry

PREFIX: Final = "machi"
SUBJECT_PREFIX: Final = "sdm"
"""Before a subject's name, makes the prefix of all its terms: `sdmWeather:temperature`."""


class Undecided(ValueError):
    """Terms that subjects give different IRIs, and that `choices.toml` does not decide."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The chosen official models by subject, and whose a colliding term is."""

    official: Mapping[str, list[str]]
    collisions: Mapping[str, str]


def choices() -> Choices:
    """Return what `choices.toml` says."""
    source = files("smart_data_models").joinpath("choices.toml").read_text(encoding="utf-8")
    found = tomllib.loads(source)
    return Choices(found["official"], found["collisions"])


def chosen_models(registry: Registry, chosen: Choices) -> list[Model]:
    """Return the models whose terms the context has. Raises LookupError for an unknown one."""
    models = list(own_models())
    for subject, names in chosen.official.items():
        for name in names:
            model = registry.model(subject, name)
            if model is None:
                raise LookupError(f"there is no official model {subject}/{name}")
            models.append(model)
    return models


def context(models: Iterable[Model], chosen: Choices) -> dict[str, Any]:
    """Return the @context document of models. Raises Undecided.

    Core terms are left out: the core context says what they mean, whatever another one says.
    """
    meanings: dict[str, dict[str, str]] = defaultdict(dict)
    relations: set[str] = set()
    for model in models:
        meanings[model.name][model.subject] = model.iri
        for attribute in model.attributes:
            if attribute.top and attribute.path not in CORE_TERMS:
                meanings[attribute.path][model.subject] = attribute.iri
                if attribute.kind == "Relationship" and model.origin == "own":
                    relations.add(attribute.path)
    terms: dict[str, Any] = {PREFIX: NAMESPACE}
    terms |= {SUBJECT_PREFIX + s: f"{OFFICIAL}{SUBJECT}{s}/" for s in chosen.official}
    undecided = []
    for term, by_subject in sorted(meanings.items()):
        iris = set(by_subject.values())
        owner = chosen.collisions.get(term)
        if len(iris) > 1 and owner not in by_subject:
            undecided.append(f"{term}: {', '.join(sorted(by_subject))}")
            continue
        iri = by_subject[owner] if len(iris) > 1 and owner else iris.pop()
        terms[term] = {"@id": iri, "@type": "@id"} if term in relations else iri
    if undecided:
        raise Undecided("choices.toml does not say whose these are: " + "; ".join(undecided))
    return {"@context": terms}


def main() -> int:
    """Write the context file, or with --check compare it; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m smart_data_models.vocabulary",
        description=f"Write {NAME} from the registry, the own models and choices.toml.",
    )
    parser.add_argument("--to", type=Path, default=Path(__file__).with_name(NAME))
    options = parser.parse_args()
    try:
        chosen = choices()
        document = context(chosen_models(Registry(), chosen), chosen)
    except (NoRegistry, Undecided, LookupError) as error:
        print(error, file=sys.stderr)
        return 1
    options.to.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    print(f"{len(document['@context'])} terms: {options.to}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
