"""The built-in core context: its URLs, and its table against the published files."""

import json
import warnings
from pathlib import Path

import pytest
from pyld import jsonld

from broker.jsonld.core import CORE_CONTEXT, CORE_TERMS, CORE_URL, DEFAULT_VOCAB, is_core

BASE = "uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context"
RENAMED_SINCE = {
    "1.7": {"VocabularyProperty", "attributeCount", "attributeDetails"},
}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("version", ["", *(f"-v1.{minor}" for minor in range(1, 10))])
def test_every_published_core_url_is_recognised(scheme, version):
    assert is_core(f"{scheme}://{BASE}{version}.jsonld")


@pytest.mark.parametrize(
    "url",
    [
        f"https://{BASE}-v1.8.jsonld.example.org",
        f"https://example.org/?u=https://{BASE}.jsonld",
        f"ftp://{BASE}.jsonld",
        "https://uri-etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld",
    ],
)
def test_look_alikes_of_the_core_url_are_not_recognised(url):
    assert not is_core(url)


def test_core_url_itself_is_a_core_url():
    assert is_core(CORE_URL)


@pytest.mark.parametrize("term", sorted(CORE_TERMS))
def test_core_term_compacts_back_to_itself(term):
    assert CORE_CONTEXT.compact(CORE_CONTEXT.expand(term)) == term


def test_unknown_name_belongs_to_the_default_context():
    assert CORE_CONTEXT.expand("temperature") == DEFAULT_VOCAB + "temperature"
    assert CORE_CONTEXT.compact(DEFAULT_VOCAB + "temperature") == "temperature"


@pytest.mark.reference
@pytest.mark.parametrize("version", ["1.3", "1.4", "1.6", "1.7", "1.8", "1.9", "1.9-annexB"])
def test_table_means_what_the_published_context_means(version, reference_data: Path):
    path = reference_data / "ngsi-ld" / f"ngsi-ld-core-context-v{version}.jsonld"
    published = json.loads(path.read_text())["@context"]
    if "ngsildproof" in published:
        published["ngsildproof"].pop("@context")
    skipped = RENAMED_SINCE.get(version, set())
    terms = [term for term in published if term[0] != "@" and term not in skipped]
    processor = jsonld.JsonLdProcessor()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        active = processor.process_context(
            processor._get_initial_context({"processingMode": "json-ld-1.1"}),
            {"@context": published},
            {"documentLoader": None},
        )
    assert {term: CORE_TERMS.get(term) for term in terms} == {
        term: active["mappings"][term]["@id"] for term in terms
    }


@pytest.mark.reference
def test_table_has_no_term_beyond_the_published_ones(reference_data: Path):
    published = set()
    for name in ("1.9", "1.9-annexB"):
        path = reference_data / "ngsi-ld" / f"ngsi-ld-core-context-v{name}.jsonld"
        published |= json.loads(path.read_text())["@context"].keys()
    assert CORE_TERMS.keys() <= published
