"""Attacks on balances and ledger entries through the broker's API, by every kind of key.

Entities of two types, batches, instances with a datasetId, expiresAt, NGSI-LD Null, deletions,
history, purges, other names of the same attribute: nobody but the app moves anything, and the app
itself cannot break the sum.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import pytest
import pytest_asyncio

from apps.kijiko.ledger.book import Book
from apps.kijiko.ledger.setup import currency_entity, open_accounts, set_rules
from apps.kijiko.ledger.wallet import WalletKind
from apps.kijiko.ledger.wallets import Wallets
from broker.client import Client, Refused
from consent.identity.model import Client as Known
from consent.identity.model import Role
from tests.apps.kijiko.stage import ANNA, BEN, CURRENCY, NOW, SHOP, asked
from tests.support.guarded import guarded_town

pytestmark = pytest.mark.asyncio(loop_scope="module")
V1, EX = "/ngsi-ld/v1", "/ngsi-ld/ex/v1"
ATTACKERS = {
    "account:anna": ("citizen", "anna"),
    "account:sato": ("staff:finance", "sato"),
    "account:kawa": ("staff:river", "kawa"),
    "account:ono": ("officer:privacy", "ono"),
    "account:boss": (Role.ADMINISTRATOR, "boss"),
    "bookings": (Role.APP, None),
    "demo": (Role.DEVELOPER, None),
    "admin": (Role.ADMINISTRATOR, None),
    "kijiko": (Role.APP, None),
}
OWNERS = {"kijiko", "admin", "account:boss"}
"""Whoever may write what the ledger is made of, by the town's policies: the store says no."""
NULL = {"type": "Property", "value": "urn:ngsi-ld:null"}
PAST, LATER = "2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"
NAMED = "https%3A%2F%2Fmachi.example%2Fns%23balance"
ALIAS = {"purse": "https://machi.example/ns#balance", "Box": "https://machi.example/ns#Wallet"}


def much(**more: Any) -> dict[str, Any]:
    return {"type": "Property", "value": 99_999, **more}


def wallet(entity_id: str, *types: str) -> dict[str, Any]:
    """Return a wallet with money in it, as the app would write it."""
    return {
        "id": entity_id,
        "type": list(types),
        "walletKind": {"type": "Property", "value": "citizen"},
        "status": {"type": "Property", "value": "active"},
        "balance": much(),
        "refCurrency": {"type": "Relationship", "object": CURRENCY},
    }


def created() -> Iterator[tuple[str, str, Any]]:
    """Yield attempts to make money that was not there."""
    for number, types in enumerate((("Wallet",), ("Proposal", "Wallet"), ("Foo", "Wallet"))):
        yield "POST", f"{V1}/entities", wallet(f"urn:ngsi-ld:Wallet:432032:new{number}", *types)
        yield "POST", f"{V1}/entities", wallet(f"urn:ngsi-ld:Foo:432032:new{number}", *types)
    aliased = {"@context": ALIAS, "id": "urn:ngsi-ld:Foo:box", "type": "Box", "purse": much()}
    yield "POST", f"{V1}/entities", aliased


def on(target: str) -> Iterator[tuple[str, str, Any]]:
    """Yield attempts on one entity of the ledger."""
    one = f"{V1}/entities/{target}"
    for fragment in (
        {"balance": much()},
        {"balance": NULL, "postings": {"type": "JsonProperty", "json": "urn:ngsi-ld:null"}},
        {"balance": [{"type": "Property", "value": 0}, much(datasetId="urn:x:1")]},
        {"balance": {"type": "Property", "value": 0, "expiresAt": LATER}},
        {"balance": {"type": "JsonProperty", "json": 9}},
        {"balance": {"type": "Property", "value": "9"}},
        {"type": ["Foo", "Proposal"]},
        {"expiresAt": PAST},
        {"expiresAt": LATER},
        {"@context": ALIAS, "purse": much()},
    ):
        yield "PATCH", one, fragment
        yield "POST", f"{one}/attrs", fragment
        for deed in ("create", "upsert", "upsert?options=update", "update", "merge"):
            entity = {"type": "Wallet", **fragment, "id": target}
            yield "POST", f"{V1}/entityOperations/{deed}", [entity]
        yield "POST", f"{EX}/transactions", {
            "operations": [{"op": "append", "id": target, "attrs": fragment}]
        }  # fmt: skip
    yield "PATCH", f"{one}?options=keyValues", {"balance": "urn:ngsi-ld:null"}
    for name in ("balance", NAMED):
        yield "PATCH", f"{one}/attrs/{name}", {"type": "Property", "value": 7}
        yield "PUT", f"{one}/attrs/{name}", {"type": "Property", "value": 7}
        yield "DELETE", f"{one}/attrs/{name}?deleteAll=true", None
        yield "DELETE", f"{one}/attrs/{name}", None
    yield "PUT", one, wallet(target, "Wallet")
    yield "PUT", one, {"id": target, "type": "Foo", "x": much()}
    yield "DELETE", one, None
    yield "POST", f"{V1}/entityOperations/delete", [target]
    add = [{"op": "add", "id": who, "attribute": "balance", "value": by}
           for who, by in ((target, 9), (BEN, -9))]  # fmt: skip
    yield "POST", f"{EX}/transactions", {"operations": add[:1]}
    for operation in ({"op": "delete", "id": target},
                      {"op": "replace", "entity": wallet(target, "Foo")}):  # fmt: skip
        yield "POST", f"{EX}/transactions", {"operations": [operation]}


