"""The NGSI-LD core @context, built in: never fetched, never redefined.

A table of facts: the terms of Annex B of ETSI GS CIM 009 V1.9.1, and the two that only the
published 1.9 file has (`geometryProperty`, `objectsLists`). Only what names mean is kept; the
value coercions of the published file are the data model's own rules here.
"""

from __future__ import annotations

import re
from typing import Final

from broker.jsonld.context import Context

CORE_URL: Final = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
"""The version answered with where the client named no context."""
NGSI_LD: Final = "https://uri.etsi.org/ngsi-ld/"
DEFAULT_VOCAB: Final = NGSI_LD + "default-context/"
GEOJSON: Final = "https://purl.org/geojson/vocab#"
CORE_PREFIXES: Final = frozenset({"ngsi-ld", "geojson"})

_CORE_URL = re.compile(
    r"https?://uri\.etsi\.org/ngsi-ld/v1/ngsi-ld-core-context(?:-v1\.\d{1,2})?\.jsonld"
)

_SAME_NAME = """
    accept aggrMethods aggrParams aggrPeriodDuration Attribute AttributeList attributeList
    attributeName attributeNames attributes attributeTypes attrs avg cacheDuration collation
    contextSourceAlias contextSourceExtras ContextSourceIdentity contextSourceInfo
    ContextSourceNotification ContextSourceRegistration contextSourceTimeAt contextSourceUptime
    cooldown createdAt csf data datasetId Date DateTime deletedAt detail distinctCount endAt
    endpoint endTimeAt entities entity entityCount entityId entityList EntityType EntityTypeInfo
    EntityTypeList error errors ExecutionResultDetails expandValues expiresAt format GeoProperty
    geoproperty geoQ georel idPattern information instanceId isActive join jsonKeys JsonProperty
    jsons lang LanguageProperty lastFailure lastNotification lastSuccess lastUsedAt linkedMaps
    ListProperty ListRelationship localOnly location management managementInterval max min mode
    modifiedAt ngsildproof Notification notification notificationTrigger notifiedAt notifierInfo
    notUpdated observationInterval observationSpace observedAt omit operations operationSpace
    orderBy ordering pick problemDetails Property propertyNames q reason receiverInfo refreshRate
    registrationId registrationName Relationship relationshipNames resultStatus scope scopeQ
    showChanges Snapshot snapshotId snapshotLifetime SnapshotNotification snapshotPriority
    snapshotQueries snapshotQueriesDetails snapshotStatus snapshotTemporalQueries
    snapshotTemporalQueriesDetails startAt status stddev Subscription subscriptionId
    subscriptionName success sum sumsq sysAttrs TemporalProperty temporalQ tenant throttling Time
    timeAt timeInterval timeout timeproperty timerel timesFailed timesSent totalCount triggerReason
    typeList typeName typeNames unchanged unitCode updated uri VocabProperty watchedAttributes
"""

_HAS_NAME = {
    "dataset": "Dataset",
    "entityMap": "EntityMap",
    "joinLevel": "JoinLevel",
    "json": "JSON",
    "key": "Key",
    "languageMap": "LanguageMap",
    "languageMaps": "LanguageMaps",
    "object": "Object",
    "objectList": "ObjectList",
    "objectLists": "ObjectLists",
    "objectType": "ObjectType",
    "objects": "Objects",
    "objectsLists": "ObjectsLists",
    "previousJson": "PreviousJson",
    "previousLanguageMap": "PreviousLanguageMap",
    "previousObject": "PreviousObject",
    "previousObjectList": "PreviousObjectList",
    "previousValue": "PreviousValue",
    "previousValueList": "PreviousValueList",
    "previousVocab": "PreviousVocab",
    "value": "Value",
    "valueList": "ValueList",
    "valueLists": "ValueLists",
    "valueType": "ValueType",
    "values": "Values",
    "vocab": "Vocab",
    "vocabs": "Vocabs",
}

_GEOJSON_NAME = """
    bbox coordinates Feature FeatureCollection features geometry GeometryCollection
    geometryProperty LineString MultiLineString MultiPoint MultiPolygon Point Polygon properties
"""

CORE_TERMS: Final[dict[str, str]] = {
    "id": "@id",
    "type": "@type",
    "ngsi-ld": NGSI_LD,
    "geojson": GEOJSON,
    "attributeCount": DEFAULT_VOCAB + "attributeCount",
    "attributeDetails": DEFAULT_VOCAB + "attributeDetails",
    "containedBy": NGSI_LD + "isContainedBy",
    "description": "http://purl.org/dc/terms/description",
    "langString": "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString",
    "title": "http://purl.org/dc/terms/title",
    **{term: NGSI_LD + term for term in _SAME_NAME.split()},
    **{term: f"{NGSI_LD}has{name}" for term, name in _HAS_NAME.items()},
    **{term: GEOJSON + term for term in _GEOJSON_NAME.split()},
}
"""Core term → IRI or keyword, as a JSON-LD processor reads the core context."""

CORE_CONTEXT: Final = Context(
    CORE_TERMS,
    prefixes=CORE_PREFIXES,
    vocab=DEFAULT_VOCAB,
    source=CORE_URL,
    link=CORE_URL,
    key=CORE_URL,
)


def is_core(url: str) -> bool:
    """Tell whether a URL names the core context, in any version and with either scheme."""
    return _CORE_URL.fullmatch(url) is not None
