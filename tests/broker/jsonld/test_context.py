"""Names and IRIs: what a context expands and compacts."""

import pytest

from broker.errors import BadRequestData
from broker.jsonld.core import DEFAULT_VOCAB, NGSI_LD
from tests.broker.jsonld.contexts import compiled

EX = "https://example.org/"


def test_term_expands_and_compacts():
    context = compiled({"speed": EX + "speed"})
    assert context.expand("speed") == EX + "speed"
    assert context.compact(EX + "speed") == "speed"


def test_core_term_is_never_redefined():
    context = compiled({"location": EX + "location"})
    assert context.expand("location") == NGSI_LD + "location"


def test_core_prefix_is_never_redefined():
    assert compiled({"ngsi-ld": EX}).expand("ngsi-ld:x") == NGSI_LD + "x"


def test_core_term_made_a_prefix_by_the_user_is_no_prefix():
    assert compiled({"location": EX}).expand("location:x") == "location:x"


def test_user_vocab_does_not_reach_undefined_names():
    context = compiled({"@vocab": EX, "speed": {"@type": "@id"}})
    assert context.expand("speed") == EX + "speed"
    assert context.expand("undefined") == DEFAULT_VOCAB + "undefined"


def test_default_name_shadowed_by_a_user_term_compacts_with_the_core_prefix():
    context = compiled({"speed": EX + "speed"})
    assert context.compact(DEFAULT_VOCAB + "speed") == "ngsi-ld:default-context/speed"


def test_shortest_then_first_term_is_the_name():
    context = compiled({"bbb": EX + "x", "b": EX + "x", "a": EX + "x", "aa": EX + "x"})
    assert context.compact(EX + "x") == "a"


def test_term_with_type_coercion_is_still_the_name():
    context = compiled({"owner": {"@id": EX + "owner", "@type": "@id", "@container": "@set"}})
    assert context.compact(EX + "owner") == "owner"


def test_iri_without_term_compacts_with_the_prefix_giving_the_shortest_name():
    context = compiled({"ex": EX, "deep": EX + "deep/"})
    assert context.compact(EX + "deep/x") == "deep:x"
    assert context.compact(EX + "other") == "ex:other"


def test_iri_that_fits_nothing_stays_itself():
    assert compiled({}).compact(EX + "x") == EX + "x"
    assert compiled({}).expand(EX + "x") == EX + "x"


def test_term_object_is_no_prefix_unless_it_says_so():
    context = compiled({"a": {"@id": EX}, "b": {"@id": EX, "@prefix": True}})
    assert context.expand("a:x") == "a:x"
    assert context.expand("b:x") == EX + "x"


def test_plain_term_not_ending_in_a_delimiter_is_no_prefix():
    assert compiled({"ex": EX + "ns"}).expand("ex:x") == "ex:x"


def test_compact_name_never_means_another_iri():
    context = compiled({"ex": EX})
    iri = DEFAULT_VOCAB + "ex:trap"
    assert context.expand(context.compact(iri)) == iri


def test_iri_confusable_with_a_prefixed_name_is_returned_as_it_is():
    assert compiled({"urn": EX}).compact("urn:x") == "urn:x"


def test_id_and_type_stay_the_names_of_the_keywords():
    context = compiled({"k": "@type", "i": "@id"})
    assert (context.compact("@type"), context.compact("@id")) == ("type", "id")


@pytest.mark.parametrize("definition", ["@type", "@value", {"@reverse": EX + "children"}])
def test_alias_of_a_keyword_and_reverse_property_name_no_attribute(definition):
    with pytest.raises(BadRequestData):
        compiled({"k": definition}).expand("k")


def test_reverse_property_is_never_the_name_of_its_iri():
    context = compiled({"parent": {"@reverse": EX + "child"}})
    assert context.compact(EX + "child") == EX + "child"


def test_removed_term_belongs_to_the_default_context_again():
    context = compiled({"speed": EX + "speed"}, {"speed": None})
    assert context.expand("speed") == DEFAULT_VOCAB + "speed"
    assert context.compact(DEFAULT_VOCAB + "speed") == "speed"


def test_what_looks_like_a_keyword_stays_itself():
    assert compiled({}).expand("@anything") == "@anything"


def test_more_names_than_the_memory_holds_still_expand():
    context = compiled({})
    for number in range(10_000):
        context.expand(f"name{number}")
    assert context.expand("name1") == DEFAULT_VOCAB + "name1"
    assert len(context._expanded) <= 4096


def test_very_long_names_are_not_remembered():
    context = compiled({})
    context.expand("n" * 1000)
    assert not context._expanded
