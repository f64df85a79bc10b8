"""Query parameters: what each is for, and how its text becomes a value."""

from __future__ import annotations

from broker.api.asked import place_of
from broker.api.table import Param
from broker.errors import BadRequestData, InvalidRequest, TooComplexQuery
from broker.jsonld.context import Context
from broker.model.language import parse_languages
from broker.model.names import check_attribute_name, check_dataset
from broker.model.render import Form, Kind
from broker.query.ids import parse_ids
from broker.temporal.duration import parse_duration

MOST_LISTED = 1000
"""Names, or datasetIds, of one parameter."""

_FORMATS = {
    "normalized": "normalized",
    "concise": "concise",
    "simplified": "simplified",
    "keyValues": "simplified",
}

TYPE = Param(
    "type",
    "Entity type selection: names or IRIs joined by `,` or `|` (any), `(A;B)` (all).",
    example="RiverLevelStation",
)
ID = Param(
    "id", "Comma-separated entity ids.", example="urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi"
)
ID_PATTERN = Param(
    "idPattern", "Regular expression (RE2) the id must contain a match of.", example="hitoyoshi$"
)
ATTRS = Param(
    "attrs",
    "Comma-separated attribute names: keep these, and only entities having one.",
    example="waterLevel",
)
Q = Param("q", "Condition on attributes (§4.9).", example="waterLevel>=3.4")
GEOREL = Param("georel", "Geographical relation (§4.10).", example="near;maxDistance==2000")
GEOMETRY = Param("geometry", "Type of the reference geometry.", example="Point")
COORDINATES = Param(
    "coordinates", "Coordinates of the reference geometry, as JSON.", example="[130.757,32.213]"
)
GEOPROPERTY = Param(
    "geoproperty", "The GeoProperty to compare; default `location`.", example="location"
)
GEOMETRY_PROPERTY = Param(
    "geometryProperty", "GeoJSON only: the GeoProperty that becomes `geometry`.", example="location"
)
SCOPE_Q = Param("scopeQ", "Condition on scopes (§4.19).", example="/Hitoyoshi/#")
CSF = Param("csf", "Condition on context sources; without effect while none is asked.")
EXPAND_VALUES = Param(
    "expandValues", "Attributes whose operands in `q` are names to expand, comma-separated."
)
JSON_KEYS = Param(
    "jsonKeys", "Attributes whose values are plain JSON, comma-separated; `q` takes all keys so."
)
PICKED = Param(
    "pick",
    "Keep only these members; `rel{…}` says it of entities that are joined (§4.21).",
    example="id,waterLevel",
)
OMITTED = Param("omit", "Leave these members out; as `pick`.", example="location")
JOIN = Param(
    "join",
    "Show linked entities within (inline) or beside (flat) those that link them (§4.5.23).",
    {"type": "string", "enum": ["inline", "flat", "@none"]},
)
JOIN_LEVEL = Param(
    "joinLevel",
    "How many relationships in a row are followed.",
    {"type": "integer", "minimum": 1, "maximum": 20, "default": 1},
)
CONTAINED_BY = Param("containedBy", "Ids that are not to be joined, comma-separated.")
ORDER_BY = Param(
    "orderBy",
    "Comma-separated paths to order by, each with `;asc`, `;desc`, `;dist-asc` or `;dist-desc`.",
    example="waterLevel;desc",
)
COLLATION = Param("collation", "Tag of the order of texts (RFC 6067); default root.", example="ja")
ORDER_FROM = Param(
    "orderFrom", "Coordinates from which distances are ordered, as JSON.", example="[130.757,32.2]"
)
ORDER_GEOMETRY = Param("orderGeometry", "Type of the geometry of `orderFrom`; default Point.")
DETAILS = Param("details", "Say more of each than its name.", {"type": "boolean", "default": False})
LIMIT = Param(
    "limit",
    "How many in a page; 0 only with `count=true`.",
    {"type": "integer", "minimum": 0, "maximum": 1000, "default": 20},
)
OFFSET = Param("offset", "How many to skip.", {"type": "integer", "minimum": 0, "default": 0})
PAGE_AFTER = Param(
    "pageAfter",
    "Begin behind this id, or with an empty value at the first, and link to the next page so: "
    "what is there throughout is met exactly once, whatever is written meanwhile.",
    example="urn:ngsi-ld:RiverLevelStation:432032:hitoyoshi",
)
COUNT = Param(
    "count",
    "Tell the total in the header NGSILD-Results-Count.",
    {"type": "boolean", "default": False},
)
FORMAT = Param("format", "Representation.", {"type": "string", "enum": sorted(_FORMATS)})
OPTIONS = Param(
    "options",
    "Comma-separated: representations as in `format`, and `sysAttrs`.",
    example="keyValues,sysAttrs",
)
LOCAL = Param(
    "local",
    "Only entities of this broker; always so while it forwards nothing.",
    {"type": "boolean"},
)
SPLIT_ENTITIES = Param(
    "splitEntities",
    "Whether parts of an entity lie with several brokers; without effect while none is asked.",
    {"type": "boolean"},
)
ENTITY_MAP = Param(
    "entityMap",
    "Asks for the location of an entity map; none is made, so none is told (§5.5.14).",
    {"type": "boolean"},
)
ENTITY_MAP_LIFETIME = Param(
    "entityMapLifetime", "How long an entity map should last (ISO 8601).", example="PT10M"
)
OBSERVED_AT = Param(
    "observedAt",
    "Given to merged attributes that have an observedAt.",
    example="2020-07-03T19:10:00Z",
)
LANG = Param("lang", "Language of plain texts merged into a LanguageProperty.", example="ja")
DROP = Param("drop", "Delete these attributes instead of the entities.", example="waterLevel")
KEEP = Param("keep", "Delete all attributes but these instead of the entities.", example="name")
DATASETS = Param("datasetId", "Comma-separated: show only these instances; `@none` the default.")
SHOWN_LANG = Param(
    "lang",
    "Show LanguageProperties as Properties, in these languages by preference.",
    example="ja,en;q=0.8",
)
WATCHED = Param(
    "watchedAttributes",
    "Comma-separated attribute names: of updates, tell only those that change one of them.",
    example="waterLevel",
)
SNAPSHOT = Param(
    "snapshot",
    "Begin with the entities that match now, each as `enter`, then `synced`; so too after `reset`.",
    {"type": "boolean", "default": False},
)
TICKET = Param("ticket", "Who listens, where no header can be set: see `POST …/tickets`.")
HOLDER = Param("holder", "A person's holder id, for programs of the town that note disclosures.")
DATASET_ID = Param("datasetId", "The instance to act on; default: the default instance.")
DELETE_ALL = Param(
    "deleteAll", "Delete all instances of the attribute.", {"type": "boolean", "default": False}
)


