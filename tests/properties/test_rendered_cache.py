"""The cache of rendered entities: whatever reads and commits interleave, nothing old is served."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broker.api.rendered import Rendered, Rendering
from broker.store.contract import Change, Committed, Kind

IDS = ("urn:x:1", "urn:x:2")
FORMS = ("plain", "keyValues")

commits = st.tuples(st.just("commit"), st.sampled_from(IDS), st.just(""))
begun = st.tuples(st.just("begin"), st.sampled_from(IDS), st.sampled_from(FORMS))
ended = st.tuples(st.just("end"), st.just(""), st.just(""))


def committed(entity_id: str, version: int) -> Committed:
    """Return what the store tells its listeners of."""
    change = Change(1, "", entity_id, version, Kind.UPDATE, "", {}, {})
    return Committed(change, None, None)


@given(st.lists(commits | begun | ended, max_size=40), st.sampled_from([0, 400, 10_000]))
def test_a_kept_rendering_is_of_the_current_version(
    steps: list[tuple[str, str, str]], limit: int
) -> None:
    cache = Rendered(limit)
    versions = dict.fromkeys(IDS, 1)
    reading: list[tuple[str, str, Rendering, int]] = []
    for step, entity_id, form in steps:
        if step == "commit":
            versions[entity_id] += 1
            cache.forget([committed(entity_id, versions[entity_id])])
        elif step == "begin":
            rendering = Rendering(versions[entity_id], b"x" * 100)
            reading.append((entity_id, form, rendering, cache.generation))
        elif reading:
            entity_id, form, rendering, generation = reading.pop(0)
            cache.put("", entity_id, form, rendering, generation)
        for one in IDS:
            for shape in FORMS:
                kept = cache.get("", one, shape)
                assert kept is None or kept.version == versions[one]
        assert 0 <= cache.figures()["rendered_bytes"] <= limit


def test_a_rendering_is_kept_until_its_entity_changes() -> None:
    cache = Rendered(10_000)
    rendering = Rendering(1, b"{}")
    cache.put("", IDS[0], FORMS[0], rendering, cache.generation)
    cache.put("", IDS[1], FORMS[0], rendering, cache.generation)
    cache.forget([committed(IDS[0], 2)])
    assert cache.get("", IDS[0], FORMS[0]) is None
    assert cache.get("", IDS[1], FORMS[0]) is rendering


def test_the_rendering_read_longest_ago_makes_room() -> None:
    cache = Rendered(2 * (100 + Rendered._OVERHEAD))
    for entity_id in IDS:
        cache.put("", entity_id, FORMS[0], Rendering(1, b"x" * 100), cache.generation)
    cache.get("", IDS[0], FORMS[0])
    cache.put("", "urn:x:3", FORMS[0], Rendering(1, b"x" * 100), cache.generation)
    assert cache.get("", IDS[0], FORMS[0]) is not None
    assert cache.get("", IDS[1], FORMS[0]) is None
