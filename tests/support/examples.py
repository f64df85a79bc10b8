"""Examples in documents: a request in HTTP, and what must be answered.

A page holds pairs of code blocks: ```http with a request line, headers and a body, then ```http
with a status line, headers that must be there, and a body. In what is expected, `…` stands for
any text, a member `"…"` for further members, an item `"…"` for further items, and `{{name}}` for
a text that later requests may use. The body of an event stream is what its first events are, each
as `event:`, `id:` where that is to be compared, and `data:`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

_BLOCK = re.compile(r"^```http\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_TOKEN = re.compile(r"…|\{\{(\w+)\}\}")
ANY = "…"


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a response: its first line, headers in the order given, and body."""

    line: str
    headers: tuple[tuple[str, str], ...]
    body: str


@dataclass(frozen=True, slots=True)
class Example:
    """A request and the answer to it."""

    request: Message
    answer: Message

    @property
    def method(self) -> str:
        """The method of the request."""
        return self.request.line.split(" ")[0]

    @property
    def path(self) -> str:
        """The target of the request."""
        return self.request.line.split(" ")[1]

    @property
    def status(self) -> int:
        """The status of the answer."""
        return int(self.answer.line.split(" ")[1])


class Unlike(Exception):
    """An answer is not as its example says."""


def examples(page: str) -> list[Example]:
    """Return the examples of a page, in order."""
    messages = [_message(text) for text in _BLOCK.findall(page)]
    assert len(messages) % 2 == 0, "a request without answer, or the other way round"
    pairs = zip(messages[::2], messages[1::2], strict=True)
    found = [Example(request, answer) for request, answer in pairs]
    for one in found:
        assert one.answer.line.startswith("HTTP/1.1 "), one.answer.line
    return found


def filled(text: str, names: dict[str, str]) -> str:
    """Return a text with what earlier answers brought put in."""
    return _TOKEN.sub(lambda match: names[match[1]] if match[1] else match[0], text)


def compare(expected: Any, given: Any, names: dict[str, str], at: str = "") -> None:
    """Raise Unlike where a JSON value is not as expected; remember what is to be used later."""
    if isinstance(expected, str) and _TOKEN.search(expected):
        if expected != ANY:
            _text(expected, str(given), names, at)
    elif isinstance(expected, dict) and isinstance(given, dict):
        members = expected.keys() - {ANY}
        if members - given.keys() or (ANY not in expected and given.keys() - members):
            raise Unlike(f"{at}: members {sorted(given)}, expected {sorted(expected)}")
        for member in members:
            compare(expected[member], given[member], names, f"{at}/{member}")
    elif isinstance(expected, list) and isinstance(given, list):
        items = expected[:-1] if expected and expected[-1] == ANY else expected
        if len(items) > len(given) or (items is expected and len(items) < len(given)):
            raise Unlike(f"{at}: {len(given)} items, expected {len(expected)}")
        for index, item in enumerate(items):
            compare(item, given[index], names, f"{at}/{index}")
    elif expected != given or type(expected) is not type(given):
        raise Unlike(f"{at}: {given!r}, expected {expected!r}")


def check(example: Example, status: int, headers: list[tuple[str, str]], body: bytes,
          names: dict[str, str]) -> None:  # fmt: skip
    """Raise Unlike where an answer is not as its example says."""
    if status != example.status:
        raise Unlike(f"{example.request.line}: {status} {body.decode()}")
    for name, value in example.answer.headers:
        given = [text for key, text in headers if key.lower() == name.lower()]
        if not given:
            raise Unlike(f"{example.request.line}: no header {name}")
        _one_of(_known(value, names), given, names, name)
    text = example.answer.body
    if text.startswith(("{", "[")):
        compare(orjson.loads(text), orjson.loads(body), names)
    elif text:
        _text(text, body.decode().strip(), names, "body")
    elif body and not example.answer.headers:
        raise Unlike(f"{example.request.line}: a body that is not expected: {body.decode()}")


def _known(text: str, names: dict[str, str]) -> str:
    return _TOKEN.sub(lambda match: names.get(match[1] or "", match[0]), text)


def _one_of(expected: str, given: list[str], names: dict[str, str], at: str) -> None:
    for text in given[:-1]:
        with suppress(Unlike):
            return _text(expected, text, names, at)
    return _text(expected, given[-1], names, at)


def _text(expected: str, given: str, names: dict[str, str], at: str) -> None:
    pattern = "".join(
        "(?s:.*)" if part == ANY else f"(?P<{part[2:-2]}>[^/\"<>]+)" if part[:2] == "{{"
        else re.escape(part)
        for part in re.split(r"(…|\{\{\w+\}\})", expected)
    )  # fmt: skip
    match = re.fullmatch(pattern, given)
    if match is None:
        raise Unlike(f"{at}: {given!r}, expected {expected!r}")
    names.update(match.groupdict())


def _message(text: str) -> Message:
    head, _, body = text.partition("\n\n")
    line, *rest = head.strip().split("\n")
    headers = tuple(
        (name, value.strip()) for name, _, value in (each.partition(":") for each in rest)
    )
    return Message(line, headers, body.strip())
