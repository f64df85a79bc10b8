"""The cache of rendered entities: whatever reads and commits interleave, nothing old is served."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broker.api.rendered import Rendered, Rendering
from broker.store.contract import Change, Committed, Kind

IDS = ("urn:x:1", "urn:x:2")
FORMS = ("plain", "keyValues")

begun_commits = st.tuples(st.just("commit"), st.sampled_from(IDS), st.just(""))
shown = st.tuples(st.just("show"), st.just(""), st.just(""))
done = st.tuples(st.just("done"), st.just(""), st.just(""))
begun = st.tuples(st.just("begin"), st.sampled_from(IDS), st.sampled_from(FORMS))
ended = st.tuples(st.just("end"), st.just(""), st.just(""))


def committed(entity_id: str, version: int) -> Committed:
    """Return what the store tells its listeners of."""
    change = Change(1, "", entity_id, version, Kind.UPDATE, "", {}, {})
    return Committed(change, None, None)


@given(
    st.lists(begun_commits | shown | done | begun | ended, max_size=40),
    st.sampled_from([0, 400, 10_000]),
)
def test_a_kept_rendering_is_of_the_current_version(
    steps: list[tuple[str, str, str]], limit: int
) -> None:
    cache = Rendered(limit)
    versions = dict.fromkeys(IDS, 1)
    reading: list[tuple[str, str, Rendering, int]] = []
    under_way: str | None = None
    seen = True
    for step, entity_id, form in steps:
        if step == "commit" and under_way is None:
            under_way, seen = entity_id, False
            cache.hold([committed(entity_id, versions[entity_id] + 1)])
        elif step in ("show", "done") and under_way is not None:
            if not seen:
                versions[under_way] += 1
                seen = True
            if step == "done":
                cache.forget([committed(under_way, versions[under_way])])
                under_way = None
        elif step == "begin":
            rendering = Rendering(entity_id, versions[entity_id], b"x" * 100)
            reading.append((entity_id, form, rendering, cache.generation))
        elif step == "end" and reading:
            entity_id, form, rendering, generation = reading.pop(0)
            cache.put("", entity_id, form, rendering, generation)
        for one in IDS:
            for shape in FORMS:
                kept = cache.get("", one, shape)
                assert kept is None or kept.version == versions[one]
        assert 0 <= cache.figures()["rendered_bytes"] <= limit


def test_a_rendering_is_kept_until_its_entity_changes() -> None:
    cache = Rendered(10_000)
    rendering = Rendering(IDS[0], 1, b"{}")
    cache.put("", IDS[0], FORMS[0], rendering, cache.generation)
    cache.put("", IDS[1], FORMS[0], rendering, cache.generation)
    cache.hold([committed(IDS[0], 2)])
    assert cache.get("", IDS[0], FORMS[0]) is None
    assert cache.get("", IDS[1], FORMS[0]) is rendering


def test_the_rendering_read_longest_ago_makes_room() -> None:
    cache = Rendered(2 * (100 + Rendered._OVERHEAD))
    for entity_id in IDS:
        cache.put("", entity_id, FORMS[0], Rendering(entity_id, 1, b"x" * 100), cache.generation)
    cache.get("", IDS[0], FORMS[0])
    cache.put("", "urn:x:3", FORMS[0], Rendering(entity_id, 1, b"x" * 100), cache.generation)
    assert cache.get("", IDS[0], FORMS[0]) is not None
    assert cache.get("", IDS[1], FORMS[0]) is None
