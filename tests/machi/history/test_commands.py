"""`machi import history` and `machi export history`, on real files."""

import csv
import io
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result

from broker.jsonld.core import CORE_CONTEXT
from broker.store.sqlite import SqliteStore
from machi.cli import main
from machi.commands.history import _progress
from machi.history import bringing
from machi.history.bringing import bring
from machi.history.sources import Source, identity
from machi.history.tables import Reading

GAUGE = "urn:ngsi-ld:River:1"


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def done(*arguments: Any) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def levels(tmp_path: Path, count: int = 5) -> Path:
    """Return a CSV file of levels, one a minute."""
    path = tmp_path / "levels.csv"
    rows = (f"2020-07-04T06:{n // 60:02}:{n % 60:02}Z,{n / 4}\n" for n in range(count))
    path.write_text("observedAt,level\n" + "".join(rows))
    return path


def bring_levels(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    source = levels(tmp_path)
    done("import", "history", source, "--data", data, "--id", GAUGE, "--type", "River")
    return data


def test_text_a_spreadsheet_would_take_for_a_formula_is_quoted_and_comes_back(
    tmp_path: Path,
) -> None:
    source, formula = tmp_path / "notes.csv", '=HYPERLINK("http://evil.example")'
    with source.open("w", newline="") as file:
        csv.writer(file).writerows([("observedAt", "note"), ("2020-07-04T06:00:00Z", formula)])
    data, copy = tmp_path / "data", tmp_path / "copy"
    done("import", "history", source, "--data", data, "--id", GAUGE, "--type", "River")
    (row,) = table(done("export", "history", "--data", data))
    assert row["value"] == orjson.dumps(formula).decode()
    again = tmp_path / "again.csv"
    done("export", "history", "--data", data, "--output", again)
    done("import", "history", again, "--data", copy)
    assert table(done("export", "history", "--data", copy))[0]["value"] == row["value"]


def test_export_that_is_interrupted_leaves_the_file_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, output = bring_levels(tmp_path), tmp_path / "out.csv"
    output.write_text("whole")

    def interrupted(rows: Any, file: Any) -> int:
        file.write("half")
        raise OSError("the disk is full")

    monkeypatch.setattr("machi.history.taking.write_csv", interrupted)
    assert run("export", "history", "--data", data, "--output", output).exit_code != 0
    assert output.read_text() == "whole"
    assert list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part")) == []


def test_what_is_imported_is_exported_with_its_own_times(tmp_path: Path) -> None:
    data = bring_levels(tmp_path)
    rows = table(done("export", "history", "--data", data))
    assert [(row["observedAt"], row["value"]) for row in rows[:2]] == [
        ("2020-07-04T06:00:00Z", "0.0"),
        ("2020-07-04T06:00:01Z", "0.25"),
    ]
    assert {(row["id"], row["type"], row["attribute"]) for row in rows} == {
        (GAUGE, "River", "level")
    }


def test_an_export_can_be_imported_elsewhere(tmp_path: Path) -> None:
    data, exported = bring_levels(tmp_path), tmp_path / "out.csv"
    done("export", "history", "--data", data, "--output", exported)
    done("import", "history", exported, "--data", tmp_path / "other")
    again = table(done("export", "history", "--data", tmp_path / "other"))
    left_out = ("instanceId", "createdAt", "modifiedAt")
    for row in (*again, *(rows := table(exported.read_text()))):
        for column in left_out:
            del row[column]
    assert again == rows


def test_importing_twice_keeps_everything_once(tmp_path: Path) -> None:
    data = bring_levels(tmp_path)
    before = done("export", "history", "--data", data)
    bring_levels(tmp_path)
    assert done("export", "history", "--data", data) == before


def test_ngsi_ld_bodies_are_imported_from_lines_and_from_one_file(tmp_path: Path) -> None:
    instances = [
        {"type": "Property", "value": n, "observedAt": f"2020-07-04T06:00:0{n}Z"} for n in range(3)
    ]
    body = {"id": GAUGE, "type": "River", "level": instances}
    other = {**body, "id": "urn:ngsi-ld:River:2"}
    (tmp_path / "a.jsonl").write_bytes(orjson.dumps(body) + b"\n" + orjson.dumps(other))
    (tmp_path / "b.json").write_bytes(orjson.dumps([body, other]))
    for name in ("a.jsonl", "b.json"):
        data = tmp_path / f"data of {name}"
        done("import", "history", tmp_path / name, "--data", data)
        assert len(table(done("export", "history", "--data", data))) == 6


def test_names_are_those_of_a_context(tmp_path: Path) -> None:
    context = tmp_path / "context.jsonld"
    context.write_text('{"@context": {"level": "https://example.org/level"}}')
    data, source = tmp_path / "data", levels(tmp_path)
    named = ("--data", data, "--context", context)
    done("import", "history", source, *named, "--id", GAUGE, "--type", "River")
    assert table(done("export", "history", *named))[0]["attribute"] == "level"
    plain = table(done("export", "history", "--data", data))
    assert plain[0]["attribute"] == "https://example.org/level"


def test_an_export_may_be_of_a_part(tmp_path: Path) -> None:
    data = bring_levels(tmp_path)
    times = ("--after", "2020-07-04T06:00:01Z", "--before", "2020-07-04T06:00:03Z")
    rows = table(done("export", "history", "--data", data, *times, "--type", "River"))
    assert [row["value"] for row in rows] == ["0.25", "0.5"]
    for other in (("--id", "urn:x"), ("--type", "Bridge"), ("--attribute", "flow")):
        assert table(done("export", "history", "--data", data, *other)) == []


def test_series_longer_than_a_page_are_exported_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bring_levels(tmp_path)
    monkeypatch.setattr("broker.store.sqlite.history.archive.PAGE", 2)
    assert len(table(done("export", "history", "--data", data))) == 5


def test_a_parquet_file_has_the_same_rows(tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    data, path = bring_levels(tmp_path), tmp_path / "levels.parquet"
    done("export", "history", "--data", data, "--output", path)
    read = parquet.read_table(path).to_pylist()
    assert [row["number"] for row in read] == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert read[0]["observedAt"] == "2020-07-04T06:00:00Z"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "", "--format"),
        ("a.csv", "time,level\n", "no column 'observedAt'"),
        ("a.csv", "observedAt,level\nnow,1\n", "entry 1: 'now' is no time"),
        ("a.jsonl", "{", "no JSON"),
        ("a.jsonl", '{"id": "urn:a"}', "entry 1: The entity has no type"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_place(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    options = ("--data", tmp_path / "data", "--id", GAUGE, "--type", "River")
    result = run("import", "history", path, *options)
    assert (result.exit_code, words in result.output) == (6, True), result.output


async def test_an_interrupted_import_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bringing, "BATCH", 2)
    path = levels(tmp_path)
    reading = Reading(CORE_CONTEXT.expand, GAUGE, "River")
    name = identity(path)
    store = SqliteStore(tmp_path / "data")
    await store.open()

    def interrupt(done: int, size: int) -> None:
        raise KeyboardInterrupt

    first = Source(path, "csv", reading, CORE_CONTEXT, 0)
    with pytest.raises(KeyboardInterrupt):
        await bring(store, "", first, name, interrupt)
    assert await store.history.place(name) == 2
    second = Source(path, "csv", reading, CORE_CONTEXT, 0)
    assert await bring(store, "", second, name, lambda done, size: None) == 3
    assert await store.history.place(name) == 0
    (series,) = (await store.history.read("", [GAUGE]))[GAUGE]
    assert [moment.number for moment in series.moments] == [0.0, 0.25, 0.5, 0.75, 1.0]
    await store.close()


def test_another_file_has_another_name(tmp_path: Path) -> None:
    path = levels(tmp_path)
    name = identity(path, "csv")
    assert name == identity(path, "csv")
    assert name != identity(path, "jsonl")
    path.write_text(path.read_text() + "2020-07-05T00:00:00Z,1\n")
    assert name != identity(path, "csv")


def test_a_terminal_sees_how_far_an_import_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    progress = _progress("levels.csv")
    progress(50, 100)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress(50, 100)
    progress(100, 100)
    shown = capsys.readouterr().err
    assert shown.startswith("\rlevels.csv [" + "#" * 15 + " " * 15 + "]  50%")
    assert shown.endswith("100%\n")
