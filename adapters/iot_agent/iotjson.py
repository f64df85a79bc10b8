"""IoT-Agent JSON: measures, commands and results as JSON objects. Pure.

{"t": 15, "TimeInstant": "2016-06-13T00:35:30Z"}    measures, with their time
[{"t": 15}, {"t": 16}]                              several
{"unlock": {"seconds": 5}}                          a command; {"unlock": "opened"} its result
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from adapters.common.times import measured_at
from adapters.contract import BadPayload

TIME: Final = "TimeInstant"

Group = tuple[str | None, dict[str, Any]]


def measures(payload: bytes) -> list[Group]:
    """Return the groups of measures in a payload. Raises BadPayload."""
    found = _parsed(payload)
    groups = found if isinstance(found, list) else [found]
    return [
        _group(group, f"body:/{n}" if groups is found else "body:")
        for n, group in enumerate(groups)
    ]


def single(payload: bytes) -> Any:
    """Return the value of a single measure: JSON, or else plain text. Raises BadPayload."""
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        pass
    try:
        return payload.decode()
    except UnicodeDecodeError as error:
        raise BadPayload("neither JSON nor text", place="body") from error


def with_time(payload: bytes, time: str) -> bytes:
    """Return the payload with a time in each object that has none; as it is where it is bad."""
    try:
        found = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload
    groups = found if isinstance(found, list) else [found]
    for group in groups:
        if isinstance(group, dict):
            group.setdefault(TIME, time)
    return orjson.dumps(found)


def results(payload: bytes) -> dict[str, str]:
    """Return the results in a device's answer by command. Raises BadPayload."""
    found = _parsed(payload)
    if not isinstance(found, dict) or not found:
        raise BadPayload("not an object of results by command", place="body")
    return {
        name: answer if isinstance(answer, str) else orjson.dumps(answer).decode()
        for name, answer in found.items()
    }


def command(name: str, argument: Any) -> bytes:
    """Return the JSON of a command."""
    return orjson.dumps({name: argument})


def _parsed(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise BadPayload(f"not JSON: {error}", place="body") from error


def _group(group: Any, place: str) -> Group:
    if not isinstance(group, dict):
        raise BadPayload("not a JSON object", place=place)
    values = {name: part for name, part in group.items() if name != TIME}
    if not values:
        raise BadPayload("no measure", place=place)
    time = measured_at(group[TIME], place=f"{place}/{TIME}") if TIME in group else None
    return time, values
