"""English and Japanese: every text of the command line is there in both."""

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from machi import language
from machi.japanese import JAPANESE, MODULES
from machi.language import first_line, japanese, t

ROOT = Path(language.__file__).parent


def texts() -> Iterator[tuple[str, str]]:
    """Yield every text that is given to `t`, with the place it stands at."""
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="t"), args=[ast.Constant(value=str(text))]):
                    yield f"{file.name}:{node.lineno}", text


def fields(text: str) -> set[str]:
    """Return the names in a text's braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(("place", "text"), list(texts()))
def test_every_text_has_its_japanese_with_the_same_values(place: str, text: str):
    translated = JAPANESE[first_line(text)]
    assert fields(translated) == fields(text)


def test_no_translation_is_left_of_a_text_that_is_gone():
    assert set(JAPANESE) == {first_line(text) for _, text in texts()}


def test_no_text_is_translated_twice():
    assert sum(len(module.WORDS) for module in MODULES) == len(JAPANESE)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"LANG": "ja_JP.UTF-8"}, True),
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, False),
        ({"LANG": "en_US", "LC_MESSAGES": "ja_JP"}, True),
        ({"LANG": "ja_JP", "LC_ALL": ""}, True),
    ],
)
def test_the_language_is_that_of_the_locale(environment: dict[str, str], expected: bool):
    assert japanese(environment) is expected


def test_a_text_in_japanese_takes_the_values(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    assert t("There is no tenant {name}.", name="x") == "テナント x はありません。"
