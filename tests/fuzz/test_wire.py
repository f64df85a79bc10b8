"""What the fuzz tests take for a sound answer."""

import orjson
import pytest

from tests.fuzz.wire import UNFETCHED, Reply, check


def problem(status: int, kind: str) -> Reply:
    """Return a problem document as an answer."""
    told = dict.fromkeys(("title", "detail", "place", "remedy"), "x")
    body = orjson.dumps({"status": status, "type": kind, **told})
    return Reply(status, {"content-type": "application/json"}, body, 0.0)


def test_a_context_that_could_not_be_fetched_is_sound() -> None:
    check(problem(504, UNFETCHED))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (504, "urn:machi:error:Timeout"),
        (503, UNFETCHED),
        (500, "https://uri.etsi.org/ngsi-ld/errors/InternalError"),
    ],
)
def test_every_other_5xx_is_a_fault(status: int, kind: str) -> None:
    with pytest.raises(AssertionError):
        check(problem(status, kind))
