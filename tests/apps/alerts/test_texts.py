"""What alerts say."""

from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.texts import DRILL_MARK, headline


@given(step=st.text(max_size=10), level=st.floats(0, 20), rising=st.booleans())
def test_every_text_of_a_drill_begins_with_the_mark(step: str, level: float, rising: bool):
    station = {"ja": "人吉", "en": "Hitoyoshi"}
    texts = headline(step=step, stage=4, station=station, level=level, rising=rising, drill=True)
    assert all(text.startswith(DRILL_MARK) for text in texts.values())


def test_headline_names_place_step_level_and_water():
    station = {"ja": "人吉", "en": "Hitoyoshi"}
    texts = headline(step="danger", stage=4, station=station, level=3.42, rising=True, drill=False)
    assert texts["ja"] == "人吉：氾濫危険水位に到達（警戒レベル4相当）水位3.42m"
    assert "Hitoyoshi: reached the flood danger level" in texts["en"]


def test_early_headline_says_that_the_level_is_not_reached():
    station = {"ja": "人吉", "en": "Hitoyoshi"}
    said = headline(
        step="caution", stage=2, station=station, level=1.9, rising=True, drill=False, early=True
    )
    assert "到達" not in said["ja"]
    assert "急上昇" in said["ja"]
    assert "rising fast, early warning before the flood caution level" in said["en"]
