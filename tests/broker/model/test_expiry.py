"""When parts of an entity expire, and what is left then (§4.22)."""

from typing import Any

import pytest

from broker.model.expiry import first_expiry, without_expired

NOON = "2026-07-04T12:00:00.000000Z"
EARLY, LATE = "2026-07-04T11:59:59.5Z", "2026-07-04T12:00:00,000001Z"


def prop(value: Any = 1, **members: Any) -> dict[str, Any]:
    return {"type": "Property", "value": value, **members}


def entity(attrs: dict[str, Any], **members: Any) -> dict[str, Any]:
    times = {
        "createdAt": "2026-01-01T00:00:00.000000Z",
        "modifiedAt": "2026-01-01T00:00:00.000000Z",
    }
    return {"id": "urn:a", "type": ["urn:T"], **times, **members, "attrs": attrs}


def test_nothing_expires_without_expires_at() -> None:
    lasting = entity({"urn:p": {"@none": prop(attrs={"urn:s": {"@none": prop()}})}})
    assert first_expiry(lasting) is None
    assert without_expired(lasting, NOON) is lasting


@pytest.mark.parametrize(
    "part",
    [
        entity({}, expiresAt=EARLY),
        entity({"urn:p": {"@none": prop(), "urn:d": prop(expiresAt=EARLY)}}, expiresAt=LATE),
        entity({"urn:p": {"@none": prop(attrs={"urn:s": {"@none": prop(expiresAt=EARLY)}})}}),
    ],
    ids=["entity", "instance", "sub-attribute"],
)
def test_the_earliest_time_of_any_part_is_found(part: dict[str, Any]) -> None:
    assert first_expiry(part) == "2026-07-04T11:59:59.500000Z"


@pytest.mark.parametrize(("at", "left"), [(EARLY, False), (NOON, False), (LATE, True)])
def test_an_entity_is_gone_from_the_moment_it_expires(at: str, left: bool) -> None:
    assert (without_expired(entity({}, expiresAt=at), NOON) is not None) is left


def test_instances_expire_each_on_its_own_and_the_attribute_with_the_last() -> None:
    before = entity(
        {
            "urn:p": {"@none": prop(1), "urn:d": prop(2, expiresAt=EARLY)},
            "urn:q": {"@none": prop(3, expiresAt=EARLY)},
            "urn:r": {"@none": prop(4, expiresAt=LATE)},
        }
    )
    after = without_expired(before, NOON)
    assert after is not None
    assert after["attrs"] == {
        "urn:p": {"@none": prop(1)},
        "urn:r": {"@none": prop(4, expiresAt=LATE)},
    }
    assert after["modifiedAt"] == NOON
    assert before["attrs"]["urn:p"].keys() == {"@none", "urn:d"}


def test_an_instance_that_loses_a_sub_attribute_was_modified_then() -> None:
    subs = {"urn:s": {"@none": prop(expiresAt=EARLY)}}
    after = without_expired(entity({"urn:p": {"@none": prop(attrs=subs)}}), NOON)
    assert after is not None
    assert after["attrs"] == {"urn:p": {"@none": prop(modifiedAt=NOON)}}
