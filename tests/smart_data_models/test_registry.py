"""The built registry: what goes in comes out, and what is not there says so."""

from dataclasses import replace
from pathlib import Path

import apsw
import pytest

from smart_data_models.errors import NoRegistry
from smart_data_models.model import Attribute, Model
from smart_data_models.registry import Registry, write

LEVEL = Attribute("level", "https://x.example/level", "Property", {"type": "number"}, "Height", "m")
WELL = Model(
    subject="Water",
    name="Well",
    iri="https://x.example/Well",
    version="0.0.1",
    description="A well, for drinking",
    licence="CC BY 4.0",
    origin="official",
    required=("level",),
    attributes=(LEVEL, Attribute("level.unit", "https://x.example/unit")),
)


@pytest.fixture
def registry(tmp_path: Path):
    path = tmp_path / "built" / "registry.sqlite"
    assert write([WELL], path) == 1
    opened = Registry(path)
    yield opened
    opened.close()


def test_model_is_found_by_name_and_by_type(registry: Registry):
    assert registry.model("Water", "Well") == WELL
    assert registry.by_iri("https://x.example/Well") == WELL


def test_unknown_model_is_none(registry: Registry):
    assert registry.model("Water", "Spring") is None
    assert registry.by_iri("https://x.example/Spring") is None


def test_type_has_its_official_attributes_and_what_the_town_adds(tmp_path: Path):
    depth = Attribute("depth", "https://x.example/depth", "Property", {"type": "number"})
    narrow = replace(LEVEL, schema={"type": "integer"})
    added = replace(WELL, subject="Machi", origin="own", required=(), attributes=(narrow, depth))
    path = tmp_path / "registry.sqlite"
    write([WELL, added], path)
    registry = Registry(path)
    well = registry.by_iri(WELL.iri)
    assert registry.model("Water", "Well") == WELL
    registry.close()
    assert well is not None
    assert (well.subject, well.required) == ("Water", ("level",))
    assert well.attributes == (narrow, depth, WELL.attributes[1])


def test_subjects_and_names_are_listed(registry: Registry):
    assert registry.subjects() == [("Water", 1)]
    assert registry.names("Water") == [("Well", "A well, for drinking")]


def test_search_ignores_case_and_looks_at_descriptions(registry: Registry):
    assert registry.search("DRINK") == [("Water", "Well", "A well, for drinking")]
    assert registry.search("beer") == []


def test_rebuilding_replaces_the_registry(tmp_path: Path):
    path = tmp_path / "registry.sqlite"
    write([WELL], path)
    write([], path)
    assert Registry(path).subjects() == []


def test_missing_registry_says_how_to_make_it(tmp_path: Path):
    with pytest.raises(NoRegistry, match="make setup"):
        Registry(tmp_path / "none.sqlite")


def test_registry_of_another_format_is_refused(tmp_path: Path):
    path = tmp_path / "registry.sqlite"
    write([WELL], path)
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(NoRegistry, match="format 99"):
        Registry(path)


def test_registry_of_this_environment_has_official_and_own_models():
    registry = Registry()
    subjects = dict(registry.subjects())
    assert sum(subjects.values()) > 1000
    assert subjects["Machi"] == 37
    device = registry.model("Device", "Device")
    assert device is not None
    assert {"batteryLevel", "controlledProperty"} <= {a.path for a in device.attributes}
    registry.close()
