"""The methods of aggregation, by what values are (§4.5.19.1, tables 1 to 3). Pure.

Values of one attribute that are of several families are only counted; numbers and booleans are
one family, and texts of which only some are times are texts. `stddev` is that of the values as the
whole population. A figure beyond a float is none: JSON has null for it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite, isnan, nan, sqrt
from operator import attrgetter
from typing import Any, Final

import orjson

from broker.model.entity import PRIMARY, Instance
from broker.model.names import is_uri
from broker.query.moment import clock, instant, is_datetime
from broker.store.history import Bucket
from broker.temporal.duration import SECOND, Duration


class Family(StrEnum):
    """What the values of an attribute are, as far as aggregation cares."""

    TEXT = "text"
    NUMBER = "number"
    OBJECT = "object"
    ARRAY = "array"
    DATETIME = "DateTime"
    DATE = "Date"
    TIME = "Time"
    URI = "URI"
    RELATIONSHIP = "Relationship"
    MIXED = "mixed"


_COUNTS: Final = frozenset({"distinctCount", "totalCount"})
_ORDERED: Final = _COUNTS | {"max", "min"}
_SIZES: Final = _ORDERED | {"avg", "sum"}
METHODS: Final = tuple(sorted(_SIZES | {"stddev", "sumsq"}))
_ELIGIBLE: Final[Mapping[Family, frozenset[str]]] = {
    Family.TEXT: _ORDERED,
    Family.NUMBER: frozenset(METHODS),
    Family.OBJECT: _COUNTS,
    Family.ARRAY: _SIZES,
    Family.DATETIME: _ORDERED,
    Family.DATE: _ORDERED,
    Family.TIME: _ORDERED | {"avg"},
    Family.URI: _COUNTS,
    Family.RELATIONSHIP: _COUNTS,
    Family.MIXED: _COUNTS,
}
_TEXTS: Final = frozenset({Family.TEXT, Family.DATETIME, Family.DATE, Family.TIME, Family.URI})
_DAY: Final = 86400 * SECOND
_EXACT: Final = 2**63
_NOISE: Final = 1e-6
"""The share of the squares below which their difference is not believed."""


def family_of(instances: Iterable[Instance]) -> Family:
    """Return what the values of an attribute's instances are together."""
    found = {_family(instance) for instance in instances}
    if len(found) == 1:
        return found.pop()
    return Family.TEXT if found and found <= _TEXTS else Family.MIXED


def eligible(family: Family, methods: Sequence[str]) -> list[str]:
    """Return those of some methods that are defined for values of a family."""
    return [method for method in methods if method in _ELIGIBLE[family]]


def compute(method: str, family: Family, instances: Sequence[Instance]) -> Any:
    """Return the result of an eligible method on the instances of one period, at least one."""
    if method == "totalCount":
        return len(instances)
    values = [instance[PRIMARY[instance["type"]]] for instance in instances]
    if family in (Family.NUMBER, Family.ARRAY):
        values = [_plain(value) for value in values]
    if method == "distinctCount":
        return _distinct(family, values)
    if family is Family.NUMBER:
        return _NUMBERS[method](values)
    if family is Family.ARRAY:
        return _NUMBERS[method]([len(value) for value in values])
    if family is Family.TIME and method == "avg":
        return _mean_time(values)
    choose = max if method == "max" else min
    return choose(values, key=_order(family))


@dataclass(frozen=True, slots=True)
class Periods:
    """Periods that follow each other from `origin` on; `end` is that of the whole time range.

    Moments are microseconds since 1970.
    """

    origin: int
    end: int
    duration: Duration

    def index(self, moment: int) -> int:
        """Return which period a moment lies in; there is one only where the duration is zero."""
        return 0 if self.duration.whole else self.duration.index(self.origin, moment)

    def bounds(self, last: int) -> list[int]:
        """Return where the periods up to the last one begin, and where that ends."""
        if self.duration.months or self.duration.whole:
            return [*(self.start(index) for index in range(last + 1)), self.stop(last)]
        step = self.duration.micros
        return list(range(self.origin, self.origin + step * (last + 2), step))

    def start(self, index: int) -> int:
        """Return where a period begins."""
        return self.origin if self.duration.whole else self.duration.after(self.origin, index)

    def stop(self, index: int) -> int:
        """Return where a period ends."""
        return self.end if self.duration.whole else self.duration.after(self.origin, index + 1)


def _family(instance: Instance) -> Family:
    kind = instance["type"]
    if kind in _BY_KIND:
        return _BY_KIND[kind]
    value = instance[PRIMARY[kind]]
    if type(value) is dict and "@value" in value:
        value = value["@value"]
    if type(value) is str:
        return _text(value)
    if type(value) in (int, float, bool):
        return Family.NUMBER
    return Family.ARRAY if type(value) is list else Family.OBJECT


