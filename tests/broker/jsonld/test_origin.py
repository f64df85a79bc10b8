"""Where the IRI of a name comes from."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.jsonld.definitions import CORE_LAYER, Layer
from broker.jsonld.origin import Origin, line_of, origin

FIRST = Layer(
    {"level": "https://a.example/level", "a": "https://a.example/"}, "q", "/0", "http://a/"
)
SECOND = Layer({"level": {"@id": "https://b.example/level"}}, "q", "/1", "http://b/")


@pytest.mark.parametrize(
    ("name", "layers", "how", "pointer"),
    [
        ("level", [FIRST, SECOND], "defined", "/1/level"),
        ("level", [SECOND, FIRST], "defined", "/0/level"),
        ("level", [FIRST, CORE_LAYER], "defined", "/0/level"),
        ("level", [FIRST, Layer(None, "q")], "default", ""),
        ("level", [FIRST, Layer({"level": None}, "q")], "default", ""),
        ("location", [Layer({"location": "https://a.example/x"}, "q")], "core", ""),
        ("a:b", [FIRST], "prefix", "/0/a"),
        ("ngsi-ld:b", [FIRST], "prefix", ""),
        ("https://a.example/level", [FIRST], "absolute", ""),
        ("urn:x:y", [FIRST], "absolute", ""),
        ("levle", [FIRST], "default", ""),
    ],
)
def test_a_name_is_traced_to_the_entry_that_counts(
    name: str, layers: list[Layer], how: str, pointer: str
) -> None:
    found = origin(name, layers)
    assert (found.how, found.pointer) == (how, pointer)


def test_a_name_no_context_knows_is_shown_those_like_it() -> None:
    assert origin("levle", [FIRST]).similar == ("level",)


def test_slashes_in_names_are_escaped_in_the_pointer() -> None:
    assert Origin("defined", Layer({}, "q"), "a/b~").pointer == "/a~1b~0"


def test_the_line_of_an_entry_is_found_in_any_formatting() -> None:
    text = '{\n "@context": [\n  "http://x/",\n  {"a": {"b": [1, "}"]},\n   "c":\n 1}\n ]}'
    assert line_of(text, ["@context"]) == 2
    assert line_of(text, ["@context", "1", "a"]) == 4
    assert line_of(text, ["@context", "1", "c"]) == 5
    assert line_of(text, ["@context", "2"]) is None
    assert line_of(text, ["@context", "0", "c"]) is None


@given(
    terms=st.dictionaries(st.text(max_size=8), st.integers() | st.text(max_size=8), min_size=1),
    data=st.data(),
)
def test_every_entry_of_a_pretty_document_is_on_its_own_line(
    terms: dict[str, int | str], data: st.DataObject
) -> None:
    term = data.draw(st.sampled_from(sorted(terms)))
    text = json.dumps({"@context": terms}, indent=1)
    assert line_of(text, ["@context", term]) == 3 + list(terms).index(term)
