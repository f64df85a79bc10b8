"""The own models: schemas that are valid, examples that fit them and lose no term."""

import orjson
import pytest
from jsonschema import Draft202012Validator

from broker.jsonld.core import DEFAULT_VOCAB
from broker.model.parse import parse_entity
from broker.validation import Mode
from smart_data_models.model import Model
from smart_data_models.own import NAMESPACE, examples, own_models
from smart_data_models.pinned import pinned
from smart_data_models.validator import ModelValidator
from tests.broker.jsonld.contexts import compiled

MODELS = {model.iri: model for model in own_models()}
NORMALIZED, SIMPLIFIED = (
    [
        pytest.param(model, example, id=model.name)
        for model in MODELS.values()
        for name, example in examples(model.name)
        if name == file
    ]
    for file in ("example-normalized.jsonld", "example.json")
)
CONTEXT = compiled(orjson.loads(pinned())["@context"])


def test_35_models_are_the_towns_own_and_two_add_to_official_ones():
    ours = [iri for iri in MODELS if iri.startswith(NAMESPACE)]
    assert (len(ours), len(MODELS)) == (35, 37)


@pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
def test_schema_of_each_attribute_is_valid(model: Model):
    for attribute in model.attributes:
        Draft202012Validator.check_schema(attribute.schema)


@pytest.mark.parametrize(("model", "example"), NORMALIZED)
def test_normalized_example_fits_its_model_and_loses_no_term(model: Model, example: dict):
    entity = parse_entity({k: v for k, v in example.items() if k != "@context"}, CONTEXT)
    assert model.iri in entity["type"]
    assert not [iri for iri in entity["attrs"] if iri.startswith(DEFAULT_VOCAB)]
    assert not ModelValidator(MODELS.get, {}, Mode.REJECT).check(entity)


@pytest.mark.parametrize(("model", "example"), SIMPLIFIED)
def test_simplified_example_has_the_attributes_of_its_model(model: Model, example: dict):
    known = {attribute.path: attribute for attribute in model.attributes}
    assert {"id", "type", *model.required} <= example.keys() <= {"id", "type", *known}
    for name in example.keys() & known.keys():
        Draft202012Validator(known[name].schema).validate(example[name])