def _text(value: str) -> Family:
    if clock(value) is not None:
        return Family.TIME
    if instant(value) is not None:
        return Family.DATETIME if is_datetime(value) else Family.DATE
    return (
        Family.URI
        if value.startswith(("urn:", "http:", "https:")) and is_uri(value)
        else Family.TEXT
    )


def _plain(value: Any) -> Any:
    return value["@value"] if type(value) is dict and "@value" in value else value


def _order(family: Family) -> Callable[[Any], Any]:
    if family is Family.TIME:
        return lambda value: clock(_plain(value))
    if family in (Family.DATETIME, Family.DATE):
        return lambda value: instant(_plain(value))
    return _plain


def _distinct(family: Family, values: Sequence[Any]) -> int:
    if family is Family.RELATIONSHIP:
        targets = [each if type(each) is list else [each] for each in values]
        return len({target for some in targets for target in some})
    if family is Family.NUMBER:
        return len(set(values))
    return len({orjson.dumps(value, option=orjson.OPT_SORT_KEYS) for value in values})


def _mean(values: Sequence[Any]) -> float:
    mean = float(sum(values) / len(values))
    return mean if isfinite(mean) else float(statistics.mean(values))


def _deviation(values: Sequence[Any]) -> float:
    mean = _mean(values)
    return sqrt(sum((value - mean) * (value - mean) for value in values) / len(values))


def _sum(values: Iterable[Any]) -> Any:
    total = sum(values)
    return _plainly(total) if abs(total) < _EXACT else float(total)


def _squares(values: Sequence[Any]) -> Any:
    return _sum(value * value for value in values)


def _whole(choose: Callable[[Sequence[Any]], Any]) -> Callable[[Sequence[Any]], Any]:
    """Return a choice among numbers that gives 1 or 0 for a boolean."""
    return lambda values: _plainly(+choose(values))


def _mean_time(values: Sequence[Any]) -> str:
    total = 0
    for value in values:
        key = clock(_plain(value))
        assert key is not None
        hours, minutes, seconds = key.split(":")
        total += (int(hours) * 60 + int(minutes)) * 60 * SECOND + round(float(seconds) * SECOND)
    mean = round(total / len(values)) % _DAY
    seconds_of_day, fraction = divmod(mean, SECOND)
    minutes_of_day, second = divmod(seconds_of_day, 60)
    written = f"{minutes_of_day // 60:02}:{minutes_of_day % 60:02}:{second:02}"
    return f"{written}.{fraction:06}Z" if fraction else f"{written}Z"


_NUMBERS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    "avg": _mean,
    "max": _whole(max),
    "min": _whole(min),
    "stddev": _deviation,
    "sum": _sum,
    "sumsq": _squares,
}


def _plainly(figure: Any) -> Any:
    """Return a number as it is written whichever way it was made: 1, not 1.0."""
    if type(figure) is float and figure.is_integer() and abs(figure) < _EXACT:
        return int(figure)
    return figure


def _of(figure: Callable[[Bucket], Any]) -> Callable[[Bucket], Any]:
    return lambda bucket: _plainly(figure(bucket))


def _deviation_of(bucket: Bucket) -> float:
    assert bucket.total is not None
    assert bucket.squares is not None
    if bucket.minimum == bucket.maximum:
        return 0.0
    mean = bucket.total / bucket.numbers
    variance = bucket.squares / bucket.numbers - mean * mean
    return nan if isnan(variance) else sqrt(max(0.0, variance))


def tells_deviation(bucket: Bucket) -> bool:
    """Say whether a bucket's sums tell how its values differ.

    They do not where the values are far larger than they differ, as times in seconds are, or
    too large to be squared: what is left of the difference of two sums is noise then.
    """
    if bucket.minimum == bucket.maximum:
        return True
    assert bucket.total is not None
    assert bucket.squares is not None
    mean, square = bucket.total / bucket.numbers, bucket.squares / bucket.numbers
    return isfinite(square) and square - mean * mean > _NOISE * square


def tells_mean(bucket: Bucket) -> bool:
    """Say whether a bucket's sum is a number that the mean can be made of."""
    assert bucket.total is not None
    return isfinite(bucket.total)


def _mean_of(bucket: Bucket) -> float:
    assert bucket.total is not None
    return bucket.total / bucket.numbers


OF_NUMBERS: Final[Mapping[str, Callable[[Bucket], Any]]] = {
    "avg": _mean_of,
    "max": _of(attrgetter("maximum")),
    "min": _of(attrgetter("minimum")),
    "stddev": _deviation_of,
    "sum": _of(attrgetter("total")),
    "sumsq": _of(attrgetter("squares")),
    "totalCount": attrgetter("count"),
}
"""The methods that a bucket has the figures for, where all in it is numbers."""

_BY_KIND: Final = {
    "GeoProperty": Family.OBJECT,
    "LanguageProperty": Family.OBJECT,
    "VocabProperty": Family.URI,
    "ListProperty": Family.ARRAY,
    "Relationship": Family.RELATIONSHIP,
    "ListRelationship": Family.RELATIONSHIP,
}
