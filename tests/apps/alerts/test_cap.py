"""CAP 1.2 documents: order of the elements, times, levels, drills, updates and cancels."""

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.cap import NAMESPACE, document, identifier, is_public, reference

ALERT_ORDER = (
    "identifier sender sent status msgType source scope restriction addresses code note "
    "references incidents info"
)
INFO_ORDER = (
    "language category event responseType urgency severity certainty audience eventCode effective "
    "onset expires senderName headline description instruction web contact parameter resource area"
)
AREA_ORDER = "areaDesc polygon circle geocode altitude ceiling"


def entity(**parts: Any) -> dict[str, Any]:
    """Return a published evacuation order, with other parts."""
    values = {
        "publicationState": "published",
        "alertLevel": 4,
        "informationKind": "evacuationOrder",
        "headline": {"ja": "避難指示", "en": "Evacuation order"},
        "areas": [{"name": "球磨川沿い", "geocode": "432032"}],
        "issuedAt": "2020-07-03T20:51:00.250Z",
        "operationStatus": "normal",
        "messageType": "alert",
        **parts,
    }
    made: dict[str, Any] = {"id": "urn:e:1", "type": "EvacuationInformation"}
    return made | {name: {"value": part} for name, part in values.items()}


def read(of: dict[str, Any]) -> ET.Element:
    """Return the document of an entity, parsed."""
    return ET.fromstring(document(of))


def text(element: ET.Element, path: str) -> str | None:
    """Return the text at a path of CAP's names."""
    return element.findtext("/".join(f"{{{NAMESPACE}}}{part}" for part in path.split("/")))


def in_order(element: ET.Element, order: str) -> bool:
    """Say whether children stand in the order that CAP's schema asks for."""
    places = [order.split().index(child.tag.removeprefix(f"{{{NAMESPACE}}}")) for child in element]
    return places == sorted(places)


def test_elements_stand_in_the_schemas_order():
    alert = read(
        entity(references=["a,b,c"], operationStatus="drill", expiresAt="2020-07-04T21:00Z")
    )
    assert in_order(alert, ALERT_ORDER)
    for info in alert.iter(f"{{{NAMESPACE}}}info"):
        assert in_order(info, INFO_ORDER)
        for area in info.iter(f"{{{NAMESPACE}}}area"):
            assert in_order(area, AREA_ORDER)


def test_times_have_a_numeric_offset_and_whole_seconds():
    assert text(read(entity()), "sent") == "2020-07-04T05:51:00+09:00"


def test_each_language_has_its_info():
    infos = read(entity()).findall(f"{{{NAMESPACE}}}info")
    assert [(text(i, "language"), text(i, "headline")) for i in infos] == [
        ("ja", "避難指示"),
        ("en", "Evacuation order"),
    ]


def test_headline_that_names_no_language_is_told_as_the_towns():
    (info,) = read(entity(headline="避難指示")).findall(f"{{{NAMESPACE}}}info")
    assert (text(info, "language"), text(info, "headline")) == ("ja", "避難指示")


@pytest.mark.parametrize(
    ("level", "told"),
    [
        (5, ("Immediate", "Extreme", "Observed")),
        (4, ("Immediate", "Severe", "Likely")),
        (3, ("Expected", "Severe", "Likely")),
        (2, ("Future", "Moderate", "Possible")),
    ],
)
def test_alert_level_becomes_urgency_severity_and_certainty(level: int, told: tuple[str, ...]):
    alert = read(entity(alertLevel=level))
    assert tuple(text(alert, f"info/{n}") for n in ("urgency", "severity", "certainty")) == told


@pytest.mark.parametrize(
    ("status", "told"), [("normal", "Actual"), ("drill", "Exercise"), ("test", "Test")]
)
def test_drills_are_never_actual(status: str, told: str):
    assert text(read(entity(operationStatus=status)), "status") == told


def test_cancellation_refers_to_what_it_cancels_and_gives_the_all_clear():
    first = entity()
    alert = read(entity(messageType="cancel", references=[reference(first)]))
    assert text(alert, "msgType") == "Cancel"
    assert text(alert, "references") == "machi.example,urn:e:1,2020-07-04T05:51:00+09:00"
    assert text(alert, "info/responseType") == "AllClear"


def test_ended_alert_becomes_a_cancel_of_itself():
    ended = entity(alertState="ended", validTo="2020-07-04T01:00:00Z")
    alert = read(ended)
    assert (text(alert, "msgType"), text(alert, "identifier")) == ("Cancel", "urn:e:1:end")
    assert reference(ended) in (text(alert, "references") or "")
    assert identifier(ended) != identifier(entity())


def test_polygon_and_circle_have_latitude_first():
    ring = [[130.7, 32.2], [130.8, 32.2], [130.8, 32.3], [130.7, 32.2]]
    area = read(entity(areaGeometry={"type": "Polygon", "coordinates": [ring]}))
    assert text(area, "info/area/polygon") == "32.2,130.7 32.2,130.8 32.3,130.8 32.2,130.7"
    point = read(entity(location={"type": "Point", "coordinates": [130.757, 32.213]}))
    assert text(point, "info/area/circle") == "32.213,130.757 0"


@given(headline=st.text(max_size=60))
def test_any_text_makes_a_document_that_can_be_read(headline: str):
    kept = re.sub("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "", headline)
    shown = text(read(entity(headline={"ja": headline})), "info/headline") or ""
    assert shown == kept.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize("state", ["draft", "discarded", "withdrawn", None])
def test_what_staff_have_not_published_is_not_public(state: str | None):
    assert is_public(entity())
    assert not is_public(entity(publicationState=state))


def test_technical_alerts_are_not_public():
    alert = {**entity(subCategory="technical"), "type": "Alert"}
    assert not is_public(alert)
    assert is_public({**entity(subCategory="flood"), "type": "Alert"})
