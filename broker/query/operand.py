"""Reads the operands of `q`: numbers, quoted texts, times, bare words, regular expressions."""

from __future__ import annotations

import json
import re
from math import inf
from typing import Final

from broker.query.ast import Moment, Scalar
from broker.query.moment import clock, instant, is_datetime
from broker.query.operands import INT64_MAX, INT64_MIN

_END = r"(?=\s*(?:\.\.|[;|),]|$))"
_NUMBER = re.compile(rf"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?{_END}")
_BOOLEAN = re.compile(rf"(?:true|false){_END}")
_FRACTION = r"(?:[.,][0-9]+)?"
_TIMELIKE = re.compile(
    rf"(?:[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}(?:T[0-9:]*{_FRACTION}Z?)?"
    rf"|[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}{_FRACTION}Z){_END}"
)
_DATETIME_START = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_QUOTED_PATTERN = _STRING
_BARE = re.compile(r'[^;|(),"<>]*')
_COMPARISON = re.compile(r"==|!=|~=")

_CONJUNCTION = re.compile(r"\s(?:and|or|&&)\s", re.IGNORECASE)

_JOINED: Final = "Join conditions by ; (and) or | (or), without words: level>=3;level<5."
ISO_REMEDY: Final = (
    "Write times in UTC: 2020-07-04T06:30:00Z, 2020-07-04 or 06:30:00Z; "
    'put other text in double quotes, for example name=="2020-07-04T06:30".'
)


class OperandError(ValueError):
    """What is wrong, the offset where, and what to write instead."""

    def __init__(self, detail: str, at: int, remedy: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.at = at
        self.remedy = remedy


def read_value(text: str, at: int) -> tuple[Scalar, int]:
    """Return the value at offset `at` and the offset behind it. Raises OperandError.

    A quoted dateTime counts as the instant it names, like an unquoted one.
    """
    if text.startswith('"', at):
        value, end = _read_string(text, at)
        return (Moment(value) if is_datetime(value) else value), end
    if match := _NUMBER.match(text, at):
        return _number(match.group(), at), match.end()
    if match := _BOOLEAN.match(text, at):
        return match.group() == "true", match.end()
    if match := _TIMELIKE.match(text, at):
        written = match.group()
        if instant(written) is None and clock(written) is None:
            raise OperandError(f"{written!r} is no date or time.", at, ISO_REMEDY)
        return Moment(written), match.end()
    return _read_bare(text, at)


def read_pattern(text: str, at: int) -> tuple[str, int]:
    """Return the regular expression at `at`, quoted or bare, and the offset behind it.

    In quotes only `\\"` is unescaped. A bare pattern ends at `;`, `|` or `)` outside of its own
    groups and character classes.
    """
    if text.startswith('"', at):
        match = _QUOTED_PATTERN.match(text, at)
        if match is None:
            raise _open_quote(at)
        return match.group(1).replace('\\"', '"'), match.end()
    depth = 0
    in_class = False
    end = at
    while end < len(text):
        char = text[end]
        if char == "\\":
            end += 2
            continue
        if in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char == "(":
            depth += 1
        elif depth == 0 and char in ";|)":
            break
        elif char == ")":
            depth -= 1
        end += 1
    end = min(end, len(text))
    pattern = text[at:end].rstrip()
    if not pattern:
        raise OperandError(
            "a regular expression is missing.", at, 'For example name~="^Eiffel" or name~=town.'
        )
    return pattern, end


def read_key(text: str, at: int) -> tuple[str, int]:
    """Return a JSON key inside `[…]`, quoted or bare, and the offset behind it."""
    if text.startswith('"', at):
        return _read_string(text, at)
    end = at
    while end < len(text) and text[end] not in '[].";|(){}=<>!~':
        end += 1
    key = text[at:end].strip()
    if not key:
        raise OperandError(
            "a key is missing between the brackets.",
            at,
            'For example address[city]=="人吉市" or name[en]=="bridge".',
        )
    return key, end


def _read_string(text: str, at: int) -> tuple[str, int]:
    match = _STRING.match(text, at)
    if match is None:
        raise _open_quote(at)
    try:
        value: str = json.loads(match.group(), strict=False)
        value.encode()
    except ValueError:
        raise OperandError(
            "the text in double quotes has an escape JSON does not know.",
            at,
            r"Inside quotes write \" for a quote and \\ for a backslash.",
        ) from None
    return value, match.end()


def _open_quote(at: int) -> OperandError:
    return OperandError(
        "a double quote is opened and never closed.",
        at,
        'Close it, for example name=="bridge"; inside quotes write \\" for a quote.',
    )


def _number(written: str, at: int) -> int | float:
    if not any(char in written for char in ".eE"):
        value = int(written)
        if INT64_MIN <= value <= INT64_MAX:
            return value
    real = float(written)
    if abs(real) == inf:
        raise OperandError("the number is too large.", at, "Use a number below 1.7e308.")
    return real


def _read_bare(text: str, at: int) -> tuple[str, int]:
    match = _BARE.match(text, at)
    end = match.end() if match else at
    word = text[at:end].rstrip()
    if not word:
        raise OperandError(
            "a value is missing.",
            at,
            'Give a number, a time, true, false or a text in double quotes: speed>30, name=="a".',
        )
    if len(word) > 1 and word[0] == word[-1] == "'":
        raise OperandError(
            f"{word[:60]!r} stands in single quotes.",
            at,
            'Put texts in double quotes: name=="bridge".',
        )
    if ".." in word or _COMPARISON.search(word) or text[end : end + 1] in {"<", ">", '"', "("}:
        raise OperandError(
            f"{word[:60]!r} is no value.",
            at,
            _JOINED
            if _CONJUNCTION.search(word)
            else 'Put texts with operators, brackets or ".." in double quotes: name=="a..b".',
        )
    if _DATETIME_START.match(word):
        raise OperandError(f"{word[:60]!r} is no date or time.", at, ISO_REMEDY)
    return word, end
