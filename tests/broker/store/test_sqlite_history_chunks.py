"""What the header of a chunk tells without opening it."""

from dataclasses import replace
from math import inf

from broker.store.buckets import Tally
from broker.store.sqlite.history.chunks import header
from broker.store.sqlite.history.rows import OBSERVED, Row


def test_a_total_that_an_earlier_program_could_not_keep_counts_as_beyond_a_float() -> None:
    row = Row(1, 1, OBSERVED, 1, 1, {"type": "Property", "value": 1e308})
    tally = Tally()
    replace(header(1, [row]), total=None).add_to(tally)
    assert (tally.count, tally.numbers, tally.total) == (1, 1, inf)
