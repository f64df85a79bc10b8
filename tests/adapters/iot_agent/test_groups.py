"""Service groups: read from a file for its owner only, refused without telling its content."""

from pathlib import Path

import pytest

from adapters.iot_agent.groups import BadGroups, Group, read


def write(folder: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file of groups."""
    path = folder / "groups.json"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_groups_are_read(tmp_path: Path):
    path = write(tmp_path, '{"groups": [{"name": "school", "apiKey": "k1", "tenant": "town"}]}')
    groups = read(path)
    assert (
        groups.by_key["k1"] == groups.by_name[("town", "school")] == Group("school", "k1", "town")
    )


def test_a_key_is_not_shown_with_its_group():
    assert "k1" not in repr(Group("school", "k1"))


def test_file_others_can_read_is_refused(tmp_path: Path):
    with pytest.raises(BadGroups, match="chmod 600"):
        read(write(tmp_path, '{"groups": []}', 0o640))


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "{}",
        '{"groups": [{"name": "school"}]}',
        '{"groups": [{"name": "school", "apiKey": "sec/ret"}]}',
        '{"groups": [{"name": "school", "apiKey": 7}]}',
        '{"groups": [{"name": "a", "apiKey": "secret"}, {"name": "b", "apiKey": "secret"}]}',
    ],
)
def test_faulty_file_is_refused_without_its_content(tmp_path: Path, text: str):
    with pytest.raises(BadGroups) as caught:
        read(write(tmp_path, text))
    assert "sec" not in str(caught.value)
