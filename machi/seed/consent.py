"""What can be agreed to in the demo town: impact assessments and purposes. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from machi.seed.parts import Entity, facts, position, prop, relation, texts, urn

FOR: Final = timedelta(days=365)
"""How long the board's approval counts."""
TEXTS: Final = ("name", "description", "benefit", "risks")
KIND: Final = "PrivacyImpactAssessment"


def assessment_entities(now: datetime) -> list[Entity]:
    """Return the six impact assessments, as the board decided on them at a time."""
    found = []
    for known in facts("consent")["assessments"]:
        entity = {
            "id": urn(KIND, known["local"]),
            "type": KIND,
            "name": texts(known["name"]),
            "assessedBy": prop(known["assessedBy"]),
            "version": prop("1"),
            "status": prop(known["status"]),
            "sections": prop(known["sections"]),
            "publicSummary": texts(known["publicSummary"]),
            "submittedAt": prop(_time(now)),
        }
        if known["status"] == "approved":
            entity |= {
                "decidedAt": prop(_time(now)),
                "decidedBy": prop("seed"),
                "decisionReason": prop("デモのための承認です。実際の審査会の決定ではありません。"),
                "validUntil": prop(_time(now + FOR)),
            }
        found.append(entity)
    return found


def purpose_entities() -> list[Entity]:
    """Return the purposes that citizens of the demo are asked about; assessments come first."""
    return [_purpose(known) for known in facts("consent")["purposes"]]


def notice_entities() -> list[Entity]:
    """Return the privacy notices of the detectors of tags: what each is called, and where it is."""
    known = facts("consent")
    told = {name: prop(part) for name, part in known["detectorNotice"].items()}
    return [
        {
            "id": urn("PrivacyObject", one["local"]),
            "type": "PrivacyObject",
            "name": texts(one["name"]),
            "location": position(one["position"], approximate=True),
            "refDevice": prop(urn("Device", one["local"])),
            **told,
        }
        for one in known["detectors"]
    ]


def _purpose(known: dict[str, Any]) -> Entity:
    apart = (*TEXTS, "local", "assessment")
    return {
        "id": urn("DataPurpose", known["local"]),
        "type": "DataPurpose",
        **{name: texts(known[name]) for name in TEXTS},
        **{name: prop(told) for name, told in known.items() if name not in apart},
        "status": prop("active"),
        "required": prop(False),
        "refPia": relation(urn(KIND, known["assessment"])),
    }


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
