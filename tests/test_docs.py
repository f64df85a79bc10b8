"""The documents say what is there: dependencies, make targets, links, decisions, threats."""

import re
import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from broker.api.routes import TABLE
from broker.api.session import PARAMETERS
from broker.store.outbox import Books
from broker.subscriptions.endpoint import PORTS
from broker.subscriptions.model import Trigger
from broker.subscriptions.notification import ACCEPTED, FORMATS
from broker.subscriptions.parse import _PARSERS as MEMBERS
from machi.commands.shared import EXIT_CODES
from tests.support.commands import commands

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
REQUIREMENTS = [*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"]]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))[1:]
"""Without the template, 0000."""


@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_readme_says_what_each_dependency_is_for(requirement: str) -> None:
    name = re.split(r"[\[<>=]", requirement)[0]
    rows = [line.split("|")[1] for line in README.splitlines() if line.startswith("| ")]
    assert re.search(rf"\b{re.escape(name)}(,| |$)", "\n".join(rows), re.MULTILINE)


def test_readme_names_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z]+)", README))
    assert {"run", "test", "lint", "bench", "crash"} <= named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_named_files_exist(page: Path) -> None:
    text = page.read_text()
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (page.parent / link).exists(), link
    for name in re.findall(r"`((?:bench|broker|docs|machi|tests|tools)/[\w./-]*)`", text):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_says_how_to_confirm_it(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(f"# {page.stem[:4]}: ")
    for part in ("Context", "Decision", "Consequences", "Confirmation"):
        assert len(text.partition(f"## {part}\n")[2].strip().partition("\n## ")[0]) > 40


def test_every_threat_has_an_answer() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs" / "threat-model.md").read_text().splitlines()
        if line.startswith("| ")
    ]
    assert len(rows) > 30
    assert all(len(row) == 2 and all(row) for row in rows)


@pytest.mark.parametrize("route", TABLE.routes, ids=lambda route: route.name)
def test_every_route_has_a_summary_and_an_answer(route) -> None:
    assert route.summary
    assert all(text for text, _ in route.answers.values())


def test_the_page_on_the_command_line_has_every_command() -> None:
    rows = re.findall(
        r"^\| `(machi [^`]*)` \|", (ROOT / "docs" / "cli.md").read_text(), re.MULTILINE
    )
    assert sorted(rows) == sorted(
        " ".join(("machi", *words)) for words, grouping in commands() if not grouping
    )


def test_the_page_on_the_command_line_has_every_exit_code() -> None:
    rows = re.findall(r"^\| (\d) \| (.*) \|$", (ROOT / "docs" / "cli.md").read_text(), re.MULTILINE)
    told = re.findall(r"^  (\d)  (.*)$", EXIT_CODES, re.MULTILINE)
    assert rows == told


def test_the_page_on_streams_names_every_parameter_and_event() -> None:
    page = (ROOT / "docs" / "streams.md").read_text()
    stream = next(route for route in TABLE.routes if route.name == "stream")
    for name in stream.known:
        assert re.search(rf"`{name}\b", page), name
    assert stream.known >= PARAMETERS


def test_the_page_on_subscriptions_names_every_member_and_word() -> None:
    text = (ROOT / "docs" / "subscriptions.md").read_text()
    words = {*MEMBERS, *Trigger, *FORMATS, *ACCEPTED, *PORTS, *asdict(Books())}
    assert {
        word for word in words - {"keyValues"} if not re.search(rf"\b{re.escape(word)}\b", text)
    } == set()


@pytest.mark.parametrize(("name", "least"), [("faults", 25), ("security", 15)])
def test_pages_name_tests_that_exist(name: str, least: int) -> None:
    rows = re.findall(
        r"^\| .* \| `(tests/[\w/]+\.py)::(test_\w+)` \|$",
        (ROOT / "docs" / f"{name}.md").read_text(),
        re.MULTILINE,
    )
    assert len(rows) > least
    for file, test in rows:
        assert re.search(rf"^(async )?def {test}\(", (ROOT / file).read_text(), re.MULTILINE), test


def test_every_one_of_the_ten_risks_has_a_row() -> None:
    rows = re.findall(r"^\| API(\d+): ", (ROOT / "docs" / "security.md").read_text(), re.MULTILINE)
    assert {int(number) for number in rows} == set(range(1, 11))


def test_no_two_decisions_have_one_number() -> None:
    numbers = [page.stem[:4] for page in DECISIONS]
    assert len(numbers) == len(set(numbers))
