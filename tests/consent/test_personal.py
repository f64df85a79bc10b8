"""Data of a person are shown to whom the person agreed, for the purpose they agreed to."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from broker.settings import Settings
from broker.store.memory import MemoryStore
from consent.identity.model import Client as Known
from consent.records.model import HOLDER, NS
from tests.support.asgi import Ticking
from tests.support.persons import (
    ENTITIES,
    FEW,
    PIA,
    POLICIES,
    RESCUE,
    RSSI,
    SHOPS,
    TAG,
    WRITES,
    Town,
    attributes,
    holder,
    policy,
    town,
)


@pytest.fixture
async def open_town(tmp_path: Path) -> AsyncIterator[Town]:
    """Give a town with active purposes, and one detection of Hana (1) and of Taro (2)."""
    async with town(MemoryStore(clock=Ticking()), tmp_path) as made:
        await made.open_up()
        await made.make(made.detection(1, "hana"), "tags")
        await made.make(made.detection(2, "taro"), "tags")
        yield made


async def test_without_consent_only_the_service_and_the_person_see_data(open_town: Town):
    for key in ("", "app", "office", "admin", "rescue"):
        assert await open_town.found(key) == []
    assert await open_town.found("tags") == ["1", "2"]
    assert await open_town.found("account:hana") == ["1"]


async def test_consent_opens_what_the_person_agreed_to(open_town: Town):
    await open_town.make(open_town.consent("hana"), "account:hana")
    assert await open_town.found("rescue", RESCUE) == ["1"]
    assert await open_town.found("office") == []


async def test_consent_to_one_purpose_permits_no_other(open_town: Town):
    await open_town.make(open_town.consent("hana", SHOPS), "account:hana")
    assert await open_town.found("shops", SHOPS) == ["1"]
    assert await open_town.found("shops", RESCUE) == []
    assert await open_town.found("shops") == []


async def test_consent_is_to_its_recipients(open_town: Town):
    await open_town.make(open_town.consent("hana"), "account:hana")
    assert await open_town.found("shops", RESCUE) == []


async def test_withdrawal_counts_from_its_answer_on(open_town: Town):
    await open_town.make(open_town.consent("hana"), "account:hana")
    assert await open_town.found("rescue", RESCUE) == ["1"]
    assert (await open_town.withdraw("hana")).status == 204
    assert await open_town.found("rescue", RESCUE) == []


async def test_refused_and_expired_consents_permit_nothing(open_town: Town):
    await open_town.make(open_town.consent("hana", state="refused"), "account:hana")
    ending = open_town.consent("taro", validUntil=open_town.now(hours=1))
    await open_town.make(ending, "account:taro")
    assert await open_town.found("rescue", RESCUE) == ["2"]
    open_town.clock.advance(hours=2)
    assert await open_town.found("rescue", RESCUE) == []


async def test_purpose_whose_assessment_ran_out_permits_nothing(open_town: Town):
    await open_town.make(open_town.consent("hana"), "account:hana")
    open_town.clock.advance(days=301)
    assert await open_town.found("rescue", RESCUE) == []


async def test_suspended_purpose_permits_nothing(open_town: Town):
    await open_town.make(open_town.consent("hana"), "account:hana")
    path = f"{ENTITIES}/{RESCUE}/attrs"
    assert (await open_town.ask("PATCH", path, "admin", {"status": "suspended"})).status == 204
    assert await open_town.found("rescue", RESCUE) == []


async def test_consent_shows_only_the_attributes_it_names(open_town: Town):
    named = [{"category": "strength", "attributes": [RSSI]}]
    await open_town.make(open_town.purpose(FEW, dataCategories=named))
    await open_town.make(open_town.consent("hana", FEW), "account:hana")
    path = f"{ENTITIES}/urn:ngsi-ld:TagDetection:1"
    answer = await open_town.ask("GET", path, "rescue", machi_purpose=FEW)
    assert answer.json().keys() == {"id", "type", HOLDER, RSSI}


async def test_entity_of_a_personal_type_is_about_one_person(open_town: Town):
    body = open_town.detection(3, "hana", refHolder=[holder("hana"), holder("taro")])
    body[NS + "refHolder"] = {"type": "Relationship", "object": [holder("hana"), holder("taro")]}
    answer = await open_town.make(body, "tags", 400)
    assert answer.problem["place"] == "entity:/refHolder"
    mixed = {**open_town.detection(3, "hana"), "type": [TAG, NS + "RiverLevelStation"]}
    assert (await open_town.make(mixed, "tags", 400)).problem["place"] == "entity:/type"


# The log


async def test_person_sees_who_read_what_for_which_purpose(open_town: Town):
    consent = open_town.consent("hana")
    await open_town.make(consent, "account:hana")
    await open_town.found("rescue", RESCUE)
    await open_town.found("account:hana")
    (told,) = await open_town.log.of("", holder("hana"))
    expected = {"actor": "rescue", "purpose": RESCUE, "action": "read", "basis": consent["id"]}
    assert expected.items() <= told.items()
    assert told["target"] == "urn:ngsi-ld:TagDetection:1"


@pytest.mark.parametrize(("condition", "status"), [("<0", 200), (">0", 412)])
async def test_condition_that_a_transaction_checks_is_in_the_log_whether_it_holds_or_not(
    open_town: Town, condition: str, status: int
):
    await open_town.make(open_town.consent("hana"), "account:hana")
    check = {"op": "check", "id": "urn:ngsi-ld:TagDetection:1", "q": RSSI + condition}
    path, body = "/ngsi-ld/ex/v1/transactions", {"operations": [check]}
    answer = await open_town.ask("POST", path, "rescue", body, machi_purpose=RESCUE)
    assert answer.status == status
    assert not open_town.log.pending
    (told,) = await open_town.log.of("", holder("hana"))
    assert (told["actor"], told["action"], told["purpose"]) == ("rescue", "read", RESCUE)


async def test_emergency_override_ends_by_itself_and_is_in_the_persons_log(open_town: Town):
    told = attributes(
        openedBy="officer",
        reason="A missing person is searched for.",
        targetTypes=[TAG],
        beginsAt=open_town.now(),
        endsAt=open_town.now(hours=2),
    )
    override = {"id": "urn:x:override", "type": NS + "EmergencyOverride", **told}
    assert await open_town.found("account:officer") == []
    await open_town.make(override, "account:officer")
    assert await open_town.found("account:officer") == ["1", "2"]
    assert await open_town.found("account:board") == []
    (entry,) = await open_town.log.of("", holder("hana"))
    assert entry["action"] == "override"
    assert entry["reason"] == "A missing person is searched for."
    open_town.clock.advance(hours=2)
    assert await open_town.found("account:officer") == []


async def test_guardian_acts_for_a_minor_until_majority(open_town: Town):
    majority = open_town.now(days=10)
    bond = {
        "id": "urn:x:bond",
        "type": NS + "Guardianship",
        **attributes(refGuardian=holder("mother"), refHolder=holder("taro"), majorityAt=majority),
    }
    given = open_town.consent("taro", refGuardian=holder("mother"), majorityAt=majority)
    await open_town.make(given, "account:mother", 403)
    await open_town.make(bond, "account:officer")
    await open_town.make(given, "account:mother")
    assert await open_town.found("account:mother") == ["2"]
    assert await open_town.found("rescue", RESCUE) == ["2"]
    open_town.clock.advance(days=11)
    assert await open_town.found("rescue", RESCUE) == []
    assert await open_town.found("account:mother") == []


async def test_who_has_come_of_age_takes_back_what_a_guardian_agreed_to(open_town: Town):
    majority = open_town.now(days=10)
    made = {"refGuardian": holder("mother"), "majorityAt": majority}
    await open_town.make(bond(refHolder=holder("taro"), **made), "account:officer")
    await open_town.make(open_town.consent("taro", **made), "account:mother")
    assert (await open_town.withdraw("taro")).status == 403
    open_town.clock.advance(days=11)
    assert (await open_town.withdraw("taro", key="account:mother")).status == 403
    assert (await open_town.withdraw("taro")).status == 204


async def test_recipients_are_told_of_what_was_agreed_to_and_not_of_what_was_refused(
    open_town: Town,
):
    await open_town.make(open_town.consent("hana"), "account:hana")
    await open_town.make(open_town.consent("taro", state="refused"), "account:taro")
    path = f"{ENTITIES}?type={(NS + 'ConsentRecord').replace('#', '%23')}&pick=id"
    told = (await open_town.ask("GET", path, "rescue")).json()
    assert [one["id"] for one in told] == ["urn:ngsi-ld:ConsentRecord:hana-rescue"]
    await open_town.withdraw("hana")
    assert len((await open_town.ask("GET", path, "rescue")).json()) == 1


def bond(**told: str) -> dict[str, Any]:
    """Return a guardianship."""
    return {"id": "urn:x:bond", "type": NS + "Guardianship", **attributes(**told)}


# What is refused at the write


async def test_officers_make_themselves_nobodys_guardian_and_nobody_a_minor_for_good(
    open_town: Town,
):
    soon, late = open_town.now(days=10), open_town.now(days=19 * 365)
    hana = {"refHolder": holder("hana"), "majorityAt": soon}
    await open_town.make(bond(**hana, refGuardian=holder("officer")), "account:officer", 403)
    await open_town.make(bond(**hana, refGuardian=holder("hana")), "account:officer", 403)
    ended = {**hana, "majorityAt": late, "refGuardian": holder("mother")}
    await open_town.make(bond(**ended), "account:officer", 400)
    await open_town.make(bond(**hana, refGuardian=holder("mother")), "account:officer")
    path = f"{ENTITIES}/urn:x:bond/attrs"
    for told in ({"majorityAt": open_town.now(days=20)}, {"refHolder": holder("taro")}):
        answer = await open_town.ask("POST", path, "account:officer", attributes(**told))
        assert answer.status == 409, told
    assert await open_town.found("account:officer") == []


async def test_administrator_who_is_signed_in_decides_for_no_person_and_no_board(open_town: Town):
    open_town.clients.put(
        Known("account:head", frozenset({"administrator"}), user="head"),
    )
    consent = open_town.consent("hana")
    assessment = open_town.assessment("approved") | {"id": "urn:x:pia"}
    for decision in (consent, assessment):
        await open_town.make(decision, "account:head", 403)
        path = f"{ENTITIES}/{decision['id']}"
        assert (await open_town.ask("GET", path, "account:head")).status == 404


@pytest.mark.parametrize("attribute", [None, "validUntil"])
async def test_what_is_decided_by_does_not_go_by_itself(open_town: Town, attribute: str | None):
    consent = open_town.consent("hana")
    part = consent if attribute is None else consent[NS + attribute]
    part["expiresAt"] = open_town.now(hours=1)
    answer = await open_town.make(consent, "account:hana", 400)
    assert answer.problem["place"] == "entity:/expiresAt"
    del part["expiresAt"]
    await open_town.make(consent, "account:hana")
    later = {"expiresAt": open_town.now(hours=1)}
    path = f"{ENTITIES}/{consent['id']}"
    assert (await open_town.ask("PATCH", path, "account:hana", later)).status == 400


async def test_times_of_a_consent_are_told_as_it_is_given_and_taken_back(open_town: Town):
    done = attributes(effectDoneAt=open_town.now())
    await open_town.make({**open_town.consent("hana"), **done}, "account:hana", 409)
    await open_town.make(open_town.consent("hana"), "account:hana")
    path = f"{ENTITIES}/urn:ngsi-ld:ConsentRecord:hana-rescue/attrs"
    earlier = attributes(givenAt="2020-01-01T00:00:00Z")
    ended = attributes(withdrawnAt=open_town.now())
    for told in (done, earlier, ended):
        assert (await open_town.ask("POST", path, "account:hana", told)).status == 409
    assert (await open_town.withdraw("hana")).status == 204
    for told in (done, earlier, attributes(withdrawnAt="2020-01-01T00:00:00Z")):
        assert (await open_town.ask("POST", path, "account:hana", told)).status == 409


async def test_what_is_decided_by_is_told_once_and_about_a_known_purpose(open_town: Town):
    consent = open_town.consent("taro", state="refused")
    mine, other = ({"type": "Relationship", "object": holder(name)} for name in ("taro", "hana"))
    both = {**consent, NS + "refPrincipal": [mine, {**other, "datasetId": "urn:x:1"}]}
    answer = await open_town.make(both, "account:taro", 400)
    assert answer.problem["place"] == "entity:/refPrincipal"
    unknown = {**consent, **attributes(refPurpose="urn:ngsi-ld:DataPurpose:none")}
    headers = {"ngsild_tenant": "elsewhere"}
    for body, told in ((unknown, {}), (consent, headers)):
        answer = await open_town.ask("POST", ENTITIES, "account:taro", body, **told)
        assert (answer.status, answer.problem["place"]) == (409, "entity:/refPurpose")


async def test_purpose_is_not_activated_without_an_approved_assessment(tmp_path: Path):
    async with town(MemoryStore(clock=Ticking()), tmp_path) as made:
        await made.make(made.purpose(), status=409)
        await made.make(made.assessment())
        assert (await made.make(made.purpose(), status=409)).problem["place"] == "entity:/refPia"
        await made.make(made.purpose(status="draft"))
        answer = await made.ask("PATCH", f"{ENTITIES}/{RESCUE}/attrs", "app", {"status": "active"})
        assert answer.status == 409


async def test_only_the_board_makes_a_purpose_active_or_changes_one_that_is(open_town: Town):
    fresh = open_town.purpose(FEW, recipients=["client:rescue"])
    await open_town.make(fresh, "office", 403)
    await open_town.make({**fresh, "status": "draft"}, "office")
    path = f"{ENTITIES}/{FEW}/attrs"
    for status, key, answered in (
        ("active", "office", 403),
        ("active", "account:board", 204),
        ("suspended", "office", 204),
        ("active", "office", 403),
    ):
        assert (await open_town.ask("PATCH", path, key, {"status": status})).status == answered
    other = attributes(refPia="urn:x:other-assessment", version="2")
    rescue = f"{ENTITIES}/{RESCUE}/attrs"
    assert (await open_town.ask("POST", rescue, "office", other)).status == 409
    named = attributes(recipients=["client:shops"], version="2")
    assert (await open_town.ask("POST", rescue, "office", named)).status == 403


async def test_only_the_board_approves_an_assessment(tmp_path: Path):
    async with town(MemoryStore(clock=Ticking()), tmp_path) as made:
        await made.make(made.assessment("approved"), "account:officer", 403)
        await made.make(made.assessment("approved", sections=[]), "account:board", 400)
        await made.make(made.assessment("approved", validUntil=made.now(days=400)),
                        "account:board", 400)  # fmt: skip
        await made.make(made.assessment("approved"), "account:board")
        assert made.guard.register.of("").assessments[PIA].status == "approved"


async def test_consent_is_the_persons_own(open_town: Town):
    for caller in ("account:taro", "office"):
        assert (await open_town.make(open_town.consent("hana"), caller, 403)).status == 403


async def test_nobody_decides_for_a_person_even_where_anybody_may_write(tmp_path: Path):
    free = [*POLICIES, policy("free", "publicOpen", {}, actions=WRITES)]
    async with town(MemoryStore(clock=Ticking()), tmp_path, free) as made:
        await made.open_up()
        for decision in (made.consent("hana"), made.assessment("approved") | {"id": "urn:x:pia"}):
            assert (await made.make(decision, "", 403)).status == 403


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"noticeDigest": "0" * 64}, 409),
        ({"recipients": ["client:shops"]}, 409),
        ({"withdrawalEffect": "stopAndErase"}, 409),
        ({"givenAt": "2020-01-01T00:00:00Z"}, 400),
        ({"validUntil": "2099-01-01T00:00:00Z"}, 400),
        ({"refPurpose": "urn:ngsi-ld:DataPurpose:none"}, 409),
    ],
)
async def test_consent_is_to_what_was_shown(open_town: Town, told: dict, status: int):
    consent = open_town.consent("hana", **told)
    assert (await open_town.make(consent, "account:hana", status)).status == status


async def test_consent_stays_as_it_was_given(open_town: Town):
    given = open_town.consent("hana")
    await open_town.make(given, "account:hana")
    path = f"{ENTITIES}/{given['id']}"
    wider = attributes(retention="P9Y")
    assert (await open_town.ask("POST", f"{path}/attrs", "account:hana", wider)).status == 409
    assert (await open_town.ask("DELETE", path, "account:hana")).status == 403
    await open_town.withdraw("hana")
    again = attributes(state="given")
    assert (await open_town.ask("POST", f"{path}/attrs", "account:hana", again)).status == 409


async def test_way_of_a_query_is_told_without_those_whom_the_administrator_does_not_see(
    open_town: Town,
):
    path = f"/ngsi-ld/ex/v1/explain/query?type={TAG.replace('#', '%23')}&count=true"
    plan = (await open_town.ask("GET", path, "admin")).json()["plan"]
    assert (plan["found"], plan["total"]) == (0, 0)


@pytest.mark.parametrize(
    ("mode", "about"),
    [
        ("redirect", {"entities": [{"type": TAG}]}),
        (
            "exclusive",
            {
                "entities": [{"type": TAG, "id": "urn:ngsi-ld:TagDetection:1"}],
                "propertyNames": [RSSI],
            },
        ),
    ],
)
async def test_no_conflict_tells_an_administrator_of_an_entity_they_do_not_see(
    tmp_path: Path, mode: str, about: dict[str, Any]
):
    options = Settings(allow_egress=("127.0.0.0/8",))
    async with town(MemoryStore(clock=Ticking()), tmp_path, settings=options) as made:
        await made.make(made.detection(1, "hana"), "tags")
        body = {
            "type": "ContextSourceRegistration",
            "information": [about],
            "endpoint": "http://127.0.0.1:9",
            "mode": mode,
        }
        path = "/ngsi-ld/v1/csourceRegistrations"
        answer = await made.ask("POST", path, "admin", body)
        assert answer.status == 201, answer.body


FIGURES = "&format=aggregatedValues&aggrMethods=max&aggrPeriodDuration=PT0S"


@pytest.mark.parametrize("form", ["", FIGURES])
async def test_history_of_what_is_open_is_in_the_log_where_it_is_a_persons_and_a_person_reads(
    open_town: Town, form: str
):
    station = NS + "RiverLevelStation"
    body = {"id": "urn:ngsi-ld:RiverLevelStation:own", "type": station}
    await open_town.make({**body, **attributes(refHolder=holder("hana"), rssi=1)})
    span = "timerel=after&timeAt=2020-01-01T00:00:00Z&timeproperty=modifiedAt"
    path = f"/ngsi-ld/v1/temporal/entities?type={station.replace('#', '%23')}&{span}{form}"
    answer = await open_town.ask("GET", path, "account:officer")
    assert [one["id"] for one in answer.json()] == [body["id"]]
    (line,) = await open_town.log.of("", holder("hana"))
    assert (line["user"], line["target"]) == ("officer", body["id"])


async def test_who_is_on_the_next_page_was_not_looked_at_unless_it_is_counted(open_town: Town):
    for name in ("hana", "taro"):
        await open_town.make(open_town.consent(name), f"account:{name}")
    path = f"{ENTITIES}?type={TAG.replace('#', '%23')}"
    for more, seen in (("&limit=1", [1, 0]), ("&limit=0&count=true", [2, 0])):
        answer = await open_town.ask("GET", path + more, "rescue", machi_purpose=RESCUE)
        assert (answer.status, len(answer.json())) == (200, int(more[7]))
        found = [await open_town.log.of("", holder(name)) for name in ("hana", "taro")]
        assert [len(each) for each in found] == seen
