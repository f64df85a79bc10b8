"""What every write of the entities of consent must keep to, whoever writes and by which way (pure).

Each rule raises Forbidden where it is not for this caller, Conflict where the state of things does
not allow it, BadRequestData where the entity itself is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from broker.errors import BadRequestData, Conflict, Forbidden, MachiError
from broker.model.entity import DEFAULT, Entity
from broker.model.expiry import first_expiry
from consent.identity.model import Client, Role
from consent.records.model import (
    ASSESSMENT,
    CONSENT,
    GUARDIANSHIP,
    OVERRIDE,
    PURPOSE,
    STATUS,
    Guardianship,
    Override,
    Purpose,
    moment,
    offer,
    own,
    said_of,
    value,
)
from consent.records.register import Known
from smart_data_models.notice import LANGUAGES, TEXTS, term

BOARD: Final = "officer:ethics"
"""The role of the data ethics board (倫理審査会)."""
SECTIONS: Final = frozenset(range(11))
"""The sections of an assessment in the order of JIS X 9251, 0 to 10."""
YEAR: Final = timedelta(days=366)
CHILDHOOD: Final = timedelta(days=18 * 365 + 5)
"""How long somebody is a minor (Civil Code, art. 4): 18 years have four or five leap days."""
LONGEST_OVERRIDE: Final = timedelta(hours=4)
SHORTEST_REASON: Final = 10
_SLACK: Final = timedelta(minutes=5)
_TRANSITIONS: Final = {
    "requested": {"given", "refused"},
    "given": {"withdrawn", "invalidated"},
}
_MOVING: Final = frozenset(("state", "givenAt", "withdrawnAt", "effectDoneAt"))


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: the client, None for the town itself, and the holder id of the person."""

    client: Client | None
    holder: str | None

    @property
    def town(self) -> bool:
        """Whether the town itself writes: nobody, or a program of its administration.

        An administrator who is signed in is a person, who decides for no other and for no board.
        """
        client = self.client
        return client is None or (client.user is None and client.has(Role.ADMINISTRATOR))

    def has(self, *roles: str) -> bool:
        """Tell whether the writer has one of these roles, or is the town itself."""
        if self.client is None or self.town:
            return True
        held = self.client.roles
        return any(role in held or (":" not in role and self.client.has(role)) for role in roles)

    @property
    def name(self) -> str:
        """Return how the writer is written down."""
        return "" if self.client is None else self.client.user or self.client.name


def check(
    kind: str, before: Entity | None, after: Entity | None, by: Writer, known: Known, now: str
) -> None:
    """Refuse a write of an entity of a kind of `KINDS`."""
    if after is None:
        if kind in (CONSENT, OVERRIDE):
            raise _conflict("It is proof, and stays.", "path:id", "Withdraw it instead.")
        return
    _once(after)
    {
        PURPOSE: _purpose,
        ASSESSMENT: _assessment,
        CONSENT: _consent,
        GUARDIANSHIP: _guardianship,
        OVERRIDE: _override,
    }[kind](before, after, by, known, now)


def _once(entity: Entity) -> None:
    """Refuse attributes that are there more than once, or expire: they are told once, for good."""
    for iri, instances in entity["attrs"].items():
        if instances.keys() != {DEFAULT}:
            name = iri.rpartition("#")[2]
            raise _bad(f"{name} is there twice.", name, "Say it once, without a datasetId.")
    if first_expiry(entity) is not None:
        raise _bad(
            "What is decided by does not go by itself.",
            "expiresAt",
            "Leave expiresAt out everywhere.",
        )


def _purpose(before: Entity | None, after: Entity, by: Writer, known: Known, now: str) -> None:
    if value(after, STATUS) != "active":
        return
    made = Purpose.of(after)
    assessment = known.assessments.get(made.assessment)
    if assessment is None or not assessment.counts(now):
        raise _conflict(
            "A purpose is active only with an impact assessment that the board approved and that "
            "has not run out.",
            "entity:/refPia",
            "Have the assessment approved first, then make the purpose active.",
        )
    if not by.has(BOARD) and (before is None or before["attrs"] != after["attrs"]):
        raise Forbidden(
            "Only the data ethics board makes a purpose active, or changes one that is.",
            place="caller",
            remedy="Keep it as a draft, and have the board make it active.",
        )
    for name in ("recipients", "dataCategories", "entityScope", "retention", "validFor",
                 "withdrawalEffect", "version"):  # fmt: skip
        if not own(after, name):
            raise _bad(f"An active purpose says its {name}.", name, "Add it.")
    if own(after, "required") is not False:
        raise _bad("Nobody has to agree to a purpose.", "required", "Set it to false.")
    for name in TEXTS:
        said = said_of(after, name)
        missing = [one for one in LANGUAGES if not said.get(one)]
        if missing:
            raise _bad(f"{name} is not said in {missing[0]}.", name, "Say it in ja, ja-Hira, en.")
    if (
        before is not None
        and value(before, STATUS) == "active"
        and offer(before) != offer(after)
        and own(before, "version") == own(after, "version")
    ):
        raise _conflict(
            "What an active purpose offers is changed, and its version is not.",
            "entity:/version",
            "Give it a new version: people are asked anew.",
        )


