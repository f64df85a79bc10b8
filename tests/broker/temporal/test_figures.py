"""Figures of instances that stand for several (§4.5.19, after retention)."""

from broker.model.entity import DEFAULT
from broker.store.history import Moment, Resampled
from broker.temporal.aggregates import Periods
from broker.temporal.duration import WHOLE
from broker.temporal.figures import of_told
from broker.temporal.render import Format, Look


def moment(value: object, resampled: Resampled | None = None) -> Moment:
    """Return an instance of time 0."""
    number = float(value) if isinstance(value, int | float) else None
    instance = {"type": "Property", "value": value}
    return Moment("urn:x:1", 0, 0, 0, None, number, instance, resampled)


def figures(*moments: Moment) -> dict[str, object]:
    """Return each method's figure of the whole time."""
    methods = ("avg", "max", "min", "sum", "totalCount")
    look = Look(Format.AGGREGATED, methods=methods)
    (shown,) = of_told([(DEFAULT, one) for one in moments], Periods(0, 1, WHOLE), look)
    return {method: shown[method][0][0] for method in methods if method in shown}


def test_a_resampled_instance_counts_as_all_it_stands_for() -> None:
    hour = Resampled(period=1, count=3, numbers=3, minimum=1.0, mean=2.0, maximum=3.0)
    shown = figures(moment(2.0, hour), moment(6))
    assert shown == {"avg": 3.0, "max": 6.0, "min": 1.0, "sum": 12.0, "totalCount": 4}


def test_the_mean_of_resampled_instances_is_a_number_where_their_sum_is_beyond_a_float() -> None:
    high = Resampled(period=1, count=3, numbers=3, minimum=1e308, mean=1e308, maximum=1e308)
    low = Resampled(period=1, count=1, numbers=1, minimum=-1e308, mean=-1e308, maximum=-1e308)
    assert figures(moment(1e308, high), moment(-1e308, low))["avg"] == 5e307


def test_texts_that_were_resampled_are_counted_as_they_were() -> None:
    hour = Resampled(period=1, count=3, numbers=0, minimum=None, mean=None, maximum=None)
    assert figures(moment("b", hour), moment("a"))["totalCount"] == 4
