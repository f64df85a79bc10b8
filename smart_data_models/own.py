"""The town's own models: a folder each, with schema and examples, in `own/`.

A schema with `$extends` adds attributes to an official type: it is the town's part of that model.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson

from broker.jsonld.core import CORE_TERMS
from smart_data_models.model import Attribute, Model

SUBJECT: Final = "Machi"
NAMESPACE: Final = "https://machi.example/ns#"
KINDS: Final = ("LanguageProperty", "GeoProperty", "Relationship", "Property")

_SHARED: Final = {
    "name": "https://smartdatamodels.org/name",
    "openingHours": "https://smartdatamodels.org/openingHours",
    "dateObserved": "https://smartdatamodels.org/dateObserved",
    "validFrom": "https://smartdatamodels.org/validFrom",
    "validTo": "https://smartdatamodels.org/dataModel.Alert/validTo",
    "source": "https://smartdatamodels.org/source",
    "language": "https://smartdatamodels.org/dataModel.DCAT-AP/language",
    "refBuilding": "https://smartdatamodels.org/dataModel.Building/refBuilding",
    "refDevice": "https://smartdatamodels.org/dataModel.Device/refDevice",
    "startedAt": "https://smartdatamodels.org/dataModel.Device/startedAt",
    "controlledAsset": "https://smartdatamodels.org/dataModel.Device/controlledAsset",
    "refStreetlightGroup": "https://smartdatamodels.org/dataModel.Streetlighting/refStreetlightGroup",
    "batteryLevel": "https://smartdatamodels.org/dataModel.Device/batteryLevel",
    "rssi": "https://smartdatamodels.org/dataModel.Device/rssi",
    "capacity": "https://smartdatamodels.org/dataModel.PointOfInterest/capacity",
    "occupancy": "https://smartdatamodels.org/dataModel.PointOfInterest/occupancy",
    "waterLevel": "https://smartdatamodels.org/dataModel.Environment/waterLevel",
    "dangerLevel": "https://smartdatamodels.org/dataModel.Environment/dangerLevel",
}
"""Attributes that mean what an official one means, and so have its IRI."""


@cache
def own_models() -> tuple[Model, ...]:
    """Return the own models, in order of their names."""
    folders = sorted(files("smart_data_models").joinpath("own").iterdir(), key=lambda f: f.name)
    return tuple(
        _to_model(orjson.loads(folder.joinpath("schema.json").read_bytes())) for folder in folders
    )


def examples(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (file name, example) of an own model."""
    folder = files("smart_data_models").joinpath("own", name, "examples")
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        yield file.name, orjson.loads(file.read_bytes())


def iri(term: str) -> str:
    """Return the IRI of an attribute of the own models; terms of the core context keep theirs."""
    return CORE_TERMS.get(term) or _SHARED.get(term, NAMESPACE + term)


def _to_model(schema: dict[str, Any]) -> Model:
    name = schema["title"]
    return Model(
        subject=SUBJECT,
        name=name,
        iri=schema.get("$extends", NAMESPACE + name),
        version=schema["$schemaVersion"],
        description=schema["description"],
        licence="Apache-2.0",
        origin="own",
        required=tuple(a for a in schema["required"] if a not in ("id", "type")),
        attributes=tuple(
            _attribute(path, value)
            for path, value in schema["properties"].items()
            if path not in ("id", "type")
        ),
    )


def _attribute(path: str, schema: dict[str, Any]) -> Attribute:
    text = schema.get("description", "")
    kind = next((kind for kind in KINDS if text.startswith(kind + ".")), "Property")
    return Attribute(
        path=path,
        iri=iri(path),
        kind=kind,
        schema={member: value for member, value in schema.items() if member != "description"},
        description=text.removeprefix(kind + ".").strip(),
    )
