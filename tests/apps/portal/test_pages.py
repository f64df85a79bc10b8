"""How often the pages' parts are rendered."""

from datetime import datetime, timedelta

from apps.portal.hub import Hub
from apps.portal.pages import KEPT, Pages
from broker.client import Client
from machi.seed.town import town_entities
from tests.apps.portal.test_levels import START, station

NOW = START + timedelta(minutes=1)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def town() -> tuple[Hub, Clock, Pages]:
    """Return a hub that knows the town, a clock, and its pages."""
    hub, clock = Hub(Client("http://127.0.0.1:1"), Client("http://127.0.0.1:1")), Clock()
    hub.real.replace(town_entities())
    return hub, clock, Pages(hub, clock)


def test_light_page_is_made_once_in_a_while_for_all():
    hub, clock, pages = town()
    first = pages.snapshot("en")
    hub.real.put({**hub.real.of_type("RiverLevelStation")[0], **station(1.23, 0)})
    clock.now += timedelta(seconds=KEPT - 0.1)
    assert pages.snapshot("en") == first
    clock.now += timedelta(seconds=0.2)
    assert "1.23 m" in pages.snapshot("en")


def test_curves_of_a_new_level_are_there_at_once():
    hub, _, pages = town()
    before = pages.curves("real", "en")
    hub.real.put({**hub.real.of_type("RiverLevelStation")[0], **station(1.23, 0)})
    assert "1.23 m" not in before
    assert "1.23 m" in pages.curves("real", "en")


def test_all_who_listen_in_a_language_get_the_same_bytes():
    hub, _, pages = town()
    assert pages.event("en") is pages.event("en")
    hub.wake()
    first = pages.event("ja")
    assert first is not pages.event("en")
