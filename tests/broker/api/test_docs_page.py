"""The API as a page."""

from broker.api.docs import marked
from broker.store.memory import MemoryStore
from tests.support.asgi import running


async def test_names_in_the_texts_of_the_page_are_code_and_no_backtick_is_left() -> None:
    async with running(MemoryStore()) as client:
        page = (await client.get("/docs")).body.decode()
    assert "default root" in page
    assert "<code>collation</code> changes nothing" in page
    assert "`" not in page


def test_what_is_no_name_is_escaped() -> None:
    assert marked("a<b & `c>d`") == "a&lt;b &amp; <code>c&gt;d</code>"
