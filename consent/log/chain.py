"""Lines of the log: each names the digest of the one before, seals vouch for all before them.

    <64 hexadecimal digits: SHA-256 of the line before, zeros for the first> <JSON>\n

An entry's JSON is an object with `n`, its number from 1. A seal follows the entries of one commit:
`{"seal": number of the newest entry, "at": time, "mac": …}`, where `mac` is an HMAC of the line
up to it, with a key that is kept elsewhere. Whoever changes a line without the key has to change
all that follow, and cannot make their seals.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

FIRST: Final = "0" * 64
_PLACE: Final = len(FIRST) + 1


@dataclass(slots=True)
class Tip:
    """The end of a log: the digest of its newest line, and the number of its newest entry."""

    digest: str = FIRST
    number: int = 0


def add(tip: Tip, entry: Mapping[str, Any]) -> bytes:
    """Return the line of the next entry, and move the tip on."""
    tip.number += 1
    return _line(tip, {"n": tip.number, **entry})


def seal(tip: Tip, at: str, key: bytes) -> bytes:
    """Return the seal over all entries so far, and move the tip on."""
    told = {"seal": tip.number, "at": at}
    return _line(tip, {**told, "mac": _mac(key, tip.digest, told)})


def digest(line: bytes) -> str:
    """Return the digest that the line after this one names."""
    return hashlib.sha256(line).hexdigest()


def read(line: bytes) -> dict[str, Any] | None:
    """Return the object on a line, None where it is no line of a log."""
    if len(line) <= _PLACE or line[_PLACE - 1 : _PLACE] != b" " or line[-1:] != b"\n":
        return None
    try:
        told = orjson.loads(line[_PLACE:])
    except orjson.JSONDecodeError:
        return None
    if not isinstance(told, dict) or ("n" in told) == ("seal" in told):
        return None
    return told if orjson.dumps(told) == line[_PLACE:-1] else None


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a log is not what was written: line from 1, byte of the file at which it begins."""

    line: int
    offset: int
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying found. `unsealed` entries at the end have no seal after them yet."""

    entries: int = 0
    sealed: int = 0
    head: str = FIRST
    fault: Fault | None = None

    @property
    def unsealed(self) -> int:
        """Return how many entries at the end are not sealed."""
        return self.entries - self.sealed


@dataclass(slots=True)
class _Line:
    number: int
    offset: int
    text: bytes


def verify(lines: Iterable[bytes], key: bytes) -> Verdict:
    """Go through all lines (with their line ends) and tell the first that was changed."""
    tip = Tip()
    sealed = 0
    before: _Line | None = None
    offset = 0
    rest = iter(lines)
    for number, text in enumerate(rest, 1):
        here = _Line(number, offset, text)
        offset += len(text)
        told = read(text)
        if told is None:
            return _found(tip, sealed, here, "this is no line of the log")
        if text[: _PLACE - 1] != tip.digest.encode():
            if before is None or _is_changed(text, told, next(rest, None), key):
                return _found(tip, sealed, here, "it does not name the line before it")
            return _found(tip, sealed, before, "it was changed after it was written")
        if "seal" in told:
            if told != {**told, "seal": tip.number, "mac": _mac(key, tip.digest, _of(told))}:
                return _found(tip, sealed, here, "the seal is not genuine")
            sealed = tip.number
        elif told["n"] != tip.number + 1:
            return _found(tip, sealed, here, "its number does not follow")
        else:
            tip.number += 1
        tip.digest = digest(text)
        before = here
    return Verdict(tip.number, sealed, tip.digest)


def _is_changed(text: bytes, told: dict[str, Any], after: bytes | None, key: bytes) -> bool:
    """Tell whether it is this line that was changed, and not the one before it."""
    if "seal" in told:
        named = text[: _PLACE - 1].decode("latin-1")
        return not hmac.compare_digest(str(told.get("mac")), _mac(key, named, _of(told)))
    return after is not None and after[: _PLACE - 1] != digest(text).encode()


def _found(tip: Tip, sealed: int, line: _Line, reason: str) -> Verdict:
    return Verdict(tip.number, sealed, tip.digest, Fault(line.number, line.offset, reason))


def _line(tip: Tip, told: Mapping[str, Any]) -> bytes:
    line = tip.digest.encode() + b" " + orjson.dumps(told) + b"\n"
    tip.digest = digest(line)
    return line


def _of(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if name != "mac"}


def _mac(key: bytes, before: str, told: Mapping[str, Any]) -> str:
    return hmac.new(key, before.encode() + orjson.dumps(told), hashlib.sha256).hexdigest()
