"""A town with persons, for tests: purposes with their assessment, consents, and who asks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from broker.settings import Settings
from broker.store.contract import Store
from consent.guard import PolicyGuard
from consent.identity.model import Client as Known
from consent.log.file import LogFile
from consent.log.log import DisclosureLog
from consent.log.written import Written
from consent.policies.load import rules
from consent.records.model import NS
from consent.releases.counting import Counting
from consent.releases.file import Releases
from consent.town import shred
from smart_data_models.notice import LANGUAGES, TEXTS, digest, notice
from smart_data_models.own import iri
from tests.support.asgi import Answer, Client, Ticking, running
from tests.support.policies import Known as Clients

ENTITIES = "/ngsi-ld/v1/entities"
RESCUE = "urn:ngsi-ld:DataPurpose:rescue"
FEW = "urn:ngsi-ld:DataPurpose:few"
SHOPS = "urn:ngsi-ld:DataPurpose:shops"
PIA = "urn:ngsi-ld:PrivacyImpactAssessment:tags"
TAG = NS + "TagDetection"
RSSI = iri("rssi")
KEY = b"k" * 32


def holder(name: str) -> str:
    """Return the holder id of an account."""
    return f"urn:ngsi-ld:Holder:{name}"


def policy(local: str, kind: str, target: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a policy that permits reading, and more if told."""
    actions = more.pop("actions", ["read", "subscribe"])
    return {
        "id": f"urn:ngsi-ld:DataUsePolicy:{local}",
        "type": "DataUsePolicy",
        "status": "active",
        "policyKind": kind,
        "odrl": {"@type": "Set", "permission": [{"action": actions}]},
        "target": target,
        **more,
    }


WRITES = ["read", "create", "update", "delete", "subscribe"]
POLICIES = [
    policy("open", "publicOpen", {"types": [NS + "DataPurpose", NS + "RiverLevelStation"]}),
    policy("apps", "internal", {}, assignee=["role:app"], actions=WRITES),
    policy("staff", "internal", {}, assignee=["role:staff", "role:officer"], actions=WRITES),
    policy(
        "admin", "internal", {}, assignee=["role:administrator"], actions=[*WRITES, "administer"]
    ),
    policy(
        "tags",
        "consentBound",
        {"types": [TAG]},
        assignee=["role:developer", "client:rescue", "client:shops"],
        purposes=[RESCUE, SHOPS, FEW],
    ),
    policy(
        "tag-service",
        "contractBound",
        {"types": [TAG]},
        assignee=["client:tags"],
        actions=WRITES,
    ),
    policy("subscribers", "internal", {}, assignee=["role:developer"], actions=["subscribe"]),
]


def people() -> list[Known]:
    """Return who may ask."""
    both = frozenset({RESCUE, SHOPS})
    citizen = frozenset({"citizen"})
    return [
        Known("admin", frozenset({"administrator"})),
        Known("app", frozenset({"app"})),
        Known("tags", frozenset({"app"})),
        Known("office", frozenset({"staff:river"})),
        Known("rescue", frozenset({"developer"}), frozenset({RESCUE, FEW})),
        Known("shops", frozenset({"developer"}), both),
        Known("account:hana", citizen, user="hana"),
        Known("account:taro", citizen, user="taro"),
        Known("account:mother", frozenset({"citizen", "guardian"}), user="mother"),
        Known("account:officer", frozenset({"officer:bosai"}), user="officer"),
        Known("account:board", frozenset({"officer:ethics"}), user="board"),
    ]


def attributes(**told: Any) -> dict[str, Any]:
    """Return attributes by their IRIs: relationships begin with `ref`, texts are by language."""
    return {iri(name): _attribute(name, one) for name, one in told.items()}


def _attribute(name: str, told: Any) -> dict[str, Any]:
    if name in TEXTS or name == "publicSummary":
        return {"type": "LanguageProperty", "languageMap": told}
    if name.startswith("ref") and isinstance(told, str):
        return {"type": "Relationship", "object": told}
    return {"type": "Property", "value": told}


def in_all(text: str) -> dict[str, str]:
    """Return a text by language."""
    return {language: f"{text} ({language})" for language in LANGUAGES}


def offer(recipients: Iterable[str] = ("client:rescue",), **more: Any) -> dict[str, Any]:
    """Return what a purpose offers."""
    return {
        "recipients": list(recipients),
        "dataCategories": [{"category": "whereabouts", "attributes": []}],
        "entityScope": {"types": [TAG]},
        "retention": "P1Y",
        "withdrawalEffect": "stopOnly",
        **more,
    }


