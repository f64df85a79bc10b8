"""The dispatch table: what lies at a path is found the same by its parts and segment by segment."""

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from broker.api import routes
from broker.api.table import Table

ONE = routes.TABLE.routes[0]
TABLE = Table([*routes.TABLE.routes, replace(ONE, template="/ngsi-ld/v1/entities/attrs")])
"""With a name beside the ids that any name may be."""

SEGMENTS = sorted({part for route in TABLE.routes for part in route.template.split("/")})
segments = st.sampled_from([part for part in SEGMENTS if not part.startswith("{")])
prefixes = st.sampled_from(["/ngsi-ld/v1", "/ngsi-ld/ex/v1", "/ngsi-ld/v1/entities", ""])
paths = st.builds(
    lambda prefix, parts: "/".join([prefix, *parts]).encode(),
    prefixes,
    st.lists(segments | st.sampled_from(["urn:x:1", "", "a%2Fb"]), max_size=5),
)


@example(b"/ngsi-ld/v1/entities/urn:x:1/attrs")
@example(b"/ngsi-ld/v1/entities/urn:x:1/attrs/")
@example(b"/ngsi-ld/v1/entities/urn:x:1")
@example(b"/ngsi-ld/v1/entities/")
@example(b"/ngsi-ld/v1/entities/attrs")
@example(b"")
@given(paths)
def test_a_path_is_found_as_segment_by_segment(path: bytes) -> None:
    assert TABLE.find(path) == TABLE._walk(path)


def test_every_route_is_found() -> None:
    for route in TABLE.routes:
        found = TABLE.find(route.template.encode())
        assert found is not None
        assert found[0][route.method] is route
