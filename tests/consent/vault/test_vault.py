"""The vault keeps personal data unreadable without its keys, and forgets people for good."""

import asyncio
import base64
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.vault import (
    Erased,
    KeysLost,
    OtherValue,
    Vault,
    VaultError,
    WrongMasterKey,
    new_holder,
    open_vault,
)
from consent.vault.keys import KeyStore
from consent.vault.records import Records
from tests.support.runs import effort

HANA = "urn:ngsi-ld:Holder:hana"
TARO = "urn:ngsi-ld:Holder:taro"
MAIL = "hanako@example.jp"


@asynccontextmanager
async def opened(folder: Path, **environment: str) -> AsyncIterator[Vault]:
    """Open the vault of a folder for a while."""
    vault = open_vault(folder, environment)
    try:
        yield vault
    finally:
        vault.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a data folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
def vault(folder: Path) -> Iterator[Vault]:
    """Give a new vault."""
    vault = open_vault(folder, {})
    yield vault
    vault.close()


async def test_value_comes_back_as_it_was_put(vault: Vault):
    await vault.put(HANA, "name", "山田 花子")
    assert await vault.get(HANA, "name") == "山田 花子"


async def test_what_was_never_put_is_none(vault: Vault):
    await vault.put(HANA, "name", "Hana")
    assert await vault.get(HANA, "mail") is None
    assert await vault.get(TARO, "name") is None


async def test_later_value_takes_the_place_of_the_one_before(vault: Vault):
    await vault.put(HANA, "mail", "old@example.jp")
    await vault.put(HANA, "mail", MAIL)
    assert await vault.get(HANA, "mail") == MAIL


async def test_values_are_there_after_a_restart(folder: Path):
    async with opened(folder) as vault:
        await vault.put(HANA, "pin:urn:ngsi-ld:AccessGrant:1", "483920")
    async with opened(folder) as vault:
        assert await vault.get(HANA, "pin:urn:ngsi-ld:AccessGrant:1") == "483920"


async def test_two_processes_see_what_the_other_keeps(folder: Path):
    async with opened(folder) as one, opened(folder) as other:
        await one.put(HANA, "name", "Hana")
        assert await other.get(HANA, "name") == "Hana"
        await other.erase(HANA)
        with pytest.raises(Erased):
            await one.put(HANA, "name", "Hana")


async def test_nothing_put_is_readable_in_the_data_folder(vault: Vault, folder: Path):
    await vault.put(HANA, "mail", MAIL, "hanako-wants-mail")
    for path in folder.iterdir():
        found = path.read_bytes()
        assert MAIL.encode() not in found
        assert b"hanako-wants-mail" not in found


async def test_keys_are_outside_the_data_folder(vault: Vault, folder: Path):
    await vault.put(HANA, "mail", MAIL)
    assert {path.name.partition("-")[0] for path in folder.iterdir()} == {"vault.sqlite"}
    for beside in (folder.with_name("data.vault-keys"), folder.with_name("data.master")):
        assert beside.stat().st_mode & 0o777 == 0o600


# Idempotency


async def test_repeat_does_not_bring_an_older_value_back(vault: Vault):
    await vault.put(HANA, "mail", "old@example.jp", "booking-1")
    await vault.put(HANA, "mail", MAIL, "booking-2")
    await vault.put(HANA, "mail", "old@example.jp", "booking-1")
    assert await vault.get(HANA, "mail") == MAIL


async def test_repeat_does_not_bring_back_what_was_forgotten(vault: Vault):
    await vault.put(HANA, "mail", MAIL, "booking-1")
    await vault.forget(HANA, "mail")
    await vault.put(HANA, "mail", MAIL, "booking-1")
    assert await vault.get(HANA, "mail") is None


@pytest.mark.parametrize(("kind", "value"), [("mail", "other@example.jp"), ("name", MAIL)])
async def test_idempotency_key_is_for_one_value(vault: Vault, kind: str, value: str):
    await vault.put(HANA, "mail", MAIL, "booking-1")
    with pytest.raises(OtherValue):
        await vault.put(HANA, kind, value, "booking-1")


async def test_people_share_no_idempotency_keys(vault: Vault):
    await vault.put(HANA, "mail", MAIL, "booking-1")
    await vault.put(TARO, "mail", "taro@example.jp", "booking-1")
    assert await vault.get(TARO, "mail") == "taro@example.jp"


# Forgetting


async def test_forgetting_one_value_leaves_the_others(vault: Vault):
    await vault.put(HANA, "name", "Hana")
    await vault.put(HANA, "mail", MAIL)
    await vault.forget(HANA, "mail")
    assert await vault.kinds(HANA) == ["name"]


