"""Hypothesis strategies for expanded entities (`broker.model.entity`).

`entities()` are as an engine stores them, with system times; `entities(stored=False)` as
`parse_entity` returns them, without. All obey the data model, whatever is drawn.
"""

from functools import cache
from typing import Any

from hypothesis import strategies as st

from broker.model.entity import DEFAULT, NULL, PRIMARY

VOCAB = "https://uri.etsi.org/ngsi-ld/default-context/"
LOCATION = "https://uri.etsi.org/ngsi-ld/location"

_NAMES = ("speed", "level", "name", "水位", "colour", "partOf", "seen_by", "q1")
_IRIS = (*(VOCAB + name for name in _NAMES), "https://example.org/town#depth", "urn:x:tide")
_TYPES = tuple(VOCAB + name for name in ("Shelter", "River", "Bridge", "Gauge", "橋"))
_DATASETS = ("urn:ds:a", "urn:ds:b", "https://example.org/ds/c")
_TIMES = (
    "2020-07-04T00:00:00Z",
    "2020-07-04T00:00:00.000Z",
    "2020-07-04T06:30:00,5Z",
    "2021-01-01T12:00:00.123456Z",
    "2024-02-29T23:59:59Z",
)
_SYSTEM_TIMES = tuple(f"2025-03-0{day}T10:00:00.000000Z" for day in range(1, 8))

_LETTERS = "abkz09AZ _-./:\"'<>=;()é水位ー\u0000\n😀"


@cache
def texts() -> st.SearchStrategy[str]:
    """Strings as JSON bodies bring them: any character but lone surrogates."""
    return st.one_of(
        st.text(_LETTERS, max_size=8), st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
    ).filter(lambda text: text != NULL)


@cache
def scalars() -> st.SearchStrategy[Any]:
    """JSON scalars except null; integers within what JSON parsers keep exact."""
    return st.one_of(
        st.booleans(),
        st.integers(min_value=-(2**63), max_value=2**64 - 1),
        st.integers(min_value=-5, max_value=5),
        st.floats(allow_nan=False, allow_infinity=False),
        texts(),
        times(),
    )


@cache
def values() -> st.SearchStrategy[Any]:
    """Values of a Property: any JSON but a bare null, also such that look like attributes."""
    keys = st.one_of(texts(), st.sampled_from(["type", "value", "object", "json", "datasetId"]))
    return st.recursive(
        scalars(),
        lambda inner: st.one_of(
            st.lists(st.one_of(inner, st.none()), max_size=3),
            st.dictionaries(keys, st.one_of(inner, st.none()), max_size=3),
            geometries(),
        ),
        max_leaves=5,
    )


@cache
def times() -> st.SearchStrategy[str]:
    """DateTime values in the lexical forms clients may send."""
    return st.sampled_from(_TIMES)


@cache
def iris() -> st.SearchStrategy[str]:
    """Attribute IRIs from a small pool, so that entities share attributes."""
    return st.sampled_from(_IRIS)


@cache
def type_iris() -> st.SearchStrategy[str]:
    """Entity type IRIs from a small pool."""
    return st.sampled_from(_TYPES)


@cache
def ids() -> st.SearchStrategy[str]:
    """Entity ids from a pool of a few dozen."""
    return st.builds(
        "urn:ngsi-ld:{}:{}".format,
        st.sampled_from(["Shelter", "River", "Bridge"]),
        st.one_of(st.integers(min_value=0, max_value=9), st.sampled_from(["é", "人吉", "a-b"])),
    )


@cache
def datasets() -> st.SearchStrategy[str]:
    """Dataset keys: DEFAULT or a URI."""
    return st.sampled_from((DEFAULT, *_DATASETS))


@cache
def positions() -> st.SearchStrategy[list[float]]:
    """[longitude, latitude] with an optional height."""
    longitude = st.floats(min_value=-180, max_value=180, allow_subnormal=False)
    latitude = st.floats(min_value=-90, max_value=90, allow_subnormal=False)
    return st.one_of(
        st.tuples(longitude, latitude).map(list),
        st.tuples(st.integers(-180, 180), st.integers(-90, 90)).map(list),
        st.tuples(longitude, latitude, st.integers(-10, 4000)).map(list),
    )


@cache
def geometries() -> st.SearchStrategy[dict[str, Any]]:
    """GeoJSON geometries of every type NGSI-LD allows."""
    lines = st.lists(positions(), min_size=2, max_size=4)
    rings = st.lists(positions(), min_size=3, max_size=4).map(lambda ring: [*ring, ring[0]])
    polygons = st.lists(rings, min_size=1, max_size=2)
    shapes = {
        "Point": positions(),
        "MultiPoint": st.lists(positions(), min_size=1, max_size=3),
        "LineString": lines,
        "MultiLineString": st.lists(lines, min_size=1, max_size=2),
        "Polygon": polygons,
        "MultiPolygon": st.lists(polygons, min_size=1, max_size=2),
    }
    return st.one_of(
        [
            st.fixed_dictionaries({"type": st.just(name), "coordinates": shape})
            for name, shape in shapes.items()
        ]
    )