def _assessment(before: Entity | None, after: Entity, by: Writer, known: Known, now: str) -> None:
    status = value(after, STATUS)
    decided = before is not None and value(before, STATUS) in ("approved", "rejected")
    if decided and before is not None and _content(before) != _content(after) and status != "draft":
        raise _conflict(
            "An assessment that was decided on is not changed.",
            "entity:/sections",
            "Set its status to draft with the change, and have it decided on anew.",
        )
    if status not in ("approved", "rejected") or (before is not None and before == after):
        return
    if not by.has(BOARD):
        raise Forbidden(
            "Only the data ethics board decides on an assessment.",
            place="caller",
            remedy=f"Sign in with the role {BOARD}.",
        )
    if not own(after, "decisionReason"):
        raise _bad("A decision says why.", "decisionReason", "Write the reason.")
    if status == "approved":
        _whole(after)
        until = moment(own(after, "validUntil"))
        if until is None or not now < until <= _later(now, YEAR):
            raise _bad("An approval counts for a year at most.", "validUntil", "Give its end.")


def _whole(assessment: Entity) -> None:
    sections = own(assessment, "sections")
    told = {
        each.get("number")
        for each in (sections if isinstance(sections, list) else [])
        if isinstance(each, dict) and str(each.get("text", "")).strip()
    }
    if missing := sorted(SECTIONS - told):
        raise _bad(f"Section {missing[0]} is empty.", "sections", "Fill the sections from 0 to 10.")


def _consent(before: Entity | None, after: Entity, by: Writer, known: Known, now: str) -> None:
    _acts_for(before, after, by, known, now)
    old, state = (None if before is None else own(before, "state")), own(after, "state")
    _in_time(before, after, by)
    if before is not None:
        _moves_only(before, after)
        if old != state and state not in _TRANSITIONS.get(str(old), ()):
            raise _conflict(
                f"A consent that is {old} cannot become {state}.",
                "entity:/state",
                "Make a new record, with refPrevious.",
            )
    elif state not in ("requested", "given", "refused"):
        raise _bad("A new consent is requested, given or refused.", "state", "Say which.")
    elif not by.town and str(own(after, "refPurpose")) not in known.purposes:
        raise _conflict(
            "There is no such purpose.",
            "entity:/refPurpose",
            "Name a purpose that people are asked.",
        )
    if state == "given" and old != "given":
        _agrees(after, known, now)
    if state == "withdrawn" and moment(own(after, "withdrawnAt")) is None:
        raise _bad("A withdrawal says when.", "withdrawnAt", "Add the time.")
    if state == "invalidated" and old != state and not by.has(BOARD):
        raise Forbidden("Only the board does this.", place="caller", remedy=f"Be {BOARD}.")


def _acts_for(before: Entity | None, after: Entity, by: Writer, known: Known, now: str) -> None:
    """Refuse who is neither the person nor their guardian.

    Who has come of age takes back what a guardian agreed to.
    """
    principal, guardian = own(after, "refPrincipal"), own(after, "refGuardian")
    if by.town:
        return
    if by.holder is not None and principal == by.holder:
        of_age = before is not None and not known.minor(by.holder, now)
        if guardian is None or of_age:
            return
    if by.holder is not None and guardian == by.holder and principal in known.wards(guardian, now):
        ends = [
            one.until
            for one in known.guardianships.values()
            if one.guardian == guardian and one.ward == principal
        ]
        if moment(own(after, "majorityAt")) not in ends:
            raise _bad(
                "A guardian's consent ends at majority.", "majorityAt", "Give the ward's majority."
            )
        return
    raise Forbidden(
        "Only the person, or the guardian of a minor, decides on a consent.",
        place="caller",
        remedy="Sign in as the person.",
    )


def _in_time(before: Entity | None, after: Entity, by: Writer) -> None:
    """Refuse times of what did not happen: they come with the state, the effect's by the town."""
    if by.town:
        return
    state = own(after, "state")
    moved = before is None or own(before, "state") != state
    for name, states in (
        ("givenAt", ("given", "refused")),
        ("withdrawnAt", ("withdrawn",)),
        ("effectDoneAt", ()),
    ):
        was = None if before is None else own(before, name)
        if own(after, name) != was and not (moved and state in states):
            raise _conflict(
                f"{name} is told as it happens, and stays.", f"entity:/{name}", "Leave it as it is."
            )


