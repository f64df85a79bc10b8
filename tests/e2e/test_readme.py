"""The README's lines in a running town, as they are printed."""

import re
import subprocess
from pathlib import Path

from tests.e2e.town import Town

README = (Path(__file__).parents[2] / "README.md").read_text()
PART = README.partition("## Your first entity")[2].partition("\n## ")[0]
LINES = [
    text.strip()
    for block in re.findall(r"```sh\n(.*?)```", PART, re.DOTALL)
    for text in re.split(r"\n(?=curl )", block)
    if text.startswith("curl")
]


def key_shown(town: Town) -> str:
    """Return the line with the demo's key, as it is pasted into a terminal."""
    (line,) = re.findall(r"KEY=mk_\w{8}_[\w-]{43}", town.said())
    return line


def run(town: Town, line: str, key: str) -> str:
    """Run a line in a shell with the key set; return what it prints."""
    here = line.replace("localhost:1026", f"127.0.0.1:{town.broker_port}")
    if "/stream" in here:
        return first_event(f"{key}\nexec {here}")
    script = f"{key}\n{here}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    return done.stdout


def first_event(script: str) -> str:
    """Return the first event that a script prints, which goes on for ever; end it."""
    with subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            return next(line for line in process.stdout if "event: " in line)
        finally:
            process.kill()


def test_the_lines_on_the_first_entity_work_as_printed(town: Town):
    key = key_shown(town)
    open_data, created, read, found, streamed = (run(town, line, key) for line in LINES)
    assert '"RiverLevelStation"' in open_data
    assert created.startswith("HTTP/1.1 201 ")
    assert '"castle-park' in read.replace("Thermometer:", '"')
    assert "castle-park" in found
    assert "event: open" in streamed
    assert town.server.pid


def test_without_the_key_open_data_is_read_and_nothing_is_written(town: Town):
    open_data, created, *_ = (run(town, line, "KEY=") for line in LINES[:2])
    assert '"RiverLevelStation"' in open_data
    assert created.startswith("HTTP/1.1 401 ")


def test_no_key_is_in_the_arguments_of_a_process_or_in_its_log(town: Town):
    told = key_shown(town)
    group = {
        path.parent
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if str(town.data).encode() in path.read_bytes()
        or str(town.broker_port).encode() in path.read_bytes()
    }
    assert len(group) >= 5
    for process in group:
        assert b"mk_" not in (process / "cmdline").read_bytes()
    said = town.said().replace(told, "")
    assert "mk_" not in said