async def test_erased_person_is_gone_and_stays_gone(vault: Vault):
    await vault.put(HANA, "name", "Hana", "first")
    await vault.put(TARO, "name", "Taro")
    await vault.erase(HANA)
    assert await vault.get(HANA, "name") is None
    assert await vault.kinds(HANA) == []
    with pytest.raises(Erased):
        await vault.put(HANA, "name", "Hana", "first")
    assert await vault.get(TARO, "name") == "Taro"


async def test_who_was_never_there_can_be_erased(vault: Vault):
    await vault.erase(HANA)
    with pytest.raises(Erased):
        await vault.put(HANA, "name", "Hana")


async def test_older_copy_of_the_data_folder_is_unreadable_once_the_key_is_erased(folder: Path):
    copy = folder.with_name("copy")
    async with opened(folder) as vault:
        await vault.put(HANA, "mail", MAIL)
    shutil.copytree(folder, copy)
    async with opened(folder) as vault:
        await vault.erase(HANA)
    where = {
        "MACHI_KEY_STORE": str(folder.with_name("data.vault-keys")),
        "MACHI_MASTER_KEY_FILE": str(folder.with_name("data.master")),
    }
    async with opened(copy, **where) as vault:
        assert await vault.get(HANA, "mail") is None


# Interruptions

_KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from consent.vault import open_vault
from consent.vault.records import Records

def killed(*given):
    os.kill(os.getpid(), signal.SIGKILL)

