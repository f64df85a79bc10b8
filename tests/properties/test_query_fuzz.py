"""Whatever text comes as a query: an AST or a client error, and soon."""

from collections.abc import Callable
from contextlib import suppress
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import MachiError
from broker.query.geo import parse_geo
from broker.query.ids import parse_id_pattern, parse_ids
from broker.query.predicate import compile_predicate
from broker.query.q import parse_q
from broker.query.types import parse_types

_PIECES = st.sampled_from(
    [
        *("a", "b.c", "observedAt", "urn:x:1", "https://e.org/a", "水", "type", "%41", "[", "]"),
        *("(", ")", ";", "|", ",", "..", ".", "!", "==", "!=", ">", ">=", "<", "<=", "~=", "!~="),
        *('"', '"x"', "\\", "1", "-1.5e3", "true", "2020-07-04", "2020-07-04T06:30:00Z", "*"),
        *("06:30:00Z", " ", "{", "}", "^", "(?i)", "[a-z]+", "\x00", "\ud800", "near;", "[0,0]"),
    ]
)
_TEXTS = st.one_of(st.text(), st.lists(_PIECES, max_size=30).map("".join))


def _expand(term: str) -> str:
    return term if ":" in term else f"urn:n:{term}"


def _parse_coordinates(text: str) -> Any:
    return parse_geo("within", "Polygon", text, None, _expand)


def _parse_georel(text: str) -> Any:
    return parse_geo(text, "Point", "[0,0]", None, _expand)


@pytest.mark.parametrize(
    "parse",
    [
        lambda text: parse_q(text, _expand),
        lambda text: parse_types(text, _expand),
        parse_ids,
        parse_id_pattern,
        _parse_georel,
        _parse_coordinates,
    ],
    ids=["q", "type", "id", "idPattern", "georel", "coordinates"],
)
@given(text=_TEXTS)
def test_any_text_is_parsed_or_refused_as_the_clients_fault(
    parse: Callable[[str], Any], text: str
) -> None:
    error: MachiError | None = None
    try:
        compile_predicate(parse(text))
    except MachiError as caught:
        error = caught
    assert error is None or (400 <= error.status < 500 and error.detail and error.remedy)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 4096,
        "a;" * 2048,
        "a==" + '"' + "\\" * 4000,
        "a~=" + "(" * 4000,
        "a~=" + "(a*)*" * 800,
        "a~=" + "[" * 4000,
        "a==" + "1," * 2000 + "1",
        "a==" + "9" * 4000,
        "a." * 2000 + "a",
        "a[" + "k." * 2000 + "k]",
        " " * 4096,
        "%" * 4096,
        "a==" + "." * 4000,
    ],
)
def test_hostile_query_is_decided_fast(text: str) -> None:
    started = process_time()
    with suppress(MachiError):
        parse_q(text, _expand)
    assert process_time() - started < 0.5
