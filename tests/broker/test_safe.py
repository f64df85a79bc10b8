"""The safe: what is sealed opens with its key and in its place only; the key is a file apart."""

import stat
from pathlib import Path

import pytest

from broker.safe import KEY_FILE, KeyFaulty, KeyFile, Safe, Sealed

PLACE = ("town", "urn:x:1")
SECRET = {"uri": "mqtt://town:sesame@x/t"}


def test_what_is_sealed_is_hidden_and_opens_again(tmp_path: Path) -> None:
    sealed = Safe(KeyFile(tmp_path)).seal(PLACE, SECRET)
    assert "sesame" not in sealed
    assert Safe(KeyFile(tmp_path)).open(PLACE, sealed) == SECRET


def test_one_secret_is_never_sealed_twice_alike() -> None:
    safe = Safe()
    assert safe.seal(PLACE, SECRET) != safe.seal(PLACE, SECRET)


@pytest.mark.parametrize("place", [("other", "urn:x:1"), ("town", "urn:x:2"), ("townurn:x:1",)])
def test_it_opens_in_its_place_only(place: tuple[str, ...]) -> None:
    safe = Safe()
    sealed = safe.seal(PLACE, SECRET)
    with pytest.raises(Sealed):
        safe.open(place, sealed)


def test_it_opens_with_its_key_only(tmp_path: Path) -> None:
    sealed = Safe().seal(PLACE, SECRET)
    KeyFile(tmp_path).make()
    with pytest.raises(Sealed, match=KEY_FILE):
        Safe(KeyFile(tmp_path)).open(PLACE, sealed)


def test_where_the_key_is_missing_none_is_made_and_it_can_be_put_back(tmp_path: Path) -> None:
    sealed = Safe(KeyFile(tmp_path)).seal(PLACE, SECRET)
    away = (tmp_path / KEY_FILE).rename(tmp_path / "away")
    safe = Safe(KeyFile(tmp_path))
    with pytest.raises(Sealed):
        safe.open(PLACE, sealed)
    away.rename(tmp_path / KEY_FILE)
    assert safe.open(PLACE, sealed) == SECRET


def test_the_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    keys = KeyFile(tmp_path)
    assert keys.read() is None
    key = keys.make()
    assert (KeyFile(tmp_path).read(), len(key)) == (key, 32)
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


@pytest.mark.parametrize("content", [b"", b"short", b"k" * 33])
def test_what_can_be_no_key_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    sealed = Safe().seal(PLACE, SECRET)
    (tmp_path / KEY_FILE).write_bytes(content)
    with pytest.raises(KeyFaulty, match=f"has {len(content)} bytes, not 32"):
        Safe(KeyFile(tmp_path)).seal(PLACE, SECRET)
    with pytest.raises(Sealed):
        Safe(KeyFile(tmp_path)).open(PLACE, sealed)


def test_a_key_that_cannot_be_read_is_said_to_be_so(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(KeyFaulty, match="cannot be read"):
        KeyFile(tmp_path).read()
