"""What a withdrawal asks for is done: erased or anonymised, with history, after a restart too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from broker.settings import Settings
from broker.store.contract import Kind
from broker.store.sqlite import SqliteStore
from consent.records.effects import Effects
from consent.records.raw import ASKED, DEVICE, RawMessages
from consent.vault import open_vault
from tests.support.asgi import Ticking
from tests.support.patience import PATIENCE
from tests.support.persons import ENTITIES, RESCUE, RSSI, TAG, Town, attributes, holder, town
from tests.support.ports import free_port

HANA = "urn:ngsi-ld:TagDetection:1"
TEMPORAL = "/ngsi-ld/v1/temporal/entities"
ERASE = "urn:ngsi-ld:DataPurpose:shops"


@asynccontextmanager
async def agreed(
    folder: Path, effect: str, settings: Settings | None = None
) -> AsyncIterator[Town]:
    """Run a town where Hana and Taro agreed to a purpose with this effect."""
    store = SqliteStore(folder / "data", clock=Ticking())
    async with town(store, folder, settings=settings) as made:
        await made.make(made.assessment("approved"), "account:board")
        await made.make(made.purpose(ERASE, recipients=["client:shops"], withdrawalEffect=effect))
        for number, name in ((1, "hana"), (2, "taro")):
            await made.make(made.detection(number, name), "tags")
            await made.make(made.consent(name, ERASE), f"account:{name}")
        body = attributes(rssi=-50)
        assert (await made.ask("POST", f"{ENTITIES}/{HANA}/attrs", "tags", body)).status == 204
        yield made


async def done(made: Town) -> None:
    """Wait until the effect of Hana's withdrawal is done."""
    path = f"{ENTITIES}/urn:ngsi-ld:ConsentRecord:hana-shops?format=simplified"
    async with asyncio.timeout(PATIENCE):
        while True:
            found = (await made.ask("GET", path, "account:hana")).json()
            if any(name.endswith("effectDoneAt") for name in found):
                return
            await asyncio.sleep(0.01)


async def test_erased_entities_are_gone_with_their_history(tmp_path: Path):
    async with agreed(tmp_path, "stopAndErase") as made:
        assert (await made.ask("GET", f"{TEMPORAL}/{HANA}", "tags")).status == 200
        await made.withdraw("hana", ERASE)
        await done(made)
        assert await made.found("tags") == ["2"]
        assert (await made.ask("GET", f"{TEMPORAL}/{HANA}", "tags")).status == 404
        assert (await made.ask("GET", f"{TEMPORAL}/{HANA[:-1]}2", "tags")).status == 200


async def test_anonymised_entities_tell_numbers_and_nothing_else(tmp_path: Path):
    async with agreed(tmp_path, "stopAndAnonymise") as made:
        await made.withdraw("hana", ERASE)
        await done(made)
        path = f"{ENTITIES}?type={TAG.replace('#', '%23')}&format=simplified"
        told = (await made.ask("GET", path, "tags")).json()
        (kept,) = (one for one in told if one["id"].startswith("urn:ngsi-ld:anonymous:"))
        assert kept == {"id": kept["id"], "type": TAG, RSSI: -50}
        assert holder("hana") not in str(told)
        assert (await made.ask("GET", f"{TEMPORAL}/{HANA}", "tags")).status == 404


async def test_data_stay_where_the_record_says_so(tmp_path: Path):
    async with agreed(tmp_path, "stopOnly") as made:
        await made.withdraw("hana", ERASE)
        await done(made)
        assert await made.found("tags") == ["1", "2"]


async def test_what_was_not_done_is_done_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async def stopped(self: Effects, tenant: str, consent: object) -> None:
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(Effects, "carry_out", stopped)
        async with agreed(tmp_path, "stopAndErase") as made:
            await made.withdraw("hana", ERASE)
    async with town(SqliteStore(tmp_path / "data", clock=Ticking()), tmp_path) as made:
        await done(made)
        assert await made.found("tags") == ["2"]


