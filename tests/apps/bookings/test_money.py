"""The case page: Aso's money, for as many places as the town has."""

from apps.bookings.core.town import read_town
from apps.bookings.money import case_view
from apps.bookings.pages.site import TEXTS
from machi.seed.facilities import facility_entities


def test_sixteen_places_of_the_town_cost_and_save_what_aso_reported():
    spaces = [one for one in facility_entities() if one["type"] == "BookableSpace"]
    sites = len({one.building for one in read_town(spaces).spaces.values()})
    assert sites == 16
    figures = case_view([], sites, TEXTS["en"])
    assert figures["sites"] == "16 places"
    assert figures["saved"] == "1,380,000 yen"
    assert figures["running"] == "760,000 yen"
    assert figures["net"] == "620,000 yen"
    assert figures["initial"] == "2,450,000 yen"
    assert figures["years"] == "about 4.0 years"
    assert figures["each"] == "–"


def test_half_the_places_cost_and_save_half():
    figures = case_view([], 8, TEXTS["ja"])
    assert (figures["saved"], figures["running"], figures["net"]) == (
        "690,000円",
        "380,000円",
        "310,000円",
    )
