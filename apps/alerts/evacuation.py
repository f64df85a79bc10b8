"""Evacuation information: drafted here, published by people only. Pure.

A draft is an `EvacuationInformation` whose `publicationState` is `draft`. Staff may change its
text, and make it `published` or `discarded`; the app itself only makes a draft `withdrawn`, when
the river no longer asks for it. Level 5 (緊急安全確保) is never drafted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from apps.alerts.cap import SENDER, listed, reference
from apps.alerts.effects import Change, Operation, name_of, status_of
from apps.alerts.moments import moment_of
from apps.alerts.texts import Texts, marked, step_name
from broker.client import Entity, timestamp, value

DRAFT_FROM: Final = 4
"""The alert level from which an evacuation order is drafted."""
TYPE: Final = "EvacuationInformation"

AUTHOR: Final = "alerts"
"""Who wrote a text that no person has changed (`textBy`)."""
ORDER: Final = "evacuationOrder"
CANCELLATION: Final = "cancellation"

Known = tuple[Entity, str]
"""An evacuation information and the version it was read at."""


def draft_operations(change: Change, known: Sequence[Known], place: int) -> list[Operation]:
    """Return the operations on drafts that a change of stage asks for.

    `known` are the station's; `place` in the feed makes the id of a new draft.
    """
    drafts = [one for one in known if value(one[0], "publicationState") == "draft"]
    force = in_force([entity for entity, _ in known])
    if change.step.stage >= DRAFT_FROM:
        if not change.rising:
            return []
        kind = ORDER
    elif force is not None:
        kind = CANCELLATION
    else:
        return [_withdraw(*draft) for draft in drafts]
    kept = [draft for draft in drafts if value(draft[0], "informationKind") == kind]
    operations = [_withdraw(*draft) for draft in drafts if draft not in kept]
    content = _content(change, kind, force)
    if kept:
        entity, version = kept[0]
        content["textVersion"] = _property(text_version(entity) + 1)
        operations.append(
            {"op": "append", "id": entity["id"], "attrs": content, "ifMatch": version}
        )
    else:
        local = change.station["id"].removeprefix("urn:ngsi-ld:").partition(":")[2]
        entity_id = f"urn:ngsi-ld:{TYPE}:{local}:{place}"
        content["capIdentifier"] = _property(entity_id)
        created = {"id": entity_id, "type": TYPE, **content}
        operations.append({"op": "create", "entity": created, "ifNoneMatch": "*"})
    return operations


def text_version(entity: Entity) -> int:
    """Return how often an information's text was written, once where it does not say."""
    given = value(entity, "textVersion")
    return given if type(given) is int else 1


def in_force(known: Sequence[Entity]) -> Entity | None:
    """Return the published information that no published cancellation has ended."""
    published = sorted(
        (one for one in known if value(one, "publicationState") == "published"),
        key=_issued,
    )
    if not published or value(published[-1], "informationKind") == CANCELLATION:
        return None
    return published[-1]


def _issued(information: Entity) -> datetime:
    """Return when an information was issued, in whatever form it says so; long ago without."""
    try:
        return moment_of(value(information, "issuedAt"))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _content(change: Change, kind: str, force: Entity | None) -> dict[str, Any]:
    message = "alert" if force is None else ("cancel" if kind == CANCELLATION else "update")
    references = [] if force is None else [*listed(force, "references"), reference(force)]
    place = name_of(change.station)
    river = str(value(change.station, "riverName", ""))
    code = change.station["id"].split(":")[3] if change.station["id"].count(":") > 3 else ""
    level = value(force, "alertLevel") if force and kind == CANCELLATION else change.step.stage
    return {
        "publicationState": _property("draft"),
        "alertLevel": _property(level),
        "informationKind": _property(kind),
        "hazard": _property("flood"),
        "headline": _texts(_headline(change, kind, river, place)),
        "body": _texts(_body(change, kind, river, place)),
        "areas": _property([{"name": f"{river}沿い（{place['ja']}）", "geocode": code}]),
        "issuedAt": _property(timestamp(change.at)),
        "operationStatus": _property(status_of(change.drill)),
        "messageType": _property(message),
        "references": _property(references),
        "approvals": _property([]),
        "textVersion": _property(1),
        "textBy": _property(AUTHOR),
        "issuer": _property(SENDER),
        "refStation": {"type": "Relationship", "object": change.station["id"]},
    }


def _headline(change: Change, kind: str, river: str, place: Texts) -> Texts:
    step = step_name(change.step.name)
    if kind == CANCELLATION:
        texts = {
            "ja": f"避難指示を解除：{river}（{place['ja']}）の水位が下がりました。",
            "en": f"Evacuation order lifted: the water at {place['en']} has fallen.",
        }
    else:
        reached = "を超えました" if change.step.name == "designHighWater" else "に達しました"
        texts = {
            "ja": f"【警戒レベル4】避難指示：{river}（{place['ja']}）が{step['ja']}{reached}。"
            "危険な場所から全員避難してください。",
            "en": f"Alert level 4, evacuation order: the river at {place['en']} has reached the "
            f"{step['en']}. Everyone, leave dangerous places now.",
        }
    return marked(texts, drill=change.drill)


def _body(change: Change, kind: str, river: str, place: Texts) -> Texts:
    """Return what to do; staff know the place and may say more."""
    if kind == CANCELLATION:
        texts = {
            "ja": f"{river}（{place['ja']}）の避難指示を解除します。"
            "川の近くでは引き続き注意してください。",
            "en": f"The evacuation order at {place['en']} is lifted. Stay careful near the river.",
        }
    else:
        texts = {
            "ja": f"{river}沿い（{place['ja']}）の方は、今すぐ危険な場所から避難してください。"
            "避難所へ行くことがかえって危ないときは、近くの高く丈夫な建物か、家の二階以上で"
            "崖や川から離れた部屋へ移ってください。",
            "en": f"Everyone along the river at {place['en']}: leave dangerous places now. "
            "If the way to a shelter is itself dangerous, go to a high and solid building nearby, "
            "or upstairs to a room away from slopes and the river.",
        }
    return marked(texts, drill=change.drill)


def _withdraw(entity: Entity, version: str) -> Operation:
    attributes = {"publicationState": _property("withdrawn")}
    return {"op": "append", "id": entity["id"], "attrs": attributes, "ifMatch": version}


def _property(content: Any) -> dict[str, Any]:
    return {"type": "Property", "value": content}


def _texts(texts: Texts) -> dict[str, Any]:
    return {"type": "LanguageProperty", "languageMap": texts}