def boolean(query: dict[str, str], name: str) -> bool:
    """Return a boolean parameter, false where absent; upper and lower case count alike."""
    text = query.get(name)
    if text is None:
        return False
    lowered = text.lower()
    if lowered not in ("true", "false"):
        raise BadRequestData(
            f"`{name}` is neither true nor false.",
            place=place_of(query, name),
            remedy=f"Send {name}=true, or leave it out.",
        )
    return lowered == "true"


def whole(query: dict[str, str], name: str, default: int, maximum: int) -> int:
    """Return a non-negative integer parameter; raises BadRequestData (§6.3.10)."""
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) <= maximum):
        raise BadRequestData(
            f"`{name}` is not a whole number from 0 to {maximum}.",
            place=place_of(query, name),
            remedy=f"Send {name}={default}, for instance.",
        )
    return int(text)


def names(query: dict[str, str], name: str) -> tuple[str, ...] | None:
    """Return a list of attribute names as written, each checked; None where absent."""
    if name not in query:
        return None
    found = parts(query, name)
    for one in found:
        check_attribute_name(one, place_of(query, name))
    return found


def parts(query: dict[str, str], name: str) -> tuple[str, ...]:
    """Return the parts of a list; raises TooComplexQuery."""
    text = query[name]
    number = text.count(",") + 1
    if number > MOST_LISTED:
        raise TooComplexQuery(
            f"`{name}` lists {number}; {MOST_LISTED} are taken at once.",
            place=place_of(query, name),
            remedy="List fewer, or ask several times.",
        )
    return tuple(part.strip() for part in text.split(","))


