"""Context processing: layers, dependencies between definitions, and what is refused."""

import pytest

from broker.errors import BadRequestData
from broker.jsonld.core import DEFAULT_VOCAB, GEOJSON, NGSI_LD
from broker.jsonld.definitions import CORE_LAYER, Layer, compile_context
from tests.broker.jsonld.contexts import compiled

EX = "https://example.org/"


def test_later_context_wins():
    context = compiled({"a": EX + "1"}, {"a": EX + "2"})
    assert context.expand("a") == EX + "2"


def test_definition_may_use_a_prefix_defined_after_it():
    assert compiled({"a": "ex:a", "ex": EX}).expand("a") == EX + "a"


def test_definition_may_use_a_prefix_of_an_earlier_context():
    assert compiled({"ex": EX}, {"a": {"@id": "ex:a"}}).expand("a") == EX + "a"


def test_definitions_may_be_chained():
    assert compiled({"a": "b", "b": "c:x", "c": "d:y/", "d": EX}).expand("a") == EX + "y/x"


def test_prefixed_term_without_id_takes_the_prefix():
    context = compiled({"ex": EX, "ex:a": {"@type": "@id"}})
    assert context.expand("ex:a") == EX + "a"


def test_definition_relative_to_vocab_uses_the_users_vocab():
    assert compiled({"a": "b", "@vocab": EX}).expand("a") == EX + "b"


def test_core_prefixes_may_be_used_in_definitions():
    context = compiled({"shelf": "ngsi-ld:shelf", "geojson:x": {"@type": "@id"}})
    assert context.expand("shelf") == NGSI_LD + "shelf"
    assert context.expand("geojson:x") == GEOJSON + "x"


def test_definitions_after_the_core_url_may_use_core_terms_and_its_vocab():
    context = compiled("core", {"place": "location", "a": "b"})
    assert context.expand("place") == NGSI_LD + "location"
    assert context.expand("a") == DEFAULT_VOCAB + "b"


def test_core_url_between_contexts_restores_the_core():
    context = compiled({"ngsi-ld": EX}, "core", {"a": "ngsi-ld:a"})
    assert context.expand("a") == NGSI_LD + "a"


def test_null_forgets_what_came_before():
    context = compiled({"a": EX + "a", "@vocab": EX}, None, {"b": EX + "b"})
    assert context.expand("a") == DEFAULT_VOCAB + "a"
    with pytest.raises(BadRequestData):
        compiled({"@vocab": EX}, None, {"b": "c"})


def test_protected_term_may_be_repeated_but_not_changed():
    protected = {"@protected": True, "a": EX + "a"}
    assert compiled(protected, {"a": EX + "a"}).expand("a") == EX + "a"
    with pytest.raises(BadRequestData):
        compiled(protected, {"a": EX + "b"})


def test_null_does_not_forget_protected_terms():
    with pytest.raises(BadRequestData):
        compiled({"a": {"@id": EX + "a", "@protected": True}}, None)


def test_definition_by_something_like_a_keyword_is_read_over():
    context = compiled({"a": EX + "a"}, {"a": "@future", "@future": EX})
    assert context.expand("a") == EX + "a"


def test_base_language_and_direction_are_read_over():
    context = compiled({"@base": EX, "@language": "ja", "@direction": None, "@version": 1.1})
    assert context.expand("a") == DEFAULT_VOCAB + "a"


@pytest.mark.parametrize(
    ("definitions", "pointer"),
    [
        ({"a": {"@id": EX + "a", "@context": {}}}, "/a/@context"),
        ({"@context": {"a": EX}}, "/@context"),
        ({"a": "b", "b": "a"}, "/a"),
        ({"a": "a:x"}, "/a"),
        ({"x/y": {"@id": "ex:a", "@type": 1}}, "/x~1y/@type"),
        ({"a": 1}, "/a"),
        ({"a": ["x"]}, "/a"),
        ({"a": {"@id": 1}}, "/a/@id"),
        ({"a": {"@id": EX, "label": "A"}}, "/a"),
        ({"a": {"@id": EX, "@prefix": "yes"}}, "/a/@prefix"),
        ({"ex": EX, "ex:a": {"@prefix": False}}, "/ex:a/@prefix"),
        ({"a": "white space"}, "/a"),
        ({"a": None, "b": "a"}, "/b"),
        ({"a": "b"}, "/a"),
        ({"a": {"@type": "@id"}}, "/a"),
        ({"@vocab": None, "a": "b"}, "/a"),
        ({"@vocab": 1}, "/@vocab"),
        ({"@vocab": "white space"}, "/@vocab"),
        ({"@version": 1.0}, "/@version"),
        ({"@protected": "yes"}, "/@protected"),
        ({"@id": EX}, "/@id"),
        ({"ex": EX, "ex:a": "http://elsewhere.example/a"}, "/ex:a"),
        ({"https://elsewhere.example/a": EX}, "/https:~1~1elsewhere.example~1a"),
        ({"ngsi-ld:location": EX}, "/ngsi-ld:location"),
        ({"": EX}, ""),
        ({"a": EX + "x" * 3000}, "/a"),
        ({"a" * 3000: EX}, ""),
    ],
)
def test_fault_is_refused_at_its_place(definitions, pointer):
    with pytest.raises(BadRequestData) as refused:
        compiled(definitions)
    assert refused.value.place == "body:/@context/0" + pointer
    assert refused.value.remedy


def test_fault_in_a_remote_document_names_the_document_and_the_reference():
    layer = Layer({"a": 1}, "header:Link", "/2", "https://example.org/c.jsonld")
    with pytest.raises(BadRequestData) as refused:
        compile_context([layer], source="", link="", key="")
    assert refused.value.place == "header:Link"
    assert "/@context/2/a of https://example.org/c.jsonld" in refused.value.detail


def test_term_with_an_undefined_prefix_may_have_any_iri():
    context = compiled({"open311:type": EX + "type"})
    assert context.expand("open311:type") == EX + "type"
    assert context.compact(EX + "type") == "open311:type"


def test_endless_chain_of_definitions_is_refused():
    chain = {f"p{number}": f"p{number + 1}:x/" for number in range(5000)}
    with pytest.raises(BadRequestData):
        compiled(chain)


def test_iris_growing_from_definition_to_definition_are_refused():
    growing = {"p0": EX} | {f"p{n}": f"p{n - 1}:{'x' * 50}/" for n in range(1, 5000)}
    with pytest.raises(BadRequestData):
        compiled(growing)


def test_core_layer_alone_is_the_core():
    context = compile_context([CORE_LAYER], source="x", link="x", key="x")
    assert context.expand("value") == NGSI_LD + "hasValue"