def _moves_only(before: Entity, after: Entity) -> None:
    kept = [
        {iri: what for iri, what in side["attrs"].items() if iri.rpartition("#")[2] not in _MOVING}
        for side in (before, after)
    ]
    if kept[0] != kept[1] or before["type"] != after["type"]:
        raise _conflict(
            "What was agreed to is not changed.",
            "entity:",
            "Withdraw it, and make a new record with refPrevious.",
        )


def _agrees(after: Entity, known: Known, now: str) -> None:
    """Refuse a consent to something else than what was shown, or to what is not allowed."""
    purpose = known.purposes.get(str(own(after, "refPurpose")))
    if purpose is None or not known.active(purpose.id, now):
        raise _conflict(
            "The purpose is not active.",
            "entity:/refPurpose",
            "Data may be used for it once it is active, with an approved assessment.",
        )
    if offer(after) != purpose.offer:
        raise _conflict(
            "The record does not say what the purpose says.",
            "entity:/refPurpose",
            "Copy recipients, dataCategories, entityScope, retention and withdrawalEffect.",
        )
    language = own(after, "noticeLanguage")
    if language not in LANGUAGES or own(after, "noticeDigest") not in purpose.notices:
        raise _conflict(
            "The notice is not the one of the purpose as it is now.",
            "entity:/noticeDigest",
            "Show the present notice, in ja, ja-Hira or en, and ask again.",
        )
    given = moment(own(after, "givenAt"))
    if given is None or not _near(given, now):
        raise _bad("A consent is given now.", "givenAt", "Give the present time.")
    until, lasts = moment(own(after, "validUntil")), term(purpose.lasts)
    if until is None:
        raise _bad("A consent has an end.", "validUntil", "Give its end.")
    if lasts is not None and until > _later(given, lasts + _SLACK):
        raise _bad(
            "A consent lasts no longer than its notice says.",
            "validUntil",
            f"Give an end within {purpose.lasts}.",
        )


def _guardianship(before: Entity | None, after: Entity, by: Writer, known: Known, now: str) -> None:
    if not by.has(Role.OFFICER):
        raise Forbidden(
            "Only officers of the town record guardians.",
            place="caller",
            remedy="Bring the papers to the counter.",
        )
    bond = Guardianship.of(after)
    if bond.until is None or bond.until > _later(now, CHILDHOOD):
        raise _bad("A guardianship ends at majority.", "majorityAt", "Give the 18th birthday.")
    if bond.guardian == by.holder or bond.guardian == bond.ward:
        raise Forbidden(
            "Officers record no guardianship of their own.",
            place="caller",
            remedy="Let another officer look at the papers and record it.",
        )
    if before is not None:
        was = Guardianship.of(before)
        later = was.until is None or bond.until > was.until
        if later or (was.guardian, was.ward) != (bond.guardian, bond.ward):
            raise _conflict(
                "Of a guardianship only the end is brought forward.",
                "entity:/majorityAt",
                "Record another one.",
            )


def _override(before: Entity | None, after: Entity, by: Writer, known: Known, now: str) -> None:
    if not by.has(Role.OFFICER):
        raise Forbidden(
            "Only officers open an emergency override.", place="caller", remedy="Call an officer."
        )
    made = Override.of(after)
    if by.client is not None and made.officer != by.name:
        raise _bad("It is opened in one's own name.", "openedBy", "Give your own id.")
    if len(made.reason.strip()) < SHORTEST_REASON:
        raise _bad("The reason is too short.", "reason", "Say in a sentence why.")
    if made.since is None or made.until is None:
        raise _bad("An override has a begin and an end.", "endsAt", "Give both, 4 hours at most.")
    if not made.since < made.until <= _later(made.since, LONGEST_OVERRIDE):
        raise _bad("An override lasts four hours at most.", "endsAt", "Give an earlier end.")
    if before is None and not _near(made.since, now):
        raise _bad("An override begins now.", "beginsAt", "Give the present time.")
    if before is not None:
        earlier = Override.of(before)
        if earlier.until is not None and made.until > earlier.until:
            raise _conflict("It is not made longer.", "entity:/endsAt", "Open another one.")
        if _without_end(before) != _without_end(after):
            raise _conflict("Only its end is changed.", "entity:", "Open another one.")


def _without_end(entity: Entity) -> dict[str, Any]:
    return {iri: told for iri, told in entity["attrs"].items() if not iri.endswith("#endsAt")}


def _content(assessment: Entity) -> tuple[Any, ...]:
    return tuple(own(assessment, name) for name in ("sections", "publicSummary", "version"))


def _near(time: str, now: str) -> bool:
    return _later(now, -_SLACK) <= time <= _later(now, _SLACK)


def _later(time: str, by: timedelta) -> str:
    return (datetime.fromisoformat(time) + by).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _bad(detail: str, name: str, remedy: str) -> MachiError:
    return BadRequestData(detail, place=f"entity:/{name}", remedy=remedy)


def _conflict(detail: str, place: str, remedy: str) -> MachiError:
    return Conflict(detail, place=place, remedy=remedy)