def options(query: dict[str, str], allowed: frozenset[str]) -> frozenset[str]:
    """Return the tokens of `options`; raises InvalidRequest on one that is not `allowed`."""
    text = query.get("options")
    if not text:
        return frozenset()
    tokens = frozenset(part.strip() for part in text.split(","))
    unknown = tokens - allowed
    if unknown:
        raise InvalidRequest(
            f"`{min(unknown)}` is not an option of this operation.",
            place="query:options",
            remedy="Use only these: " + ", ".join(sorted(allowed)) + ".",
        )
    return tokens


READ_OPTIONS = frozenset(_FORMATS) | {"sysAttrs"}
_SIMPLIFIED = frozenset({"simplified", "keyValues"})


def simplified(query: dict[str, str]) -> bool:
    """Tell whether a request body is announced as simplified (merge, §5.6.17)."""
    given = query.get("format")
    if given is not None and given not in _SIMPLIFIED:
        raise InvalidRequest(
            f"`{given}` is not a representation a merge takes.",
            place="query:format",
            remedy="Send format=simplified, or leave it out.",
        )
    return bool(options(query, _SIMPLIFIED)) or given is not None


def representation(query: dict[str, str]) -> tuple[Kind, bool]:
    """Return the representation asked for, `format` before `options`, and whether with sysAttrs.

    Raises InvalidRequest for what is none (§6.3.7).
    """
    tokens = options(query, READ_OPTIONS)
    kind = next((_FORMATS[token] for token in sorted(tokens) if token in _FORMATS), "normalized")
    given = query.get("format")
    if given is not None:
        if given not in _FORMATS:
            raise InvalidRequest(
                f"`{given}` is not a representation.",
                place="query:format",
                remedy="Use one of " + ", ".join(sorted(_FORMATS)) + ".",
            )
        kind = _FORMATS[given]
    return kind, "sysAttrs" in tokens  # type: ignore[return-value]


def form(query: dict[str, str], attrs: frozenset[str] | None = None) -> Form:
    """Return the form that `format` and `options` ask for, of some attributes."""
    return Form(*representation(query), attrs)


def datasets(query: dict[str, str]) -> frozenset[str] | None:
    """Return the dataset instances to show, all where None (§4.5.5)."""
    if "datasetId" not in query:
        return None
    place = place_of(query, "datasetId")
    return frozenset(check_dataset(part, place) for part in parts(query, "datasetId"))


def languages(query: dict[str, str]) -> tuple[str, ...]:
    """Return the languages asked for, most wanted first (§4.15)."""
    text = query.get("lang")
    return () if text is None else parse_languages(text, place_of(query, "lang"))


def check_elsewhere(query: dict[str, str]) -> None:
    """Check what has no effect while no other broker is asked, and no entity map is made.

    Raises BadRequestData.
    """
    boolean(query, "splitEntities")
    boolean(query, "entityMap")
    if "entityMapLifetime" in query:
        place = place_of(query, "entityMapLifetime")
        parse_duration(query["entityMapLifetime"], place=place)


def contained(query: dict[str, str]) -> frozenset[str]:
    """Return the ids of entities that are not to be joined (§4.5.23)."""
    text = query.get("containedBy")
    if text is None:
        return frozenset()
    return frozenset(parse_ids(text, place=place_of(query, "containedBy")).ids)


def expanded(query: dict[str, str], name: str, context: Context) -> str:
    """Return the IRI of the attribute that a parameter names."""
    return context.expand(check_attribute_name(query[name], place_of(query, name)))
