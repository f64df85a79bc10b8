"""How long a fetched context may be used unasked."""

import pytest

from broker.jsonld.fetch import DEFAULT_FRESH, LONGEST_FRESH, SHORTEST_FRESH, freshness

DATE = "Sat, 04 Jul 2020 00:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, DEFAULT_FRESH),
        ({"Cache-Control": "public"}, DEFAULT_FRESH),
        ({"Cache-Control": "public, Max-Age=300"}, 300),
        ({"Cache-Control": "max-age=300, s-maxage=600"}, 600),
        ({"Cache-Control": 'max-age="300"'}, 300),
        ({"Cache-Control": "max-age=300", "Expires": DATE, "Date": DATE}, 300),
        ({"Cache-Control": "max-age=0"}, SHORTEST_FRESH),
        ({"Cache-Control": "max-age=oops"}, SHORTEST_FRESH),
        ({"Cache-Control": "no-store, max-age=300"}, SHORTEST_FRESH),
        ({"Cache-Control": "no-cache"}, SHORTEST_FRESH),
        ({"Cache-Control": "max-age=99999999"}, LONGEST_FRESH),
        ({"Expires": "Sat, 04 Jul 2020 00:10:00 GMT", "Date": DATE}, 600),
        ({"Expires": "0", "Date": DATE}, SHORTEST_FRESH),
        ({"Expires": DATE}, DEFAULT_FRESH),
    ],
)
def test_freshness_follows_the_answers_headers_within_bounds(headers, seconds):
    assert freshness(headers) == seconds
