"""The one pinned context: every term means what was decided, and collisions are decided."""

import orjson
import pytest

from broker.jsonld.core import CORE_TERMS
from smart_data_models.model import Attribute, Model
from smart_data_models.own import own_models
from smart_data_models.pinned import pinned
from smart_data_models.registry import Registry
from smart_data_models.vocabulary import (
    Choices,
    Undecided,
    choices,
    chosen_models,
    context,
)
from tests.broker.jsonld.contexts import compiled

PINNED = orjson.loads(pinned())["@context"]
CONTEXT = compiled(PINNED)
CHOSEN = choices()


def model(subject: str, name: str, *attributes: Attribute) -> Model:
    """Return a small official model."""
    iri = f"https://x.example/{subject}/{name}"
    return Model(subject, name, iri, "1", "", "", "official", (), attributes)


ONE = model("One", "Pump", Attribute("state", "https://x.example/One/state"))
OTHER = model("Other", "Gate", Attribute("state", "https://x.example/Other/state"))


def test_pinned_context_is_what_the_registry_and_the_choices_give():
    registry = Registry()
    assert orjson.loads(pinned()) == context(chosen_models(registry, CHOSEN), CHOSEN)
    registry.close()


@pytest.mark.parametrize("model", own_models(), ids=lambda model: model.name)
def test_terms_of_an_own_model_expand_as_the_model_says(model: Model):
    assert CONTEXT.expand(model.name) == model.iri
    for attribute in model.attributes:
        assert CONTEXT.expand(attribute.path) == attribute.iri, attribute.path


@pytest.mark.parametrize("term", PINNED)
def test_every_term_expands_and_comes_back(term: str):
    value = PINNED[term]
    iri = value if isinstance(value, str) else value["@id"]
    assert CONTEXT.expand(term) == iri
    if not iri.endswith(("#", "/")):
        assert CONTEXT.expand(CONTEXT.compact(iri)) == iri


def test_core_terms_are_left_to_the_core_context():
    assert not PINNED.keys() & CORE_TERMS.keys()


@pytest.mark.parametrize("term", CHOSEN.collisions)
def test_each_decision_is_needed(term: str):
    fewer = {t: s for t, s in CHOSEN.collisions.items() if t != term}
    registry = Registry()
    models = chosen_models(registry, CHOSEN)
    registry.close()
    with pytest.raises(Undecided, match=term):
        context(models, Choices(CHOSEN.official, fewer))


def test_collision_nobody_decided_is_refused():
    with pytest.raises(Undecided, match="state: One, Other"):
        context([ONE, OTHER], Choices({}, {}))


def test_term_is_whose_the_choice_says_and_the_other_stays_reachable_by_prefix():
    chosen = Choices({"One": ["Pump"], "Other": ["Gate"]}, {"state": "Other"})
    terms = context([ONE, OTHER], chosen)["@context"]
    assert terms["state"] == "https://x.example/Other/state"
    assert terms["sdmOne"] == "https://smartdatamodels.org/dataModel.One/"


def test_unknown_official_model_is_named():
    registry = Registry()
    with pytest.raises(LookupError, match="Weather/Nonsense"):
        chosen_models(registry, Choices({"Weather": ["Nonsense"]}, {}))
    registry.close()
