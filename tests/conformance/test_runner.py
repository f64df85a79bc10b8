"""What the runner of the suite does by itself: copying, redirecting, reading, comparing."""

from pathlib import Path

import pytest

from tests.conformance import checkout, listed, report
from tests.conformance.contexts import Contexts
from tests.conformance.listed import Listed
from tests.conformance.runs import Result, leaves, read

PAGE = listed.PAGE.read_text()
OUTPUT = """<robot><suite name="s"><suite name="t">
<test name="001_01_01 Creates"><tag>5_6_1</tag><tag>e-create</tag><status status="PASS"/></test>
<test name="001_02_02 Refuses"><tag>5_6_1</tag><status status="FAIL">400 !=
  201</status></test>
</suite></suite></robot>"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """Return a folder that looks like a checkout."""
    root = tmp_path / "suite"
    for part in ("TP/NGSI-LD/A/One", "TP/NGSI-LD/B", "data", "libraries"):
        (root / part).mkdir(parents=True)
    (root / "resources" / "jsonld-contexts").mkdir(parents=True)
    own = "https://raw.githubusercontent.com/x/suite/main/resources/jsonld-contexts/own.jsonld"
    (root / "resources" / "jsonld-contexts" / "own.jsonld").write_text('{"@context": {}}')
    (root / "TP/NGSI-LD/A/One/1.robot").write_text(f"Post    {own}\n")
    (root / "TP/NGSI-LD/B/2.robot").write_text("Post    https://uri.etsi.org/ngsi-ld/v1/c.jsonld\n")
    (root / "requirements.txt").write_text("a==1\n-e ./libraries/b\nrobotframework-robocop==7\n")
    return root


def test_a_folder_that_is_no_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(checkout.NotASuite):
        checkout.copy(tmp_path, tmp_path / "copy")


def test_contexts_on_the_internet_come_from_this_machine(suite: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    checkout.copy(suite, copy)
    contexts = Contexts(copy)
    (moved,) = checkout.redirect(copy, contexts.base)
    test = (copy / "TP/NGSI-LD/A/One/1.robot").read_text()
    assert test == f"Post    {contexts.base}/{moved.removeprefix('https://')}\n"
    assert contexts.document(f"/{moved.removeprefix('https://')}") == b'{"@context": {}}'
    assert b"fiware.github.io/x.jsonld#Building" in contexts.document("/fiware.github.io/x.jsonld")
    assert "uri.etsi.org" in (copy / "TP/NGSI-LD/B/2.robot").read_text()
    assert moved in (suite / "TP/NGSI-LD/A/One/1.robot").read_text()
    contexts.close()


def test_the_suites_linter_is_not_needed_to_run_it(suite: Path) -> None:
    assert checkout.requirements(suite) == ["a==1", "./libraries/b"]


def test_folders_are_found_below_those_that_are_named(suite: Path) -> None:
    root = suite / "TP" / "NGSI-LD"
    assert leaves(suite, []) == [root / "A" / "One", root / "B"]
    assert leaves(suite, ["A"]) == [root / "A" / "One"]


def results(tmp_path: Path) -> list[Result]:
    path = tmp_path / "output.xml"
    path.write_text(OUTPUT)
    return list(read(path, "A/One"))


def test_results_have_id_outcome_message_and_clauses(tmp_path: Path) -> None:
    good, failed = results(tmp_path)
    assert good == Result("001_01_01", "A/One", True, "", ("5.6.1",))
    assert (failed.id, failed.passed, failed.message) == ("001_02_02", False, "400 != 201")


def test_only_what_is_listed_may_fail(tmp_path: Path) -> None:
    found = results(tmp_path)
    assert [one.id for one in report.unexpected(found, [])] == ["001_02_02"]
    for pattern in ("001_02_*", "A/*"):
        assert report.unexpected(found, [Listed(pattern, "5.5.4", "why")]) == []
    assert len(report.unexpected(found, [Listed("B/*", "5.5.4", "why")])) == 1


def test_a_difference_that_is_none_any_more_is_told(tmp_path: Path) -> None:
    found = results(tmp_path)
    assert report.outdated(found, [Listed("001_01_01", "", "")]) == ["001_01_01"]
    assert report.outdated(found, [Listed("001_02_02", "", ""), Listed("9_*", "", "")]) == []


def test_results_are_written_into_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nstale\n{report.END}\nafter\n")
    report.record(page, report.table(results(tmp_path)))
    text = page.read_text()
    assert "| A/One | 5.6 | 2 | 1 |" in text
    assert "stale" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")


def test_every_difference_has_a_clause_and_a_reason_and_there_are_few() -> None:
    differences = listed.differences(PAGE)
    assert 0 < len(differences) <= listed.MOST
    for row in differences:
        assert "*" not in row.pattern
        assert row.clause[0].isdigit()
        assert len(row.reason) > 40
