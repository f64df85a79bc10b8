"""Every adapter keeps the contract, and the level its manifest claims."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from adapters.catalogue import CATALOGUE
from adapters.contract import Level, Manifest

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(path.parent.name for path in (ROOT / "adapters").glob("*/manifest.py"))
DOCUMENT = (ROOT / "docs" / "adapters.md").read_text()
INPUT_AND_OUTPUT = {"aiohttp", "aiomqtt", "asyncio", "paho", "socket", "sqlite3", "time"}

manifests = pytest.mark.parametrize(
    "manifest", [CATALOGUE[name][0] for name in FOLDERS], ids=lambda m: m.name
)


def rows(heading: str) -> dict[str, list[str]]:
    """Return the rows of the table in the document whose first column has this heading."""
    table = DOCUMENT.partition(f"| {heading} |")[2].partition("\n\n")[0]
    lines = [line.strip("|").split("|") for line in table.splitlines()[2:]]
    return {cells[0].strip().strip("`"): [c.strip() for c in cells[1:]] for cells in lines}


def test_every_folder_with_a_manifest_is_in_the_catalogue():
    assert sorted(CATALOGUE) == FOLDERS


def test_the_document_says_what_each_level_owes():
    assert list(rows("level")) == [level.name.lower() for level in Level]


@manifests
def test_the_document_shows_each_adapter_at_its_level(manifest: Manifest):
    assert rows("adapter | level")[manifest.name][0] == manifest.level.name.lower()


@manifests
def test_a_manifest_is_that_of_its_folder_and_names_its_sources(manifest: Manifest):
    module = importlib.import_module(f"adapters.{manifest.name}.manifest")
    assert module.MANIFEST is manifest
    assert manifest.sources
    assert manifest.protocols


@manifests
def test_an_adapter_has_a_fake_device(manifest: Manifest):
    module = importlib.import_module(f"adapters.{manifest.name}.fake")
    assert any(name.startswith("Fake") for name in vars(module))


@manifests
def test_decoding_does_no_input_or_output(manifest: Manifest):
    assert manifest.codecs
    for codec in manifest.codecs:
        path = ROOT / "adapters" / manifest.name / f"{codec}.py"
        imported: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
        assert not imported & INPUT_AND_OUTPUT, path


@manifests
def test_a_level_is_proved_by_tests_that_exist(manifest: Manifest):
    proofs = "\n".join((ROOT / proof).read_text() for proof in manifest.proofs)
    owed = {
        Level.SILVER: r"mqtt_broker\(|live_broker\(",
        Level.GOLD: r"async def test_\w*(lost|away|unreachable|refused|mismatch|wrong|no_answer)",
        Level.PLATINUM: r"\.kill\(|SIGKILL",
    }
    for level, sign in owed.items():
        if manifest.level >= level:
            assert re.search(sign, proofs), f"{manifest.name} shows nothing for {level.name}"
