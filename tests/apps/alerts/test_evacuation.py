"""Evacuation information: drafted by the river, published by people only."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.effects import Change
from apps.alerts.evacuation import draft_operations, in_force
from apps.alerts.stage import Step
from broker.client import Client, value
from tests.apps.alerts.chain import STATION, measure, running, taken

AT = datetime(2026, 7, 3, 20, 0, tzinfo=UTC)
STEPS = {
    "normal": Step("normal", float("-inf"), 0),
    "caution": Step("caution", 3.0, 2),
    "danger": Step("danger", 3.4, 4),
    "designHighWater": Step("designHighWater", 4.07, 4),
}
RIVER = {
    "id": STATION,
    "riverName": {"value": "球磨川"},
    "name": {"languageMap": {"ja": "人吉", "en": "Hitoyoshi"}},
}


def change(step: str, *, rising: bool = True, drill: bool = False) -> Change:
    """Return a change to a step."""
    return Change(RIVER, STEPS[step], rising, AT, 3.5, drill)


def known(state: str, kind: str = "evacuationOrder", number: int = 1) -> tuple[dict[str, Any], str]:
    """Return an evacuation information in a state."""
    values = {
        "publicationState": state,
        "informationKind": kind,
        "alertLevel": 4,
        "issuedAt": f"2026-07-03T20:0{number}:00Z",
    }
    entity: dict[str, Any] = {"id": f"urn:e:{number}", "type": "EvacuationInformation"}
    return entity | {name: {"value": part} for name, part in values.items()}, "v1"


def test_danger_level_drafts_an_order():
    (operation,) = draft_operations(change("danger"), [], 7)
    draft = operation["entity"]
    assert draft["id"] == "urn:ngsi-ld:EvacuationInformation:432032:hitoyoshi:7"
    assert value(draft, "publicationState") == "draft"
    assert value(draft, "informationKind") == "evacuationOrder"
    assert value(draft, "areas") == [{"name": "球磨川沿い（人吉）", "geocode": "432032"}]
    assert value(draft, "headline")["ja"].startswith("【警戒レベル4】避難指示")


@given(
    step=st.sampled_from(list(STEPS)),
    rising=st.booleans(),
    states=st.lists(st.sampled_from(["draft", "published", "discarded", "withdrawn"]), max_size=5),
)
def test_nothing_is_ever_published_automatically_nor_at_level_five(step, rising, states):
    before = [known(state, number=number) for number, state in enumerate(states)]
    for operation in draft_operations(change(step, rising=rising), before, 9):
        written = operation.get("entity") or operation["attrs"]
        assert value(written, "publicationState") in {"draft", "withdrawn"}
        assert value(written, "alertLevel", 4) <= 4


def test_higher_step_rewrites_the_open_draft():
    (operation,) = draft_operations(change("designHighWater"), [known("draft")], 7)
    assert (operation["id"], operation["ifMatch"]) == ("urn:e:1", "v1")
    assert "計画高水位を超えました" in value(operation["attrs"], "headline")["ja"]


def test_text_rewritten_by_the_river_is_a_new_version_that_nobody_has_approved():
    entity, at = known("draft")
    entity |= {"textVersion": {"value": 3}, "approvals": {"value": ["urn:ngsi-ld:Staff:17"]}}
    (operation,) = draft_operations(change("designHighWater"), [(entity, at)], 7)
    attributes = operation["attrs"]
    assert (value(attributes, "textVersion"), value(attributes, "textBy")) == (4, "alerts")
    assert value(attributes, "approvals") == []


def test_higher_step_after_publication_drafts_an_update_of_it():
    (operation,) = draft_operations(change("designHighWater"), [known("published")], 7)
    assert value(operation["entity"], "messageType") == "update"
    assert value(operation["entity"], "references")[0].startswith("machi.example,urn:e:1,")


def test_fallen_water_withdraws_the_open_draft():
    (operation,) = draft_operations(change("caution", rising=False), [known("draft")], 7)
    assert value(operation["attrs"], "publicationState") == "withdrawn"


def test_fallen_water_drafts_the_cancellation_of_what_is_in_force():
    (operation,) = draft_operations(change("caution", rising=False), [known("published")], 7)
    assert value(operation["entity"], "informationKind") == "cancellation"
    assert value(operation["entity"], "messageType") == "cancel"


def test_step_down_that_still_asks_for_the_order_changes_no_draft():
    assert draft_operations(change("danger", rising=False), [known("draft")], 7) == []


def test_published_cancellation_ends_what_was_in_force():
    order, lifted = known("published")[0], known("published", "cancellation", 2)[0]
    assert in_force([lifted, order]) is None
    assert in_force([order]) == order


def test_what_is_in_force_is_the_newest_in_time_in_whatever_zone_it_is_told():
    (order, _), (lifted, _) = known("published"), known("published", "cancellation", number=2)
    order["issuedAt"] = {"value": "2026-07-04T05:01:00+09:00"}
    assert in_force([lifted, order]) is None


@pytest.mark.parametrize("drill", [True, False])
def test_text_of_a_drill_begins_with_the_mark(drill: bool):
    (operation,) = draft_operations(change("danger", drill=drill), [], 7)
    draft = operation["entity"]
    texts = [*value(draft, "headline").values(), *value(draft, "body").values()]
    assert all(text.startswith("【訓練】") == drill for text in texts)


async def test_draft_commits_with_the_stage_and_is_not_published(client: Client):
    async with running(client):
        for minute, level in enumerate([3.5, 3.5, 4.1, 4.1]):
            await measure(client, minute, level)
        await taken(client, 3)
    (draft,) = await client.query(type="EvacuationInformation")
    assert value(draft, "publicationState") == "draft"
    assert "計画高水位" in value(draft, "headline")["ja"]
    assert value(draft, "refStation") == STATION
