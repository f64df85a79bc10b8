"""The data file's traps: parts of values without a parent, one big array, no required flags."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from smart_data_models.assets import METADATA, ROWS, UnexpectedAssets, read, top_level

SDM = "https://smartdatamodels.org/"


def row(name: str, context: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a row as the data file has them."""
    return {
        "id": f"{SDM}dataModel.Water/Well/{name}#0.0.1",
        "context": context or f"{SDM}dataModel.Water/{name}",
        "property": name.rpartition("/")[2],
        "dataModel": "Well",
        "repoName": "dataModel.Water",
        "license": "https://licence.example",
        "schemaVersion": "0.0.1",
        **more,
    }


def package(folder: Path, rows: list[dict[str, Any]], required: list[str]) -> Path:
    """Write the files of an unpacked package."""
    (folder / "model-assets").mkdir()
    (folder / ROWS).write_bytes(gzip.compress(json.dumps(rows, indent=1).encode()))
    about = {"subject": "dataModel.Water", "dataModel": "Well", "required": required}
    (folder / METADATA).write_text(json.dumps([about | {"description": "A  well\n"}]))
    return folder


def test_model_has_the_attributes_of_its_rows(tmp_path: Path):
    rows = [
        row("id", "@id"),
        row("depth", type="number", typeNGSI="Property", units="metre", description="Down  there"),
        row("state", type="string", enum=["dry", "wet"]),
        row("type", "@type"),
    ]
    [model] = read(package(tmp_path, rows, ["id", "type", "depth"]))
    assert (model.subject, model.name, model.version) == ("Water", "Well", "0.0.1")
    assert model.iri == f"{SDM}dataModel.Water/Well"
    assert model.description == "A well"
    assert model.required == ("depth",)
    depth, state = model.attributes
    assert (depth.path, depth.kind, depth.units) == ("depth", "Property", "metre")
    assert depth.description == "Down there"
    assert state.schema == {"type": "string", "enum": ["dry", "wet"]}


def test_part_of_a_value_goes_under_its_attribute(tmp_path: Path):
    parent = f"{SDM}dataModel.Water/Well/address#0.0.1"
    rows = [
        row("address", type="object"),
        row("address/street", type="string", parentId=parent, property="street"),
        row("depth", type="number"),
    ]
    [model] = read(package(tmp_path, rows, []))
    assert [a.path for a in model.attributes if a.top] == ["address", "depth"]
    assert [a.path for a in model.attributes if not a.top] == ["address.street"]


def test_part_without_a_parent_is_no_attribute(tmp_path: Path):
    rows = [
        row("configuration", type="array"),
        row("parameter", type="string"),
        row("value", type="string"),
        row("controlledAsset", type="array"),
        row("controlledProperty", type="array"),
        row("depth", type="number"),
        row("location", type="object"),
        row("coordinates", "https://purl.org/geojson/vocab#coordinates", type="array"),
    ]
    [model] = read(package(tmp_path, rows, []))
    assert [a.path for a in model.attributes] == [
        *("configuration", "controlledAsset", "controlledProperty", "depth", "location")
    ]


def test_longest_rising_sequence_is_taken():
    assert top_level(["b", "x", "y", "c", "d", "e"]) == [0, 3, 4, 5]
    assert top_level([]) == []


@pytest.mark.parametrize("text", [b'[{"a": 1}, {"b"', b'[{"repoName": "x"}]', b"[1]"])
def test_other_layout_is_refused(tmp_path: Path, text: bytes):
    folder = package(tmp_path, [], [])
    (folder / ROWS).write_bytes(gzip.compress(text))
    with pytest.raises(UnexpectedAssets):
        list(read(folder))
