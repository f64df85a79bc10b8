"""A broker starts without the libraries it may never need (decision 0390)."""

from tests.support.loaded import loaded_by

LATER = ("aiohttp", "aiomqtt", "fastapi", "jinja2", "numpy", "pydantic", "pymongo", "shapely")


def test_a_broker_starts_without_what_it_may_never_need() -> None:
    loaded = loaded_by(
        "import machi.commands.broker as command; import broker.main; "
        "command._offer('off', (), False)"
    )
    assert "broker.main" in loaded
    assert not [name for name in LATER if name in loaded]


def test_what_tests_geometries_is_loaded_before_the_time_of_a_query_begins() -> None:
    read = "from broker.query.geo import parse_reference; parse_reference('Point', [8, 40], '')"
    assert "broker.query.shapes" in loaded_by(read)
