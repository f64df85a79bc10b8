"""What each rule of the `q` grammar parses to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import BadRequestData
from broker.query.ast import And, Compare, Exists, Moment, Node, Not, Op, Or, Path, Range, Scalar
from broker.query.q import parse_q
from tests.broker.query.conftest import VOCAB, expand

A, B, C = Exists(Path((VOCAB + "a",))), Exists(Path((VOCAB + "b",))), Exists(Path((VOCAB + "c",)))


def parsed(text: str) -> Node:
    return parse_q(text, expand)


def compare(text: str) -> Compare:
    node = parsed(text)
    assert isinstance(node, Compare)
    return node


def path(text: str) -> Path:
    node = parsed(text)
    assert isinstance(node, Exists)
    return node.path


def operand(text: str) -> Scalar | Range:
    (only,) = compare(f"a=={text}").operands
    return only


def test_name_alone_asks_for_existence() -> None:
    assert parsed("a") == A


def test_exclamation_mark_asks_for_absence() -> None:
    assert parsed("!a") == Not(A)


def test_semicolon_binds_tighter_than_bar() -> None:
    assert parsed("a;b|c") == Or((And((A, B)), C))


def test_parentheses_group() -> None:
    assert parsed("a;(b|c)") == And((A, Or((B, C))))


def test_parentheses_nest() -> None:
    assert parsed("((a|(b;c)))") == Or((A, And((B, C))))


def test_spaces_around_tokens_mean_nothing() -> None:
    assert parsed(" ( a | b ) ; c == 1 ") == parsed("(a|b);c==1")


@pytest.mark.parametrize("op", list(Op))
def test_every_operator_is_read(op: Op) -> None:
    assert compare(f'a{op.value}"x"').op is op


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-2.5", -2.5),
        ("1e3", 1000.0),
        ("0", 0),
        ("true", True),
        ("false", False),
        ('"true"', "true"),
        ('"10"', "10"),
        ('"a;b|c(d),e..f"', "a;b|c(d),e..f"),
        (r'"say \"hi\" \u6c34\n"', 'say "hi" 水\n'),
        ("urn:ngsi-ld:River:1", "urn:ngsi-ld:River:1"),
        ("https://example.org/a?b=c&d", "https://example.org/a?b=c&d"),
        ("Male", "Male"),
        ("球磨川", "球磨川"),
        ("trueish", "trueish"),
        ("10km", "10km"),
    ],
)
def test_operand_is_read_by_its_form(text: str, value: Scalar) -> None:
    found = operand(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    "text", ["2020-07-04", "2020-07-04T06:30:00Z", "2020-07-04T06:30:00,123456Z", "06:30:00.5Z"]
)
def test_bare_time_is_a_moment(text: str) -> None:
    assert operand(text) == Moment(text)


def test_quoted_datetime_is_a_moment() -> None:
    assert operand('"2020-07-04T06:30:00Z"') == Moment("2020-07-04T06:30:00Z")


def test_quoted_date_is_a_text() -> None:
    assert operand('"2020-07-04"') == "2020-07-04"


def test_integer_beyond_64_bits_is_a_float() -> None:
    assert operand("9223372036854775808") == 9223372036854775808.0
    assert isinstance(operand("9223372036854775808"), float)


def test_list_of_values() -> None:
    assert compare('a=="x",2,true').operands == ("x", 2, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10..20", Range(10, 20)),
        ("-1.5..2", Range(-1.5, 2)),
        ('"a".."b"', Range("a", "b")),
        ("2020-01-01..2021-01-01", Range(Moment("2020-01-01"), Moment("2021-01-01"))),
        ("06:00:00Z..07:00:00Z", Range(Moment("06:00:00Z"), Moment("07:00:00Z"))),
    ],
)
def test_range(text: str, expected: Range) -> None:
    assert operand(text) == expected


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("^Eiffel", "^Eiffel"),
        ('"^Eiffel"', "^Eiffel"),
        (r'"\d+"', r"\d+"),
        (r'"say \"hi\""', 'say "hi"'),
        ("^(a|b);$", None),
        ("^(a|b;c)$", "^(a|b;c)$"),
        ("[;|)]x", "[;|)]x"),
        (r"a\|b", r"a\|b"),
    ],
)
def test_pattern_keeps_its_own_groups(text: str, pattern: str | None) -> None:
    node = parsed(f"a~={text};b") if pattern else parsed("a~=^(a|b);b")
    assert node == And((Compare(Path((VOCAB + "a",)), Op.MATCH, (pattern or "^(a|b)",)), B))


def test_pattern_ends_at_the_parenthesis_of_its_group() -> None:
    assert parsed("(a~=x(y)|b)") == Or((Compare(Path((VOCAB + "a",)), Op.MATCH, ("x(y)",)), B))


def test_dots_lead_to_sub_attributes() -> None:
    assert path("a.b.c") == Path((VOCAB + "a", VOCAB + "b", VOCAB + "c"))


@pytest.mark.parametrize(
    "member", ["observedAt", "unitCode", "datasetId", "createdAt", "valueType"]
)
def test_dotted_path_may_end_in_a_member(member: str) -> None:
    assert path(f"a.b.{member}") == Path((VOCAB + "a", VOCAB + "b"), member)


@pytest.mark.parametrize("member", ["id", "type", "scope", "createdAt", "modifiedAt"])
def test_single_name_may_be_an_entity_member(member: str) -> None:
    assert path(member) == Path((), member)


def test_brackets_enter_the_value_by_raw_keys() -> None:
    assert path('a.b[city."x.y".@none.zh-Hans]') == Path(
        (VOCAB + "a", VOCAB + "b"), None, ("city", "x.y", "@none", "zh-Hans")
    )


def test_star_stands_for_any_language() -> None:
    assert path("a[*]") == Path((VOCAB + "a",), None, ("*",))


@pytest.mark.parametrize(
    ("text", "iri"),
    [
        ("https://example.org/x.y/z#t", "https://example.org/x.y/z#t"),
        ("https%3A%2F%2Fexample.org%2Fx.y%23t", "https://example.org/x.y#t"),
        ("urn:x:tide", "urn:x:tide"),
        ("ex:depth", "ex:depth"),
    ],
)
def test_iri_is_a_name(text: str, iri: str) -> None:
    assert compare(f"{text}==1").path == Path((iri,))


def test_member_may_follow_an_iri() -> None:
    assert path("https://example.org/t.observedAt") == Path(
        ("https://example.org/t",), "observedAt"
    )


def test_type_operand_is_expanded() -> None:
    assert compare("type==River").operands == (VOCAB + "River",)


def test_operand_is_expanded_where_asked() -> None:
    node = parse_q("a==x,y;b==x", expand, expand_values=["a"])
    assert node == And(
        (
            Compare(Path((VOCAB + "a",)), Op.EQ, (VOCAB + "x", VOCAB + "y")),
            Compare(Path((VOCAB + "b",)), Op.EQ, ("x",)),
        )
    )


@given(
    st.sampled_from(["a", "a_1", "Z9", "id", "type", "createdAt", "expiresAt", "true", "e"]),
    st.sampled_from([op.value for op in Op]),
    st.from_regex(r"-?[0-9]{1,17}(\.[0-9]{1,17})?(e[0-9])?", fullmatch=True),
)
def test_a_number_compared_in_the_shortest_form_is_read_as_with_spaces(
    name: str, op: str, number: str
) -> None:
    def told(text: str) -> str:
        try:
            return repr(parsed(text))
        except BadRequestData as error:
            return error.remedy

    assert told(f"{name}{op}{number}") == told(f" {name} {op} {number} ")
