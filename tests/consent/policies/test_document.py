"""How policies are read, and refused."""

from typing import Any

import pytest

from broker.guard import Action
from broker.query.ast import Geo, ScopeMatches
from consent.identity.model import Client
from consent.policies.document import PolicyError, rules_of

OPEN = {
    "id": "urn:ngsi-ld:DataUsePolicy:open",
    "type": "DataUsePolicy",
    "status": "active",
    "policyKind": "publicOpen",
    "odrl": {"@type": "Set", "permission": [{"action": ["read"]}]},
    "target": {"types": ["Gauge"]},
}
NOW = "2026-11-26T00:00:00.000000Z"


def iri(name: str) -> str:
    """Expand a name."""
    return f"urn:i:{name}"


def policy(**members: Any) -> dict[str, Any]:
    """Return the open policy with other members."""
    return {**OPEN, **members}


def test_open_policy_permits_anybody_to_read_its_types():
    (rule,) = rules_of(OPEN, iri)
    assert rule.permits
    assert rule.actions == {Action.READ}
    assert rule.types == frozenset({"urn:i:Gauge"})
    assert rule.applies(None, None, "", NOW)


@pytest.mark.parametrize("status", ["draft", "retired"])
def test_policy_that_is_not_active_has_no_rules(status: str):
    assert rules_of(policy(status=status), iri) == []


COUNTED: list[dict[str, Any]] = [
    {"op": "count", "attribute": "place"},
    {"op": "count", "attribute": "seen", "param": 3600},
]


def test_people_are_counted_by_an_attribute_and_by_a_time():
    told = policy(policyKind="aggregateOnly", purposes=["urn:p:1"], transform=COUNTED)
    (rule,) = rules_of(told, iri)
    assert rule.kind == "aggregateOnly"
    assert [how.attribute for how in rule.transform] == ["urn:i:place", "urn:i:seen"]


@pytest.mark.parametrize(
    ("place", "more"),
    [
        ("/transform", {"transform": COUNTED[:1]}),
        ("/transform", {"transform": [COUNTED[0], {**COUNTED[1], "param": 60}]}),
        ("/transform/0/op", {"transform": [{"op": "drop", "attribute": "place"}, COUNTED[1]]}),
        ("/minimumGroupSize", {"minimumGroupSize": 4}),
        ("", {"purposes": None}),
    ],
)
def test_policy_of_counts_that_lets_too_much_be_told_is_refused(place: str, more: dict):
    told = policy(policyKind="aggregateOnly", purposes=["urn:p:1"], transform=COUNTED)
    told = {name: one for name, one in {**told, **more}.items() if one is not None}
    with pytest.raises(PolicyError) as refused:
        rules_of(told, iri)
    assert refused.value.place == place


def test_nothing_is_shown_by_a_count_elsewhere():
    with pytest.raises(PolicyError, match="count"):
        rules_of(policy(transform=COUNTED), iri)


def test_permission_by_consent_is_to_types_and_purposes():
    told = policy(policyKind="consentBound", assignee=["role:staff"])
    with pytest.raises(PolicyError, match="types and purposes"):
        rules_of(told, iri)
    (rule,) = rules_of({**told, "purposes": ["urn:p:1"]}, iri)
    assert rule.kind == "consentBound"


def test_prohibition_counts_whatever_the_kind():
    odrl = {"@type": "Set", "prohibition": [{"action": "read"}]}
    (rule,) = rules_of(policy(policyKind="consentBound", assignee=["role:app"], odrl=odrl), iri)
    assert not rule.permits


@pytest.mark.parametrize(
    ("assignee", "client", "applies"),
    [
        ("role:staff", Client("a", frozenset({"staff"})), True),
        ("role:staff", Client("a", frozenset({"staff:river"})), True),
        ("role:staff:river", Client("a", frozenset({"staff:river"})), True),
        ("role:staff:river", Client("a", frozenset({"staff:roads"})), False),
        ("role:staff:river", Client("a", frozenset({"staff"})), False),
        ("client:portal", Client("portal"), True),
        ("client:portal", Client("a", frozenset({"portal"})), False),
        ("role:staff", None, False),
    ],
)
def test_rule_is_about_the_clients_and_roles_it_names(
    assignee: str, client: Client | None, applies: bool
):
    (rule,) = rules_of(policy(policyKind="internal", assignee=[assignee]), iri)
    assert rule.applies(client, None, "", NOW) is applies