Records.put = killed
asyncio.run(open_vault(Path(sys.argv[1]), {}).put(sys.argv[2], "mail", "x", "once"))
"""


async def test_after_a_kill_between_key_and_value_the_repeat_keeps_the_value(folder: Path):
    run = [sys.executable, "-c", _KILLED, str(folder), HANA]
    assert (await asyncio.to_thread(subprocess.run, run, check=False)).returncode == -9
    async with opened(folder) as vault:
        assert await vault.get(HANA, "mail") is None
        await vault.put(HANA, "mail", "x", "once")
        assert await vault.get(HANA, "mail") == "x"


async def test_erasing_that_was_cut_off_is_finished_at_the_next_start(folder: Path):
    async with opened(folder) as vault:
        await vault.put(HANA, "mail", MAIL)
    master = base64.b64decode(folder.with_name("data.master").read_text())
    keys = KeyStore(folder.with_name("data.vault-keys"), master)
    keys.erase(HANA, "2026-11-27T00:00:00.000000Z")
    keys.close()
    async with opened(folder):
        records = Records(folder)
        assert records.get(HANA, "mail") is None
        records.close()


# Keys


async def test_wrong_master_key_says_so(folder: Path):
    async with opened(folder) as vault:
        await vault.put(HANA, "mail", MAIL)
    other = base64.b64encode(b"x" * 32).decode()
    with pytest.raises(WrongMasterKey, match="MACHI_MASTER_KEY"):
        open_vault(folder, {"MACHI_MASTER_KEY": other})


@pytest.mark.parametrize("text", ["", "short", base64.b64encode(b"x" * 31).decode(), "ä"])
def test_master_key_that_is_none_is_refused(folder: Path, tmp_path: Path, text: str):
    path = tmp_path / "master"
    path.write_text(text)
    with pytest.raises(VaultError, match="32 bytes"):
        open_vault(folder, {"MACHI_MASTER_KEY_FILE": str(path)})


def test_missing_master_key_file_is_named(folder: Path, tmp_path: Path):
    with pytest.raises(VaultError, match="absent"):
        open_vault(folder, {"MACHI_MASTER_KEY_FILE": str(tmp_path / "absent")})


async def test_lost_key_store_says_so_and_makes_no_other(folder: Path):
    async with opened(folder) as vault:
        await vault.put(HANA, "mail", MAIL)
    folder.with_name("data.vault-keys").unlink()
    with pytest.raises(KeysLost):
        open_vault(folder, {})
    assert not folder.with_name("data.vault-keys").exists()


async def test_key_store_of_another_vault_is_refused(folder: Path, tmp_path: Path):
    master = {"MACHI_MASTER_KEY": base64.b64encode(b"m" * 32).decode()}
    async with opened(folder, **master), opened(tmp_path / "other", **master):
        pass
    with pytest.raises(KeysLost):
        open_vault(folder, {**master, "MACHI_KEY_STORE": str(tmp_path / "other.keys")})


def test_key_store_within_the_data_folder_is_refused(folder: Path):
    with pytest.raises(VaultError, match="outside"):
        open_vault(folder, {"MACHI_KEY_STORE": str(folder / "keys")})


async def test_key_store_opens_with_the_new_master_key_only(folder: Path):
    old, new = b"o" * 32, b"n" * 32
    async with opened(folder, MACHI_MASTER_KEY=base64.b64encode(old).decode()) as vault:
        await vault.put(HANA, "mail", MAIL)
    keys = KeyStore(folder.with_name("data.vault-keys"), old)
    keys.rewrap(new)
    keys.close()
    async with opened(folder, MACHI_MASTER_KEY=base64.b64encode(new).decode()) as vault:
        assert await vault.get(HANA, "mail") == MAIL
    with pytest.raises(WrongMasterKey):
        open_vault(folder, {"MACHI_MASTER_KEY": base64.b64encode(old).decode()})


async def test_value_moved_to_another_place_does_not_open(vault: Vault, folder: Path):
    await vault.put(HANA, "mail", MAIL)
    records = Records(folder)
    sealed = records.get(HANA, "mail")
    assert sealed is not None
    records.put(HANA, "name", sealed, None)
    records.close()
    with pytest.raises(VaultError, match="changed"):
        await vault.get(HANA, "name")


def test_file_of_another_kind_is_refused(folder: Path):
    folder.mkdir()
    (folder / "vault.sqlite").write_bytes(b"something else, and long enough to be a file" * 40)
    folder.with_name("data.vault-keys").touch()
    with pytest.raises(VaultError, match="another kind"):
        open_vault(folder, {})


# Names


def test_holder_ids_are_new_each_time():
    assert new_holder() != new_holder()


@pytest.mark.parametrize(
    ("subject", "kind"), [("花子", "mail"), ("hana", "mail"), (HANA, ""), (HANA, "mail:ä")]
)
async def test_names_that_could_tell_a_person_are_refused(vault: Vault, subject: str, kind: str):
    with pytest.raises(VaultError):
        await vault.put(subject, kind, "x")


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "forget", "erase", "restart"]),
        st.sampled_from([HANA, TARO]),
        st.sampled_from(["name", "mail"]),
        st.text(max_size=5),
    ),
    max_size=12,
)


@given(_STEPS)
@settings(max_examples=effort(quick=8, long=200))
def test_vault_behaves_as_a_dictionary_that_forgets_people(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str, str]]
):
    known, kept = asyncio.run(_drive(tmp_path_factory.mktemp("vault") / "data", steps))
    assert kept == known


Kept = dict[tuple[str, str], str]


async def _drive(folder: Path, steps: list[tuple[str, str, str, str]]) -> tuple[Kept, Kept]:
    """Take the steps; return what a dictionary keeps of them, and what the vault keeps."""
    known: Kept = {}
    gone: set[str] = set()
    vault = open_vault(folder, {})
    try:
        for step, subject, kind, value in steps:
            if step == "restart":
                vault.close()
                vault = open_vault(folder, {})
            elif step == "erase":
                await vault.erase(subject)
                gone.add(subject)
                known = {place: one for place, one in known.items() if place[0] != subject}
            elif step == "forget":
                await vault.forget(subject, kind)
                known.pop((subject, kind), None)
            elif subject in gone:
                with pytest.raises(Erased):
                    await vault.put(subject, kind, value)
            else:
                await vault.put(subject, kind, value)
                known[subject, kind] = value
        places = [(subject, kind) for subject in (HANA, TARO) for kind in ("name", "mail")]
        found = {place: await vault.get(*place) for place in places}
        return known, {place: text for place, text in found.items() if text is not None}
    finally:
        vault.close()


async def test_what_was_shredded_is_gone_and_the_person_may_come_again(vault: Vault):
    await vault.put(HANA, "mail", MAIL, idempotency="1")
    await vault.put(TARO, "mail", "taro@example.jp")
    await vault.shred(HANA)
    assert await vault.get(HANA, "mail") is None
    assert await vault.kinds(HANA) == []
    assert await vault.get(TARO, "mail") == "taro@example.jp"
    await vault.put(HANA, "mail", "new@example.jp", idempotency="1")
    assert await vault.get(HANA, "mail") == "new@example.jp"


async def test_an_older_copy_of_what_was_shredded_is_unreadable(folder: Path):
    async with opened(folder) as vault:
        await vault.put(HANA, "mail", MAIL)
    copy = folder / "vault.sqlite"
    before = copy.read_bytes()
    async with opened(folder) as vault:
        await vault.shred(HANA)
        await vault.put(HANA, "name", "山田")
    copy.write_bytes(before)
    async with opened(folder) as vault:
        with pytest.raises(VaultError):
            await vault.get(HANA, "mail")


async def test_shredding_lets_nobody_back_who_was_erased(vault: Vault):
    await vault.erase(HANA)
    await vault.shred(HANA)
    with pytest.raises(Erased):
        await vault.put(HANA, "mail", MAIL)


async def test_a_value_put_while_its_key_goes_is_sealed_with_the_new_one(
    folder: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch
):
    put = Records.put

    def late(self: Records, *given: object) -> None:
        monkeypatch.setattr(Records, "put", put)
        vault._keys.drop(HANA)
        put(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Records, "put", late)
    await vault.put(HANA, "mail", MAIL)
    assert await vault.get(HANA, "mail") == MAIL
