"""Why deliveries fail, in Japanese: every reason there is has its words."""

import pytest

from broker.safe import Sealed
from broker.subscriptions.delivery.answer import judge
from broker.subscriptions.delivery.loops import CHAINED, PROBED
from broker.subscriptions.delivery.policy import Dead, Fate, Policy, Tried, decide
from broker.subscriptions.explain_words import in_words
from broker.subscriptions.reasons import reason


def last_words(tried: Tried, attempts: int, age: float) -> str:
    """Return the reason of a dead letter."""
    verdict = decide(Policy(), tried, attempts, age, 0.0, 0.0)
    assert isinstance(verdict, Dead)
    return verdict.words


@pytest.mark.parametrize(
    "words",
    [
        CHAINED,
        PROBED,
        str(Sealed()),
        judge(503).words,
        judge(599).words,
        judge(301).words,
        last_words(judge(410), 1, 0),
        last_words(judge(404), 8, 0),
        last_words(Tried(Fate.NO_ANSWER, "The receiver did not answer in time."), 20, 90_000),
        "The receiver did not connect within 0.5 s.",
        "The receiver's port takes no connections.",
        "The receiver's name cannot be resolved.",
        "Too many receivers' names are being resolved.",
        "The receiver closed the connection without an answer.",
        "The receiver does not answer in proper HTTP.",
        "No connection can be made to the receiver.",
        "TLS with the receiver failed: CERTIFICATE_VERIFY_FAILED.",
        "The egress rule forbids the receiver's address; the operator can allow it.",
        "`a b` in receiverInfo cannot be an HTTP header.",
        "No connection can be made to the MQTT broker.",
        "The connection to the MQTT broker was lost.",
        "The MQTT broker did not acknowledge the message in time.",
        "The MQTT broker refuses the user name or password.",
        "The MQTT broker refuses the connection (code 3).",
        "The message cannot be published: Payload too large..",
        "The broker was stopped meanwhile.",
        "Speaks MQTT 3.1.1, not 5.0 as asked.",
    ],
)
def test_reasons_are_told_in_japanese(words: str) -> None:
    told = reason(words, "ja")
    assert told != words
    assert told.endswith("。")
    assert reason(words, "en") == words


def test_a_reason_without_translation_stays() -> None:
    assert reason("Something else.", "ja") == "Something else."


def test_an_explanation_tells_them_in_the_readers_language() -> None:
    values = {"why": judge(410).words, "attempts": 1}
    assert "410" in (told := in_words("dead", values, "ja"))
    assert reason(judge(410).words, "ja") in told
    assert judge(410).words in in_words("dead", values, "en")