def test_rule_for_a_purpose_is_for_no_other():
    (rule,) = rules_of(policy(purposes=["urn:p:1"]), iri)
    assert [rule.applies(None, purpose, "", NOW) for purpose in ("urn:p:1", "urn:p:2", None)] == [
        True,
        False,
        False,
    ]


def test_rule_for_a_tenant_is_for_no_other():
    (rule,) = rules_of(policy(target={"tenants": ["drill"]}), iri)
    assert (rule.applies(None, None, "drill", NOW), rule.applies(None, None, "", NOW)) == (
        True,
        False,
    )


def test_rule_holds_from_its_first_moment_and_no_longer_at_its_last():
    since = {"leftOperand": "dateTime", "operator": "gteq", "rightOperand": "2026-04-01T00:00:00Z"}
    until = {"leftOperand": "dateTime", "operator": "lt", "rightOperand": "2026-05-01T00:00:00Z"}
    odrl = {"permission": [{"action": "read", "constraint": [since, until]}]}
    (rule,) = rules_of(policy(odrl=odrl), iri)
    moments = ["2026-03-31T23:59:59.999999Z", "2026-04-01T00:00:00.000000Z"]
    moments += ["2026-04-30T23:59:59.999999Z", "2026-05-01T00:00:00.000000Z"]
    assert [rule.applies(None, None, "", at) for at in moments] == [False, True, True, False]


def test_scope_and_area_are_conditions_on_the_entity():
    square = [[[130, 32], [131, 32], [131, 33], [130, 33], [130, 32]]]
    target = {"scope": "/Kuma/#", "area": {"type": "Polygon", "coordinates": square}}
    (rule,) = rules_of(policy(target=target), iri)
    kinds = [type(node) for node in getattr(rule.where, "nodes", ())]
    assert kinds == [ScopeMatches, Geo]


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"status": "on"}, "/status"),
        ({"policyKind": "secret"}, "/policyKind"),
        ({"policyKind": "internal"}, "/assignee"),
        ({"assignee": ["role:king"]}, "/assignee"),
        ({"assignee": ["staff"]}, "/assignee"),
        ({"assignee": []}, "/assignee"),
        ({"surprise": 1}, "/surprise"),
        ({"target": []}, "/target"),
        ({"target": {"typ": ["Gauge"]}}, "/target/typ"),
        ({"target": {"types": "Gauge"}}, "/target/types"),
        ({"target": {"types": []}}, "/target/types"),
        ({"target": {"scope": "??"}}, "/target/scope"),
        ({"target": {"area": {"type": "Polygon", "coordinates": [1]}}}, "/target/area"),
        ({"odrl": None}, "/odrl"),
        ({"odrl": {"duty": []}}, "/odrl/duty"),
        ({"odrl": {"permission": [{"action": "fly"}]}}, "/odrl/permission/0/action/0"),
        ({"odrl": {"permission": [{"action": []}]}}, "/odrl/permission/0/action"),
        ({"odrl": {"permission": [{"action": "read", "duty": []}]}}, "/odrl/permission/0/duty"),
        (
            {
                "odrl": {
                    "permission": [{"action": "read", "constraint": [{"leftOperand": "count"}]}]
                }
            },
            "/odrl/permission/0/constraint/0/leftOperand",
        ),
    ],
)
def test_what_the_profile_does_not_know_is_refused_with_its_place(
    members: dict[str, Any], place: str
):
    with pytest.raises(PolicyError, match=f"open, {place}"):
        rules_of(policy(**members), iri)


@pytest.mark.parametrize("document", [None, [], {"type": "Gauge"}, {**OPEN, "id": 5}])
def test_what_is_no_policy_is_refused(document: Any):
    with pytest.raises(PolicyError):
        rules_of(document, iri)
