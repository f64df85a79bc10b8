"""What a withdrawal asks for is done: erased or anonymised, with history, after a restart too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from broker.store.sqlite import SqliteStore
from consent.records.effects import Effects
from tests.support.asgi import Ticking
from tests.support.patience import PATIENCE
from tests.support.persons import ENTITIES, RSSI, TAG, Town, attributes, holder, town

HANA = "urn:ngsi-ld:TagDetection:1"
TEMPORAL = "/ngsi-ld/v1/temporal/entities"
ERASE = "urn:ngsi-ld:DataPurpose:shops"


@asynccontextmanager
async def agreed(folder: Path, effect: str) -> AsyncIterator[Town]:
    """Run a town where Hana and Taro agreed to a purpose with this effect."""
    store = SqliteStore(folder / "data", clock=Ticking())
    async with town(store, folder) as made:
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
