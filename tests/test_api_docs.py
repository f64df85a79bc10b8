"""docs/api/ says what is there: every operation, parameter and error, and examples that run."""

import re

import pytest

from broker import errors
from broker.api.routes import TABLE
from broker.api.table import Route
from broker.store.memory import MemoryStore
from tests.support.asgi import HOST, Ticking, running
from tests.support.examples import Example, check, examples, filled
from tools.api_docs import FOLDER, error_kinds, page_of, pages

PAGES = sorted(FOLDER.glob("*.md"))
ENDLESS = frozenset({"stream", "websocket"})
"""Operations whose answers do not end: their pages show them with curl, tests are elsewhere."""

UNSHOWN = frozenset(
    {
        *(
            errors.Unauthorized,
            errors.Forbidden,
            errors.TooComplexQuery,
            errors.RequestTimeout,
            errors.UriTooLong,
        ),
        *(
            errors.TooManyRequests,
            errors.TooManyStreams,
            errors.HeadersTooLarge,
            errors.ServiceUnavailable,
        ),
    }
)
"""Errors that take a policy, a load, a fault or a very long request to see."""


def test_the_pages_say_what_the_dispatch_table_says() -> None:
    for name, text in pages().items():
        assert (FOLDER / name).read_text() == text, f"run tools/api_docs.py: {name} is outdated"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
async def test_the_examples_of_a_page_run(page) -> None:
    clock, names = Ticking(), {"host": HOST}
    async with running(MemoryStore(clock=clock), clock=clock) as client:
        for one in examples(page.read_text()):
            headers = [(name, filled(value, names)) for name, value in one.request.headers]
            answer = await client.request(
                one.method,
                filled(one.path, names),
                headers,
                body=filled(one.request.body, names).encode() if one.request.body else None,
            )
            check(one, answer.status, list(answer.headers), answer.body, names)


def shown(route: Route) -> list[Example]:
    """Return the examples of an operation on its page."""
    page = (FOLDER / page_of(route)).read_text()
    found = []
    for one in examples(page):
        place = TABLE.find(one.path.partition("?")[0].encode())
        if place is not None and place[0].get(one.method) is route:
            found.append(one)
    return found


@pytest.mark.parametrize("route", TABLE.routes, ids=lambda route: route.name)
def test_every_operation_has_an_example(route: Route) -> None:
    if route.name in ENDLESS:
        page = (FOLDER / page_of(route)).read_text()
        assert route.template in page.partition(f"<!-- /{route.name} -->")[2]
    else:
        assert shown(route), f"add an example of {route.method} {route.template} to its page"


def test_every_error_has_an_example() -> None:
    page = (FOLDER / "errors.md").read_text()
    told = {*re.findall(r'"type": "([^"]+)"', page), *(str(one.status) for one in examples(page))}
    for kind in error_kinds():
        if kind not in UNSHOWN:
            assert (str(kind.status) if kind.bare else kind.type) in told, kind