def _uris() -> st.SearchStrategy[str]:
    return ids()


def _one_or_more(item: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(item, st.lists(item, min_size=1, max_size=3))


@cache
def primaries(kind: str) -> st.SearchStrategy[Any]:
    """The primary value of an attribute of `kind`, as stored."""
    objects = st.dictionaries(texts(), values(), max_size=3)
    languages = st.sampled_from(["en", "ja", "de-CH", DEFAULT])
    return {
        "Property": values(),
        "GeoProperty": geometries(),
        "LanguageProperty": st.dictionaries(languages, _one_or_more(texts()), max_size=3),
        "VocabProperty": _one_or_more(type_iris()),
        "JsonProperty": st.one_of(objects, st.lists(objects, min_size=1, max_size=2)),
        "ListProperty": st.lists(values(), max_size=3),
        "Relationship": _one_or_more(_uris()),
        "ListRelationship": st.lists(_uris(), max_size=3),
    }[kind]


@cache
def kinds() -> st.SearchStrategy[str]:
    """One of the eight attribute kinds."""
    return st.sampled_from(list(PRIMARY))


@cache
@st.composite
def instances(
    draw: st.DrawFn,
    kind: str | None = None,
    *,
    stored: bool = True,
    owner_created: str = _SYSTEM_TIMES[0],
    depth: int = 1,
) -> dict[str, Any]:
    """One attribute instance of `kind` (any when None) with sub-attributes down to `depth`."""
    kind = draw(kinds()) if kind is None else kind
    instance: dict[str, Any] = {"type": kind, PRIMARY[kind]: draw(primaries(kind))}
    if draw(st.booleans()):
        instance["observedAt"] = draw(times())
    if kind in ("Property", "GeoProperty", "ListProperty") and draw(st.booleans()):
        instance["unitCode"] = draw(st.sampled_from(["CEL", "MTR", "P1"]))
    if kind == "Property" and draw(st.integers(0, 5)) == 0:
        instance["valueType"] = "http://www.w3.org/2001/XMLSchema#double"
    if kind in ("Relationship", "ListRelationship") and draw(st.booleans()):
        instance["objectType"] = draw(st.lists(type_iris(), min_size=1, max_size=2, unique=True))
    if draw(st.integers(0, 7)) == 0:
        instance["expiresAt"] = "2999-01-01T00:00:00Z"
    created = owner_created
    if stored:
        created = draw(st.sampled_from(_SYSTEM_TIMES))
        modified = draw(st.sampled_from(_SYSTEM_TIMES))
        if created != owner_created:
            instance["createdAt"] = created
        if modified != created:
            instance["modifiedAt"] = modified
    if depth > 0 and draw(st.integers(0, 3)) == 0:
        instance["attrs"] = draw(
            attributes(stored=stored, owner_created=created, depth=depth - 1, min_size=1)
        )
    return instance


@cache
@st.composite
def attributes(
    draw: st.DrawFn,
    *,
    stored: bool = True,
    owner_created: str = _SYSTEM_TIMES[0],
    depth: int = 1,
    min_size: int = 0,
    max_size: int = 4,
) -> dict[str, dict[str, dict[str, Any]]]:
    """Attributes by IRI, each with its instances by dataset."""
    instance = instances(stored=stored, owner_created=owner_created, depth=depth)
    one = st.builds(lambda only: {DEFAULT: only}, instance)
    several = st.dictionaries(datasets(), instance, min_size=1, max_size=3)
    return draw(
        st.dictionaries(iris(), st.one_of(one, one, several), min_size=min_size, max_size=max_size)
    )


@cache
@st.composite
def entities(draw: st.DrawFn, *, stored: bool = True, max_attrs: int = 4) -> dict[str, Any]:
    """Expanded entities; with system times when `stored`."""
    entity: dict[str, Any] = {
        "id": draw(ids()),
        "type": draw(st.lists(type_iris(), min_size=1, max_size=2, unique=True)),
    }
    if draw(st.integers(0, 2)) == 0:
        scopes = st.sampled_from(["/town/north", "/town", "river", "/町/東"])
        entity["scope"] = draw(st.lists(scopes, min_size=1, max_size=2, unique=True))
    if draw(st.integers(0, 7)) == 0:
        entity["expiresAt"] = "2999-12-31T00:00:00Z"
    created = _SYSTEM_TIMES[0]
    if stored:
        created = draw(st.sampled_from(_SYSTEM_TIMES))
        entity["createdAt"] = created
        entity["modifiedAt"] = draw(st.sampled_from(_SYSTEM_TIMES))
    entity["attrs"] = draw(attributes(stored=stored, owner_created=created, max_size=max_attrs))
    if draw(st.integers(0, 2)) == 0:
        place: dict[str, Any] = {"type": "GeoProperty", "value": draw(geometries())}
        entity["attrs"][LOCATION] = {DEFAULT: place}
    return entity
