"""The contexts of the Smart Data Models and of our own models."""

import json
from pathlib import Path

import pytest

from tests.broker.jsonld.contexts import compiled


@pytest.mark.reference
@pytest.mark.parametrize("folder", ["smart-data-models", "own-models"])
def test_every_model_context_compiles_and_its_names_round_trip(folder, reference_data: Path):
    documents = sorted((reference_data / folder).glob("**/context.jsonld"))
    assert documents
    for path in documents:
        definitions = json.loads(path.read_text())["@context"]
        context = compiled(definitions)
        for term in definitions:
            iri = context.expand(term)
            assert context.expand(context.compact(iri)) == iri, f"{path}: {term}"
