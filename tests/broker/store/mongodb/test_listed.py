"""The page on MongoDB lists, by test id, what only a real server shows."""

import re
from pathlib import Path

HERE = "tests/broker/store/mongodb/test_real_server.py"
ROOT = Path(__file__).parents[4]


def test_the_page_lists_every_test_that_wants_a_real_server() -> None:
    page = (ROOT / "docs" / "mongodb.md").read_text()
    listed = re.findall(rf"^\| `{HERE}::(test_\w+)` \| .+ \|$", page, re.MULTILINE)
    there = re.findall(r"^(?:async )?def (test_\w+)\(", (ROOT / HERE).read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(there)
    assert len(there) > 5
