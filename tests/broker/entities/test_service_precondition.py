"""`If-Match`: entity tags of this broker, by version only."""

import pytest

from broker.entities.precondition import check_version, parse_if_match
from broker.errors import BadRequestData, PreconditionFailed


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ('"v3-1f2e"', frozenset({3})),
        ("v3", frozenset({3})),
        (' "v3-1f2e" , "v12-00" ', frozenset({3, 12})),
        ('W/"v4-aa"', frozenset({4})),
    ],
)
def test_tags_are_read_by_their_version(text: str, versions: frozenset[int]) -> None:
    assert parse_if_match(text, "header:If-Match") == versions


def test_a_star_accepts_any_version() -> None:
    assert parse_if_match(" * ", "header:If-Match") is None


@pytest.mark.parametrize("text", ["", ",", '"3"', "v", "v-1", "v1.0", "v" + "9" * 19, "*,*"])
def test_what_is_no_tag_of_ours_is_refused(text: str) -> None:
    with pytest.raises(BadRequestData) as refused:
        parse_if_match(text, "header:If-Match")
    assert refused.value.place == "header:If-Match"


@pytest.mark.parametrize(
    ("accepted", "version", "holds"),
    [
        (None, 5, True),
        (None, None, False),
        (frozenset({5}), 5, True),
        (frozenset(frozenset({4})), 5, False),
        (frozenset({5}), None, False),
    ],
)
def test_a_version_is_accepted_or_412(
    accepted: frozenset[int] | None, version: int | None, holds: bool
) -> None:
    if holds:
        check_version(accepted, version, "urn:x:1", "header:If-Match")
        return
    with pytest.raises(PreconditionFailed):
        check_version(accepted, version, "urn:x:1", "header:If-Match")
