"""What people and the board decide on is what they were shown."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.consent.app import NOTICE
from apps.consent.board import content, move, offer
from apps.consent.records import decided, record, shown
from apps.consent.view import consents, lasts, purposes, recipient, undecided
from apps.shell.refused import FormRefused
from broker.client import Client, value
from machi.seed.consent import assessment_entities, purpose_entities
from smart_data_models.notice import digest, term
from tests.support.live import live_broker

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
PURPOSE = purpose_entities()[0]
ME = "urn:ngsi-ld:Holder:u"


def property_(told: Any) -> dict[str, Any]:
    """Return an attribute."""
    return {"type": "Property", "value": told}


def test_nobody_agrees_to_a_notice_that_has_changed_since_it_was_shown():
    fields = {"state": "given", "notice": "en", "seen": digest(shown(PURPOSE, "en"))}
    assert decided(PURPOSE, fields) == ("given", "en")
    wider = {**PURPOSE, "recipients": property_(["client:anybody"])}
    for purpose, told in (
        (wider, fields),
        (PURPOSE, {**fields, "notice": "ja"}),
        (PURPOSE, {**fields, "seen": ""}),
        (PURPOSE, {**fields, "state": "withdrawn"}),
    ):
        with pytest.raises(FormRefused):
            decided(purpose, told)


def test_board_decides_on_the_assessment_as_it_was_shown():
    assessment = assessment_entities(NOW)[0]
    changed = {**assessment, "sections": property_([{"number": 0, "text": "more"}])}
    assert content(assessment) != content(changed)


async def test_board_decides_on_a_purpose_as_it_was_shown_and_on_what_can_come_next(tmp_path: Path):
    draft = {**PURPOSE, "status": property_("draft")}
    async with live_broker(tmp_path) as url, Client(url) as client:
        await client.create(draft)
        fields = {"id": draft["id"], "status": "active", "seen": offer(draft)}
        for wrong in ({"seen": offer(PURPOSE)}, {"status": "retired"}, {"status": "draft"}):
            with pytest.raises(FormRefused):
                await move(client, {**fields, **wrong})
        assert await move(client, fields) == "active"
        with pytest.raises(FormRefused):
            await move(client, {**fields, "status": "suspended"})
        assert value(await client.retrieve(draft["id"]), "status") == "active"


def test_purpose_can_be_made_active_while_its_assessment_is_approved_and_has_not_run_out():
    draft = {**PURPOSE, "status": property_("draft")}
    (assessment,) = (
        one for one in assessment_entities(NOW) if one["id"] == value(PURPOSE, "refPia")
    )
    rejected = {**assessment, "status": property_("rejected")}
    later = NOW + timedelta(days=366)
    for reviewed, at, assessed in (
        ([assessment], NOW, True),
        ([rejected], NOW, False),
        ([assessment], later, False),
        ([], NOW, False),
    ):
        (row,) = purposes([draft], reviewed, "ja", at)
        assert (row["moves"], row["assessed"]) == (("active",), assessed)


def test_consent_lasts_as_long_as_its_notice_says():
    for told, days in (("P1Y", 365), ("P6M", 180), ("P2W", 14), ("P30D", 30)):
        assert term(told) == timedelta(days=days)
        made = record({**PURPOSE, "validFor": property_(told)}, "u", "given", "ja", NOW, "1")
        end = datetime.fromisoformat(value(made, "validUntil"))
        assert end == NOW + timedelta(days=days)
    assert [term(told) for told in ("P", "a year", None)] == [None] * 3


def test_who_agreed_is_asked_again_after_the_end_and_where_the_offer_is_another():
    made = record(PURPOSE, "u", "given", "ja", NOW, "1")
    active = {**PURPOSE, "status": property_("active")}
    wider = {**active, "recipients": property_(["client:anybody"])}
    later = NOW + timedelta(days=366)
    assert undecided([active], [made], NOW) == []
    assert undecided([wider], [made], NOW) == [wider]
    assert undecided([active], [made], later) == [active]
    (row,) = consents([made], {}, later, ME)
    assert (row["state"], row["holds"]) == ("expired", False)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ja", ("消防団（fire-corps）", "30日", "1年")),
        ("ja-Hira", ("しょうぼうだん（fire-corps）", "30日", "1年")),
        ("en", ("Fire corps（fire-corps）", "30 days", "1 year")),
    ],
)
def test_notice_names_recipients_and_spans_in_words(language: str, words: tuple[str, ...]):
    t = NOTICE[language]
    assert (recipient("client:fire-corps", t), lasts("P30D", t), lasts("P1Y", t)) == words
    assert recipient("client:unknown", t) == "client:unknown"