def elsewhere() -> Iterator[tuple[str, str, Any]]:
    """Yield attempts that name no entity of the ledger."""
    for asked_for in ("type=Wallet", "type=LedgerTransfer", "type=Wallet&drop=balance"):
        yield "DELETE", f"{V1}/entities?{asked_for}", None


@dataclass
class Scene:
    """The town, and the payment that is attacked."""

    client: Client
    payment: str

    async def ledger(self) -> dict[str, Any]:
        """Return all wallets and transfers, as the app sees them."""
        app = self.client.acting_for("kijiko")
        found = await app.query(type="Wallet,LedgerTransfer")
        return {one["id"]: orjson.dumps(one, option=orjson.OPT_SORT_KEYS) for one in found}

    async def attack(self, key: str, deeds: Iterator[tuple[str, str, Any]]) -> list[str]:
        """Try everything with a key; return what broke the broker."""
        broken = []
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with aiohttp.ClientSession(self.client.url, headers=headers) as session:
            for method, path, body in deeds:
                kind = "ld+json" if isinstance(body, dict) and "@context" in body else "json"
                data = None if body is None else orjson.dumps(body)
                told = {"Content-Type": f"application/{kind}"} if body is not None else {}
                async with session.request(method, path, data=data, headers=told) as answer:
                    await answer.read()
                    broken += [f"{method} {path}"] if answer.status >= 500 else []
        return broken


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    known = [Known(key, frozenset({role}), user=user) for key, (role, user) in ATTACKERS.items()]
    async with guarded_town(tmp_path_factory.mktemp("attacked"), *known) as client:
        app, admin = client.acting_for("kijiko"), client.acting_for("admin")
        await admin.create(
            currency_entity(CURRENCY, "X-KJK", {"ja": "きじこ"}, "urn:ngsi-ld:Organization:432032")
        )
        await set_rules(admin)
        await open_accounts(app, CURRENCY)
        wallets, book = Wallets(app, CURRENCY), Book(app, CURRENCY, lambda: NOW)
        for one, holder in ((ANNA, "anna"), (BEN, "ben")):
            await wallets.open(one, WalletKind.CITIZEN, f"urn:ngsi-ld:Holder:{holder}")
        await wallets.open(SHOP, WalletKind.MERCHANT)
        await book.charge(ANNA, 500, asked())
        yield Scene(client, (await book.pay(ANNA, SHOP, 200, asked())).id)


@pytest.mark.parametrize("key", ["", *(one for one in ATTACKERS if one != "kijiko")])
async def test_nobody_but_the_app_changes_anything_of_the_ledger(scene: Scene, key: str):
    before = await scene.ledger()
    for deeds in (created(), on(ANNA), on(SHOP), on(scene.payment), elsewhere()):
        assert await scene.attack(key, deeds) == []
    assert await scene.ledger() == before


@pytest.mark.parametrize("key", ["", *sorted(ATTACKERS.keys() - OWNERS)])
async def test_nobody_takes_an_id_that_the_ledger_or_a_booking_is_going_to_have(
    scene: Scene, key: str
):
    squats = [f"{scene.payment}-refund-1", f"{scene.payment}-reversal",
              "urn:ngsi-ld:Wallet:432032:m-facilities",
              "urn:ngsi-ld:SlotClaim:432148:gym:20261201T0000Z",
              "urn:ngsi-ld:HolderClaim:432148:9f86d081884c7d659a2feaa0-0"]  # fmt: skip

    def deeds() -> Iterator[tuple[str, str, Any]]:
        for target in squats:
            for kind in ("Foo", "Proposal", "ConsentRecord", "Alert"):
                entity = {"id": target, "type": kind, "x": much()}
                yield "POST", f"{V1}/entities", entity
                yield "POST", f"{V1}/entityOperations/upsert", [entity]
                create = {"op": "create", "entity": entity}
                yield "POST", f"{EX}/transactions", {"operations": [create]}

    assert await scene.attack(key, deeds()) == []
    assert await scene.client.acting_for("admin").query(id=",".join(squats), type="*") == []


async def test_the_app_itself_cannot_break_the_sum_or_change_a_transfer(scene: Scene):
    def transfers(found: dict[str, Any]) -> dict[str, Any]:
        return {name: one for name, one in found.items() if ":LedgerTransfer:" in name}

    before = transfers(await scene.ledger())
    for deeds in (created(), on(ANNA), on(SHOP), on(scene.payment), elsewhere()):
        assert await scene.attack("kijiko", deeds) == []
    after = await scene.ledger()
    assert transfers(after) == before
    balances = [_numbers(orjson.loads(one).get("balance")) for one in after.values()]
    assert sum(sum(one) for one in balances) == 0


@pytest.mark.parametrize(
    "fragment",
    [
        {"expiresAt": LATER},
        {"balance": {"type": "Property", "value": 300, "expiresAt": LATER}},
        {"refCurrency": {"type": "Relationship", "object": CURRENCY, "expiresAt": LATER}},
    ],
)
async def test_the_app_itself_cannot_give_money_an_end(scene: Scene, fragment: dict[str, Any]):
    app = scene.client.acting_for("kijiko")
    with pytest.raises(Refused, match="expiresAt") as refusal:
        await app.call("PATCH", f"{V1}/entities/{ANNA}", fragment)
    assert refusal.value.status == 409


def _numbers(told: Any) -> list[int]:
    instances = told if isinstance(told, list) else [told] if told else []
    return [one["value"] for one in instances if isinstance(one.get("value"), int)]
