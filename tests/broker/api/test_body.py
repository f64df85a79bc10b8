"""How deep a body may be, whatever its strings look like."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from broker.api.body import parse_json
from broker.errors import BadRequestData

DEEPEST = 100
LONG = "x" * 20_000

hostile = st.text(alphabet='[]{}"\\ x', max_size=4)
beside = st.recursive(
    hostile | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile, inner, max_size=3),
    max_leaves=6,
)
levels = st.lists(st.tuples(st.booleans(), hostile, beside), min_size=95, max_size=105)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def nested(levels: list[tuple[bool, str, Any]]) -> Any:
    """Return a value within one container after another, beside something in each."""
    value: Any = 1
    for mapping, key, other in levels:
        value = {key: other, "in": value} if mapping else [other, value]
    return value


HIDING = [(False, "", "]")] * 101
KEYS = [(True, "}", "}")] * 101


@example(HIDING, orjson.dumps)
@example(HIDING[1:], orjson.dumps)
@example(KEYS, orjson.dumps)
@example([(False, "", '"]')] * 101, orjson.dumps)
@example([(False, "", "]\\")] * 101, orjson.dumps)
@example([(False, "", ["]", "["])] * 101, orjson.dumps)
@given(levels, st.sampled_from([orjson.dumps, lambda value: json.dumps(value).encode()]))
def test_a_long_body_is_refused_where_it_is_too_deep(
    levels: list[tuple[bool, str, Any]], dumps: Any
) -> None:
    value = nested([(False, "", LONG), *levels])
    raw = dumps(value)
    if depth(value) > DEEPEST:
        with pytest.raises(BadRequestData):
            parse_json(raw)
    else:
        assert parse_json(raw) == value


@given(beside)
def test_a_long_body_that_is_flat_is_taken_whatever_it_holds(value: Any) -> None:
    assert parse_json(orjson.dumps([LONG, value])) == [LONG, value]
