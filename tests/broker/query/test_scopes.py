"""The scope query (§4.19)."""

import pytest

from broker.errors import BadRequestData, TooComplexQuery
from broker.query.predicate import compile_predicate
from broker.query.scopes import parse_scope_query


def holds(query: str, *scopes: str) -> bool:
    entity = {"id": "urn:a", "type": ["t"], "scope": list(scopes), "attrs": {}}
    if not scopes:
        del entity["scope"]
    return compile_predicate(parse_scope_query(query))(entity)


@pytest.mark.parametrize(
    ("query", "scopes"),
    [
        ("/a", ["/a"]),
        ("/a", ["a"]),
        ("a", ["/a"]),
        ("/a/b", ["/x", "/a/b"]),
        ("/a/#", ["/a"]),
        ("/a/#", ["/a/b/c"]),
        ("/+/b", ["/a/b"]),
        ("/a/+/#", ["/a/b/c"]),
        ("/#", ["/anything"]),
        ("/a,/b", ["/b"]),
        ("/a|/b", ["/a"]),
        ("(/a;/b)", ["/b", "/a"]),
        ("(/a;/b)|/c", ["/c"]),
        ("/a;/b", ["/b", "/a"]),
        ("/c|/a;/b", ["/c"]),
        ("/人吉/#", ["/人吉/北"]),
    ],
)
def test_a_scope_is_found(query: str, scopes: list[str]) -> None:
    assert holds(query, *scopes)


@pytest.mark.parametrize(
    ("query", "scopes"),
    [
        ("/a", ["/a/b"]),
        ("/a", ["/A"]),
        ("/a", ["/ab"]),
        ("/a/#", ["/ab"]),
        ("/a/#", ["/b/a"]),
        ("/a/+", ["/a"]),
        ("/a/+", ["/a/b/c"]),
        ("/#", []),
        ("(/a;/b)", ["/a"]),
        ("/a;/b", ["/a"]),
        ("/a,/b", ["/c"]),
    ],
)
def test_another_scope_is_not(query: str, scopes: list[str]) -> None:
    assert not holds(query, *scopes)


@pytest.mark.parametrize(
    "query", ["", "/", "//a", "/a//b", "/a/", "/a,", "(/a", "(/a;)", "#", "/a/#/b", "/1"]
)
def test_what_is_no_scope_query_is_refused_at_its_place(query: str) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_scope_query(query, place="body:/scopeQ")
    assert caught.value.place == "body:/scopeQ"


def test_a_query_may_name_a_hundred_scopes() -> None:
    parse_scope_query(",".join(["/a"] * 100))
    with pytest.raises(TooComplexQuery):
        parse_scope_query(",".join(["/a"] * 101))
