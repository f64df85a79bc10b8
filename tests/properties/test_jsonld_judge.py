"""The term map against PyLD, a full JSON-LD processor, on generated contexts and names.

The judge processes the core's two prefixes, the user's contexts, then the core. Three differences
are meant, and kept out of the comparison: names are compacted by IRI alone, so the judge gets the
contexts without type coercions and containers when it compacts; where the judge's shortest name
would mean another IRI when expanded again, ours is one that does not; and a term whose prefix is
not defined may have any IRI.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st
from pyld import jsonld

from broker.egress import Egress
from broker.errors import BadRequestData
from broker.jsonld.context import Context
from broker.jsonld.core import CORE_PREFIXES, CORE_TERMS, DEFAULT_VOCAB, NGSI_LD
from broker.jsonld.loader import ContextLoader

CORE_FIRST = {prefix: CORE_TERMS[prefix] for prefix in CORE_PREFIXES}
CORE = {"@version": 1.1, "@vocab": DEFAULT_VOCAB, **CORE_TERMS}
PREFIXES = ["p", "q", "ex", "schema"]
LOCALS = ["a", "b", "speed", "温度", "a-b", "x.y", "place_1"]
CORE_NAMES = ["location", "value", "title", "Property", "createdAt"]

bases = st.sampled_from(
    ["https://example.org/", "https://example.org/ns#", "http://b.example/x", "urn:own:", NGSI_LD]
)
locals_ = st.sampled_from(LOCALS)
names = st.one_of(
    locals_,
    st.sampled_from(CORE_NAMES + PREFIXES),
    st.builds("{}:{}".format, st.sampled_from(PREFIXES), locals_),
)
iris = st.builds(str.__add__, bases, st.one_of(locals_, st.just("a/b"), st.just("ns#a")))
targets = st.one_of(iris, names, bases)
objects = st.fixed_dictionaries(
    {},
    optional={
        "@id": targets,
        "@type": st.sampled_from(["@id", "@vocab", "http://www.w3.org/2001/XMLSchema#date"]),
        "@container": st.sampled_from(["@list", "@set"]),
        "@prefix": st.booleans(),
    },
)
terms = st.one_of(locals_, st.sampled_from(CORE_NAMES), names)
layers = st.builds(
    lambda prefixes, definitions, vocab: {**vocab, **definitions, **prefixes},
    st.dictionaries(st.sampled_from(PREFIXES), bases, max_size=3),
    st.dictionaries(terms, st.one_of(targets, objects), max_size=5),
    st.one_of(st.just({}), st.fixed_dictionaries({"@vocab": bases})),
)
user_contexts = st.recursive(layers, lambda inner: st.lists(inner, max_size=3), max_leaves=4)


def ours(user: object) -> Context:
    async def resolve() -> Context:
        return await ContextLoader(Egress()).resolve(user)

    return asyncio.run(resolve())


def flat(user: Any) -> list[dict[str, Any]]:
    return [layer for part in user for layer in flat(part)] if isinstance(user, list) else [user]


def without_coercions(layer: dict[str, Any]) -> dict[str, Any]:
    return {
        term: {entry: part for entry, part in value.items() if entry in ("@id", "@prefix")}
        if isinstance(value, dict)
        else value
        for term, value in layer.items()
    }


def no_document(url: str, options: object) -> object:
    raise AssertionError(f"the judge asks for {url}")


def judge_expand(context: list[Any], name: str) -> tuple[str, str]:
    """Return the IRIs the judge gives a name as attribute and as type."""
    options = {"documentLoader": no_document}
    document = {"@context": context, "@type": name, name: [{"@value": 1}]}
    expanded = jsonld.expand(document, options)[0]
    (attribute,) = expanded.keys() - {"@type"}
    return attribute, expanded["@type"][0]


def judge_compact(context: list[Any], iri: str) -> str:
    document = {"@type": [iri]}
    compacted = jsonld.compact(document, context, {"documentLoader": no_document})
    name: str = compacted["type"]
    return name


def verdict(judge: Callable[..., Any], context: list[Any], text: str) -> Any:
    """Return what the judge says, or the JsonLdError at the root of its refusal."""
    try:
        return judge(context, text)
    except jsonld.JsonLdError as error:
        root = error.__cause__ or error
        assume("term in form of IRI" not in str(root))
        return root


@given(user=user_contexts, name=names)
def test_names_expand_as_the_judge_expands_them(user, name):
    judged = verdict(judge_expand, [CORE_FIRST, *flat(user), CORE], name)
    if isinstance(judged, jsonld.JsonLdError):
        event("invalid context")
        with pytest.raises(BadRequestData):
            ours(user)
        return
    iri = ours(user).expand(name)
    assert (iri, iri) == judged


@given(user=user_contexts, iri=st.one_of(iris, names.map(DEFAULT_VOCAB.__add__)))
def test_iris_compact_as_the_judge_compacts_them(user, iri):
    try:
        compact = ours(user).compact(iri)
    except BadRequestData:
        assume(False)
        raise
    context = [CORE_FIRST, *map(without_coercions, flat(user)), CORE]
    judged = verdict(judge_compact, context, iri)
    if isinstance(judged, jsonld.JsonLdError):
        event("confused with a prefix")
        assert (judged.code, compact) == ("IRI confused with prefix", iri)
    elif judge_expand(context, judged)[1] == iri:
        assert compact == judged
    else:
        event("the judge's name means another IRI")
        assert compact != judged


@given(user=user_contexts, name=names)
def test_compacted_name_expands_to_the_same_iri(user, name):
    try:
        context = ours(user)
    except BadRequestData:
        assume(False)
        raise
    iri = context.expand(name)
    assert context.expand(context.compact(iri)) == iri


@given(user=user_contexts, name=st.sampled_from(sorted(CORE_TERMS)))
def test_no_user_context_changes_a_core_term(user, name):
    try:
        context = ours(user)
    except BadRequestData:
        assume(False)
        raise
    assert context.expand(name) == CORE_TERMS[name]