async def test_nothing_of_the_erased_is_left_in_feed_outbox_and_dead_letters(tmp_path: Path):
    options = Settings(context_timeout=30, allow_egress=("127.0.0.0/8",))
    async with agreed(tmp_path, "stopAndErase", options) as made:
        body = {
            "type": "Subscription",
            "entities": [{"type": TAG}],
            "notification": {"endpoint": {"uri": f"http://127.0.0.1:{free_port()}/"}},
        }
        path = "/ngsi-ld/v1/subscriptions"
        assert (await made.ask("POST", path, "tags", body)).status == 201
        store = made.client.broker.store
        for number, rssi in ((1, 7101), (2, 7202)):
            at = f"{ENTITIES}/urn:ngsi-ld:TagDetection:{number}/attrs"
            assert (await made.ask("POST", at, "tags", attributes(rssi=rssi))).status == 204
        await made.withdraw("hana", ERASE)
        await done(made)
        changes = await store.changes(0)
        (sid,) = [one.sid for one in await store.outbox.all()]
        rows = await store.outbox.waiting(sid)
        letters, _ = await store.outbox.dead_letters()
        kept = str((changes, rows, letters))
        assert "7202" in kept
        assert "7101" not in kept
        (gone,) = [each for each in changes if each.kind is Kind.DELETE]
        assert gone.before is not None
        assert holder("hana") not in str(gone.before)
        assert (await store.outbox.books()).balanced


async def test_what_was_deleted_before_the_withdrawal_is_forgotten_too(tmp_path: Path):
    async with agreed(tmp_path, "stopAndErase") as made:
        assert (await made.ask("DELETE", f"{ENTITIES}/{HANA}", "tags")).status == 204
        await made.withdraw("hana", ERASE)
        await done(made)
        assert (await made.ask("GET", f"{TEMPORAL}/{HANA}", "tags")).status == 404
        found = await made.client.broker.store.changes(0, entity_id=HANA)
        assert [(each.kind, (each.before or {})["attrs"]) for each in found] == [(Kind.DELETE, {})]


async def test_forgetting_goes_on_after_a_restart_between_its_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    reached = asyncio.Event()

    async def stopped(self: Effects, *given: object) -> None:
        reached.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(Effects, "_forget", stopped)
        async with agreed(tmp_path, "stopAndErase") as made:
            await made.withdraw("hana", ERASE)
            async with asyncio.timeout(PATIENCE):
                await reached.wait()
    async with town(SqliteStore(tmp_path / "data", clock=Ticking()), tmp_path) as made:
        await done(made)
        assert len(await made.client.broker.store.changes(0, entity_id=HANA)) == 1
        assert (await made.ask("GET", f"{TEMPORAL}/{HANA}", "tags")).status == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "", None),
        ("DELETE", f"/attrs/{quote(ASKED, safe='')}", None),
        ("POST", "/attrs", attributes(rawErasedUpTo="as it was asked")),
    ],
)
async def test_withdrawal_is_done_once_no_adapter_is_asked_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: object
):
    waits, left = asyncio.Event(), RawMessages.left

    async def noting(self: RawMessages, tenant: str, consent: str) -> bool:
        found = await left(self, tenant, consent)
        if found:
            waits.set()
        return found

    monkeypatch.setattr(RawMessages, "left", noting)
    band = {"id": "urn:ngsi-ld:Device:band", "type": DEVICE}
    async with agreed(tmp_path, "stopAndErase") as made:
        await made.make({**band, **attributes(refHolder=holder("hana"), adapter="away")}, "tags")
        await made.withdraw("hana", ERASE)
        async with asyncio.timeout(PATIENCE):
            await waits.wait()
        asked = (await made.ask("GET", f"{ENTITIES}/{band['id']}", "tags")).json()[ASKED]["value"]
        told = None if body is None else attributes(rawErasedUpTo=asked)
        answer = await made.ask(method, f"{ENTITIES}/{band['id']}{path}", "tags", told)
        assert answer.status == 204
        await done(made)


@pytest.mark.parametrize(
    ("effect", "others", "gone"),
    [
        ("stopAndErase", False, ["consent", "person"]),
        ("stopAndAnonymise", False, ["consent", "person"]),
        ("stopAndErase", True, ["consent"]),
        ("stopOnly", False, []),
    ],
)
async def test_keys_of_the_vault_go_where_the_record_says_so(
    tmp_path: Path, effect: str, others: bool, gone: list[str]
):
    consent = f"urn:ngsi-ld:ConsentRecord:hana-{ERASE.rpartition(':')[2]}"
    vault = open_vault(tmp_path / "data")
    for subject in (consent, holder("hana"), holder("taro")):
        await vault.put(subject, "mail", "somebody@example.jp")
    async with agreed(tmp_path, effect) as made:
        if others:
            await made.make(made.purpose(RESCUE))
            await made.make(made.consent("hana", RESCUE), "account:hana")
        await made.withdraw("hana", ERASE)
        await done(made)
    kept = {
        name: await vault.get(subject, "mail") is not None
        for name, subject in (
            ("consent", consent),
            ("person", holder("hana")),
            ("other", holder("taro")),
        )
    }
    vault.close()
    assert kept == {name: name not in gone for name in ("consent", "person", "other")}