@dataclass
class Papers:
    """Entities of a town with persons, at the time of a clock."""

    clock: Callable[[], str]
    purposes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def now(self, **later: float) -> str:
        """Return the time, or a later one."""
        moment = datetime.fromisoformat(self.clock()) + timedelta(**later)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def assessment(self, status: str = "draft", **more: Any) -> dict[str, Any]:
        """Return an impact assessment."""
        sections = [{"number": n, "title": f"{n}", "text": "…"} for n in range(11)]
        told = {
            "name": in_all("tags"),
            "assessedBy": "防災課",
            "version": "1",
            "sections": sections,
            "publicSummary": in_all("tags"),
            "validUntil": self.now(days=300),
            "decisionReason": "The board agreed.",
            **more,
        }
        return {
            "id": PIA,
            "type": NS + "PrivacyImpactAssessment",
            "status": status,
            **attributes(**told),
        }

    def purpose(
        self, purpose: str = RESCUE, status: str = "active", **offered: Any
    ) -> dict[str, Any]:
        """Return a purpose, and remember what it offers."""
        told: dict[str, Any] = {name: in_all(name) for name in TEXTS}
        told |= offer(**offered)
        told |= {"validFor": "P1Y", "version": "1", "required": False, "refPia": PIA}
        self.purposes[purpose] = told
        return {
            "id": purpose,
            "type": NS + "DataPurpose",
            "status": status,
            **attributes(**told),
        }

    def consent(
        self, name: str, purpose: str = RESCUE, state: str = "given", **more: Any
    ) -> dict[str, Any]:
        """Return the consent of a person to a purpose, as its notice says."""
        offered = self.purposes[purpose]
        shown = notice(offered, "ja")
        told = {name: offered[name] for name in offer()}
        told |= {
            "schemaVersion": "machi-consent/1.0",
            "recordId": name,
            "refPrincipal": holder(name),
            "refPurpose": purpose,
            "controller": {"name": "人吉市", "role": "controller"},
            "legalBasis": "consent",
            "state": state,
            "givenAt": self.now(),
            "validUntil": self.now(days=365),
            "collectionMethod": "webForm",
            "noticeRef": purpose,
            "noticeDigest": digest(shown),
            "noticeLanguage": "ja",
            "storageLocation": "JP",
            "jurisdiction": "JP",
            "withdrawalMethod": "/consent",
            **more,
        }
        local = f"{name}-{purpose.rpartition(':')[2]}"
        return {
            "id": f"urn:ngsi-ld:ConsentRecord:{local}",
            "type": NS + "ConsentRecord",
            **attributes(**told),
        }

    def detection(self, number: int, name: str, **more: Any) -> dict[str, Any]:
        """Return where a person's tag was seen."""
        told = {"refHolder": holder(name), "rssi": -71, "tagKind": "elderly", **more}
        return {"id": f"urn:ngsi-ld:TagDetection:{number}", "type": TAG, **attributes(**told)}


@dataclass
class Town(Papers):
    """A running broker of a town, and who asks it."""

    clock: Ticking
    client: Client = field(kw_only=True)
    clients: Clients = field(kw_only=True)
    guard: PolicyGuard = field(kw_only=True)
    log: DisclosureLog = field(kw_only=True)

    async def ask(
        self, method: str, path: str, key: str = "", body: Any = None, **headers: str
    ) -> Answer:
        """Send a request with a key."""
        sent = {"authorization": f"Bearer {key}"} if key else {}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            return await self.client.request(method, path, sent)
        return await self.client.request(method, path, sent, json=body)

    async def make(self, entity: dict[str, Any], key: str = "admin", status: int = 201) -> Answer:
        """Create an entity, and want this answer."""
        answer = await self.ask("POST", ENTITIES, key, entity)
        assert answer.status == status, answer.body
        return answer

    async def withdraw(self, name: str, purpose: str = RESCUE, key: str = "") -> Answer:
        """Withdraw a consent as the person."""
        local = f"{name}-{purpose.rpartition(':')[2]}"
        told = attributes(state="withdrawn", withdrawnAt=self.now())
        path = f"{ENTITIES}/urn:ngsi-ld:ConsentRecord:{local}/attrs"
        return await self.ask("POST", path, key or f"account:{name}", told)

    async def found(self, key: str, purpose: str | None = None) -> list[str]:
        """Return the ids of the detections that a caller finds."""
        headers = {} if purpose is None else {"machi_purpose": purpose}
        answer = await self.ask("GET", f"{ENTITIES}?type={_quoted(TAG)}", key, **headers)
        return [one["id"].rpartition(":")[2] for one in answer.json()]

    async def approve(self) -> None:
        """Approve the assessment."""
        await self.make(self.assessment())
        told = attributes(
            validUntil=self.now(days=300), decisionReason="The board agreed.", decidedBy="board"
        )
        path = f"{ENTITIES}/{PIA}/attrs"
        answer = await self.ask("POST", path, "account:board", {"status": "approved", **told})
        assert answer.status == 204, answer.body

    async def open_up(self) -> None:
        """Approve the assessment, and make the purposes active."""
        await self.approve()
        await self.make(self.purpose())
        await self.make(self.purpose(SHOPS, recipients=["client:shops"]))


def _quoted(text: str) -> str:
    return text.replace("#", "%23")


@asynccontextmanager
async def town(
    store: Store,
    folder: Path,
    policies: list[dict[str, Any]] = POLICIES,
    settings: Settings | None = None,
    counting: bool = False,
) -> AsyncIterator[Town]:
    """Run the broker of a town whose disclosure log is in a folder; `counting` counts people."""
    clock = Ticking()
    clients = Clients(*people())
    guard = PolicyGuard(clients, rules(policies, str), clock)
    log = DisclosureLog(LogFile(folder), KEY, clock)
    counts = Counting(guard, Releases(folder), clock) if counting else None
    written = Written(guard, log, counts, partial(shred, folder / "data"))
    async with running(store, settings, guard=guard, clock=clock, disclosures=written) as client:
        yield Town(clock, client=client, clients=clients, guard=guard, log=log)
