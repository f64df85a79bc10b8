"""docs/api/ says what is there: every operation, parameter and error, and examples that run."""

import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from broker import errors
from broker.api.openapi import headers
from broker.api.routes import TABLE
from broker.api.table import Route
from broker.errors import MachiError
from tests.support.example_runs import run
from tests.support.examples import Example, Unlike, examples
from tools.api_docs import COMMON_HEADERS, FOLDER, error_kinds, page_of, pages

PAGES = sorted(FOLDER.glob("*.md"))
WEBSOCKET = "websocket"
"""The operation that examples in HTTP cannot ask: its page shows a command, tests are elsewhere."""

AS_IN_A_QUERY = frozenset({"explain_query", "stream"})
"""Operations that take parameters of `query_entities`: that one's page shows what these do."""

UNREQUESTED = {errors.RequestTimeout: "it takes a request that stops on its way, and time"}
"""Errors that no example can bring about, and why; their page shows the document."""


def test_the_pages_say_what_the_dispatch_table_says() -> None:
    for name, text in pages().items():
        assert (FOLDER / name).read_text() == text, f"run tools/api_docs.py: {name} is outdated"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_the_examples_of_a_page_run(page: Path) -> None:
    text = page.read_text()
    assert await run(text) == len(examples(text))


@pytest.mark.parametrize(
    ("says", "says_otherwise"),
    [
        ("HTTP/1.1 200", "HTTP/1.1 201"),
        ('"seconds": 60', '"seconds": 61'),
        ("event: open", "event: x"),
    ],
    ids=["status", "body", "event"],
)
async def test_a_page_that_says_otherwise_is_refused(says: str, says_otherwise: str) -> None:
    page = (FOLDER / "extensions.md").read_text()
    answer = page.index(says, page.index("HTTP/1.1"))
    with pytest.raises(Unlike):
        await run(page[:answer] + page[answer:].replace(says, says_otherwise, 1))


def asked(page: str) -> Iterator[tuple[Route, Example]]:
    """Yield the examples of a page with the operations they ask."""
    for one in examples(page):
        place = TABLE.find(one.path.partition("?")[0].encode())
        if place is not None and one.method in place[0]:
            yield place[0][one.method], one


def shown(route: Route) -> list[Example]:
    """Return the examples of an operation on its page."""
    return [one for found, one in asked((FOLDER / page_of(route)).read_text()) if found is route]


def handwritten(route: Route) -> str:
    """Return what a page says of an operation below the part that is made."""
    page = (FOLDER / page_of(route)).read_text()
    return page.partition(f"<!-- /{route.name} -->")[2].partition("\n<!-- ")[0]


def parameters(route: Route) -> set[tuple[str, str]]:
    """Return names and meanings of what an operation can be told in its URL and its headers."""
    told = [(name, text) for name, text, _ in headers(route) if name not in COMMON_HEADERS]
    return {*told, *((one.name, one.text) for one in route.query)}


def named(route: Route, one: Example) -> set[tuple[str, str]]:
    """Return the parameters of an operation that an example gives."""
    names = {name for name, _ in one.request.headers}
    names.update(part.partition("=")[0] for part in one.path.partition("?")[2].split("&"))
    return {each for each in parameters(route) if each[0] in names}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_parameter_has_an_example_on_the_page_of_its_operation(page: Path) -> None:
    routes = [route for route in TABLE.routes if page_of(route) == page.name]
    query = next(route for route in TABLE.routes if route.name == "query_entities")
    owed: set[tuple[str, str]] = set()
    for route in routes:
        elsewhere = parameters(query) if route.name in AS_IN_A_QUERY else set()
        owed |= parameters(route) - elsewhere
    for route, one in asked(page.read_text()):
        owed -= named(route, one)
    for route in routes:
        if route.name == WEBSOCKET:
            names = set(re.findall(r"[?&](\w+)=", handwritten(route)))
            owed -= {each for each in parameters(route) if each[0] in names}
    assert not owed, f"show on {page.name} what these do"


@pytest.mark.parametrize("route", TABLE.routes, ids=lambda route: route.name)
def test_every_operation_has_an_example(route: Route) -> None:
    if route.name == WEBSOCKET:
        assert route.template in handwritten(route)
    else:
        assert shown(route), f"add an example of {route.method} {route.template} to its page"


def test_every_error_has_an_example() -> None:
    told = [one.answer for one in examples((FOLDER / "errors.md").read_text())]
    types = {kind for answer in told for kind in re.findall(r'"type": "([^"]+)"', answer.body)}
    bare = {answer.line.split(" ")[1] for answer in told if not answer.body}
    for kind in set(error_kinds()) - UNREQUESTED.keys():
        assert str(kind.status) in bare if kind.bare else kind.type in types, kind


@pytest.mark.parametrize("kind", UNREQUESTED, ids=lambda kind: kind.__name__)
def test_an_error_without_a_request_is_shown_as_it_is_rendered(kind: type[MachiError]) -> None:
    page = (FOLDER / "errors.md").read_text()
    bodies = map(orjson.loads, re.findall(r"^```json\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))
    (told,) = [body for body in bodies if body["type"] == kind.type]
    error = kind(told["detail"], place=told["place"], remedy=told["remedy"])
    assert told == error.problem()
