"""Edits by callers who do not see everything leave the rest as it is."""

from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from broker.entities.hidden import restored
from broker.model.entity import Entity
from tests.support.strategies import entities


def entity(**attrs: Any) -> Entity:
    """Return a stored entity: attribute → value, or → {dataset: instance}."""
    time = "2026-01-01T00:00:00.000000Z"
    return {
        "id": "urn:x:1",
        "type": ["urn:t"],
        "createdAt": time,
        "modifiedAt": time,
        "attrs": {
            name: value if isinstance(value, dict) else {"@none": of(value)}
            for name, value in attrs.items()
        },
    }


def of(value: Any, **members: Any) -> dict[str, Any]:
    """Return a Property instance."""
    return {"type": "Property", "value": value, **members}


def test_a_hidden_attribute_is_put_back() -> None:
    result = restored(entity(a=1, secret=2), entity(a=1), entity(a=5))
    assert result == entity(a=5, secret=2)


def test_a_hidden_instance_and_sub_attribute_are_put_back() -> None:
    secret = {"urn:secret": {"@none": of(7)}}
    stored = entity(a={"@none": of(1, attrs=secret), "urn:d": of(2)})
    result = restored(stored, entity(a=1), entity(a=5))
    assert result == entity(a={"@none": of(5, attrs=secret), "urn:d": of(2)})


def test_a_coarsened_value_is_not_written_back() -> None:
    exact, coarse = entity(place=[130.757, 32.213], a=1), entity(place=[130.8, 32.2], a=1)
    edited = deepcopy(coarse)
    edited["attrs"]["a"]["@none"]["value"] = 2
    assert restored(exact, coarse, edited) == entity(place=[130.757, 32.213], a=2)


def test_a_value_that_was_written_counts_though_it_was_coarsened() -> None:
    result = restored(entity(place=[1.23]), entity(place=[1]), entity(place=[9]))
    assert result == entity(place=[9])


def test_hidden_types_and_scopes_stay() -> None:
    stored = {**entity(), "type": ["urn:t", "urn:secret"], "scope": ["/a", "/secret"]}
    seen = {**entity(), "scope": ["/a"]}
    edited = {**entity(), "type": ["urn:t", "urn:u"], "scope": ["/b"]}
    result = restored(stored, seen, edited)
    assert result["type"] == ["urn:t", "urn:u", "urn:secret"]
    assert result["scope"] == ["/b", "/secret"]


def test_a_name_that_is_hidden_and_written_shows_in_the_result() -> None:
    result = restored(entity(secret=1), entity(), entity(secret=2))
    assert result == entity(secret=2)


@given(stored=entities(), data=st.data())
def test_looking_changes_nothing(stored: Entity, data: st.DataObject) -> None:
    hidden = data.draw(st.sets(st.sampled_from([*stored["attrs"], "none"])))
    seen = {
        **stored,
        "attrs": {name: one for name, one in stored["attrs"].items() if name not in hidden},
    }
    assert restored(stored, seen, seen) == stored


@given(stored=entities(), edited=entities(), data=st.data())
def test_what_is_seen_afterwards_is_what_was_written(
    stored: Entity, edited: Entity, data: st.DataObject
) -> None:
    hidden = data.draw(st.sets(st.sampled_from([*stored["attrs"], "none"])))
    written = {n: one for n, one in edited["attrs"].items() if n not in hidden}
    seen = {
        **stored, "attrs": {n: one for n, one in stored["attrs"].items() if n not in hidden},
    }  # fmt: skip
    result = restored(stored, seen, {**edited, "attrs": written})
    shown = {name: one for name, one in result["attrs"].items() if name not in hidden}
    assert shown == written
    kept = {name: one for name, one in result["attrs"].items() if name in hidden}
    assert kept == {name: one for name, one in stored["attrs"].items() if name in hidden}
