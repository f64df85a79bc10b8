"""What the SQL conditions must bear: odd keys, long lists, deep trees, unknown names."""

from typing import Any

import apsw
import orjson
import pytest

from broker.model.entity import DEFAULT
from broker.query.ast import And, Compare, Exists, HasType, IdIn, Node, Not, Op, Or, Path
from broker.query.predicate import compile_predicate
from broker.query.q import parse_q
from broker.query.sql import compile_sql, register_functions
from tests.broker.query.conftest import VOCAB, entity, expand, of

A = VOCAB + "a"


def selects(node: Node, found: dict[str, Any]) -> bool:
    connection = apsw.Connection(":memory:")
    register_functions(connection)
    document = {**found, "attrs": {"17": found["attrs"].get(A, {})}}
    connection.execute("CREATE TABLE entity (id, doc)")
    connection.execute("INSERT INTO entity VALUES (?, ?)", (found["id"], orjson.dumps(document)))
    condition, params = compile_sql(node, {A: 17}.get)
    statement = f"SELECT count(*) FROM entity e WHERE {condition}"
    return bool(connection.execute(statement, params).get)


@pytest.mark.parametrize(
    "key", ['"', "\\", '\\"', "a.b", "a]b", "$", "", "\x00", "\n", "é", "😀", "#-1", "0", "'"]
)
def test_any_key_enters_a_value(key: str) -> None:
    node = Compare(Path((A,), None, (key, "z")), Op.EQ, (1,))
    assert selects(node, entity(of({key: {"z": 1}})))
    assert not selects(node, entity(of({key + "x": {"z": 1}, key + "\x00": {"z": 1}})))


@pytest.mark.parametrize("dataset", ['urn:"x', "urn:\\", "urn:a.b", "urn:é"])
def test_any_dataset_is_compared(dataset: str) -> None:
    found = entity()
    found["attrs"] = {A: {dataset: of(1)}}
    assert selects(Compare(Path((A,), "datasetId"), Op.EQ, (dataset,)), found)


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\u2028", '"', "\\u0041", "😀"])
def test_any_text_equals_itself(text: str) -> None:
    node = Compare(Path((A,)), Op.EQ, (text,))
    assert selects(node, entity(of(text)))
    assert not selects(node, entity(of(text + "\x00")))


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63), 2**63, 2**64 - 1, 1e308, 5e-324, 0.1])
def test_any_number_equals_itself(number: float) -> None:
    assert selects(Compare(Path((A,)), Op.EQ, (number,)), entity(of(number)))


def test_largest_integers_stay_apart() -> None:
    node = Compare(Path((A,)), Op.EQ, (2**63 - 1,))
    assert not selects(node, entity(of(2**63 - 2)))


def test_null_exists_and_differs() -> None:
    found = entity(of({"k": None}))
    assert selects(Exists(Path((A,), None, ("k",))), found)
    assert selects(Compare(Path((A,), None, ("k",)), Op.NE, (0,)), found)


def test_name_the_tenant_never_stored_is_absent() -> None:
    unknown = Path((VOCAB + "unknown",))
    assert not selects(Exists(unknown), entity(of(1)))
    assert not selects(Compare(unknown, Op.NE, (1,)), entity(of(1)))
    assert not selects(Exists(Path((A, VOCAB + "unknown"))), entity(of(1)))
    assert selects(Not(Exists(unknown)), entity(of(1)))


def test_empty_conjunction_holds_and_empty_disjunction_does_not() -> None:
    assert selects(And(()), entity())
    assert not selects(Or(()), entity())
    assert not selects(IdIn(()), entity())


@pytest.mark.parametrize("count", [1, 100, 101, 5000])
def test_long_list_of_ids(count: int) -> None:
    ids = tuple(f"urn:x:{n}" for n in range(count))
    assert selects(IdIn((*ids, entity()["id"])), entity())
    assert not selects(IdIn(ids), entity())


def test_wide_conditions_stay_within_sqlites_depth() -> None:
    wide = Or(tuple(HasType(f"urn:t:{n}") for n in range(3000)))
    assert not selects(wide, entity())


def test_values_are_bound_and_never_spliced() -> None:
    quote = "x'\") OR 1 --"
    condition, params = compile_sql(
        Compare(Path((A,), None, (quote,)), Op.EQ, (quote,)), {A: 1}.get
    )
    assert quote not in condition
    assert quote in params


def test_sub_attribute_system_times_follow_their_owner() -> None:
    found = entity(of(1, createdAt="2021-01-01T00:00:00Z", attrs={"17": {DEFAULT: of(2)}}))
    path = Path((A, A), "modifiedAt")
    assert selects(Compare(path, Op.EQ, ("2021-01-01T00:00:00Z",)), found)


LANGUAGES = {"en": "bridge", "ja": "橋", "de": ["span", "steg"]}
VARIETY = [
    entity(),
    entity(of(5)),
    entity(of("bridge")),
    entity(of({"en": "bridge", "*": 5})),
    entity(of(LANGUAGES, "LanguageProperty")),
    entity(of({}, "LanguageProperty")),
    entity(of({"*": "bridge"}, "JsonProperty")),
    entity(of("urn:x:1", "Relationship", observedAt="2020-07-04T06:30:00Z")),
    entity(of(5), of(6, unitCode="CEL"), scope=["/town"]),
]


@pytest.mark.parametrize("found", VARIETY)
@pytest.mark.parametrize(
    "q",
    [
        "a[*]",
        'a[*]=="bridge"',
        'a[*]!="bridge"',
        'a[*]=="urn:x:1"',
        'a[*]!="urn:x:1"',
        'a=="urn:a".."urn:z"',
        'a!="urn:a".."urn:z"',
        "a[*]~=^br",
        "a[*]!~=^br",
        "a[*.x]",
        "a[en]==bridge",
        "a!=bridge",
        "a!~=zzz",
        "a==5,bridge",
        "a.datasetId",
        "a.datasetId!=urn:ds:2",
        "a.datasetId[x]",
        "a.createdAt[x]",
        "a.unitCode[x]!=1",
        "a.modifiedAt!~=x",
        "type[x]",
        "scope==/town",
        "!scope",
        "id~=Bridge",
    ],
)
def test_sql_agrees_with_the_predicate(q: str, found: dict[str, Any]) -> None:
    node = parse_q(q, expand)
    assert selects(node, found) == compile_predicate(node)(found)
