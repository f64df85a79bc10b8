"""The query language `q`: text → AST (§4.9).

    or    = and *("|" and)               ";" binds tighter than "|"
    and   = unit *(";" unit)
    unit  = "(" or ")" / term
    term  = "!" link / link [op operand]
    link  = path / name "{" [type *("," type) ":"] link "}"
    path  = name *("." name) ["[" key *("." key) "]"]

`rel{A,B:path}` looks at the entities of type A or B that the relationship leads to.

Beyond the published grammar: `!path` (the target does not exist), spaces around tokens, bare
words as texts, IRIs and percent-encoded IRIs as names. An IRI runs up to the operator, so that
only a member (`.observedAt`) can follow it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Final, NoReturn
from urllib.parse import unquote

from broker.errors import MachiError, TooComplexQuery
from broker.query.ast import (
    And,
    Compare,
    Exists,
    HasType,
    Linked,
    Node,
    Not,
    Op,
    Or,
    Path,
    Range,
    Scalar,
)
from broker.query.faults import check_unicode, refuse
from broker.query.members import (
    ENTITY_MEMBERS,
    INSTANCE_MEMBERS,
    PRIMARY_MEMBERS,
    VOCABULARY_MEMBERS,
)
from broker.query.operand import OperandError, read_key, read_pattern, read_value
from broker.query.operands import keyed
from broker.query.regex import PatternError, compile_pattern

MAX_LENGTH: Final = 4096
"""Characters of a query."""
MAX_TERMS: Final = 100
MAX_DEPTH: Final = 20
"""Levels of parentheses."""

_EXAMPLE = 'For example temperature>20;name=="bridge" or (speed>30|!heading).'

_IRI_START = re.compile(
    r"[A-Za-z][A-Za-z0-9+.\-]*(?::|%3[Aa])(?://|%2[Ff]%2[Ff])|[Uu][Rr][Nn](?::|%3[Aa])"
)
_IRI = re.compile(r'[^\s;|()<>=!~\[\]{}"]+')
_NAME = re.compile(r"[^\W\d_][\w%]*(?::[\w\-%#/@]+)?")
_TERM_NAME = re.compile(r"[^\W\d_]\w*(?::[^\s\"<>]+)?")
_LINK = re.compile(r"([^\W\d_]\w*)\s*\{")
_HINT = re.compile(r"([^\W\d_]\w*(?:\s*,\s*[^\W\d_]\w*)*)\s*:")
_OPERATOR = re.compile(r"!~=|~=|==|!=|>=|<=|>|<")
_PLAIN = re.compile(
    r"([A-Za-z]\w*)(==|!=|>=?|<=?)(-?(?:0|[1-9][0-9]{0,14})(\.[0-9]{1,15})?)", re.ASCII
)
"""One attribute compared with one number of usual length, as most queries are."""
_OPS = {op.value: op for op in Op}
_EQUALITY = frozenset({Op.EQ, Op.NE})
_PATTERN = frozenset({Op.MATCH, Op.NOT_MATCH})


def parse_q(
    text: str,
    expand: Callable[[str], str],
    *,
    expand_values: Collection[str] = (),
    linked: int | None = None,
    place: str = "query:q",
) -> Node:
    """Parse a query; `expand` turns attribute names into IRIs.

    `expand_values` holds the (unexpanded) attributes whose operands are expanded as well.
    `linked` is how many relationships in a row a condition may follow, None where it can follow
    none at all. `place` is what errors name. Raises BadRequestData, also for `rel{…}` where
    `linked` is None, and TooComplexQuery beyond the limits.
    """
    if len(text) > MAX_LENGTH:
        raise TooComplexQuery(
            f"The query has {len(text)} characters; {MAX_LENGTH} are allowed.",
            place=place,
            remedy="Split the query into several.",
        )
    plain = _PLAIN.fullmatch(text)
    if plain is not None and not expand_values and plain[1] not in ENTITY_MEMBERS:
        try:
            return _plain(plain, expand)
        except MachiError:
            pass  # The parser tells where in the text the name is.
    check_unicode(text, place)
    return _Parser(text, expand, frozenset(expand_values), place, linked).parse()


def _plain(match: re.Match[str], expand: Callable[[str], str]) -> Compare:
    name, op, number, fraction = match.groups()
    value = int(number) if fraction is None else float(number)
    return Compare(Path((expand(name),)), _OPS[op], (value,))


def parse_path(
    text: str, expand: Callable[[str], str], *, place: str, remedy: str
) -> tuple[Path, int]:
    """Parse the path at the start of a text; return it and the offset behind it.

    `remedy` is told where something else stands there.
    """
    return _Parser(text, expand, frozenset(), place, None, remedy).path()


def _beyond(links: list[tuple[str, list[str]]], node: Node) -> Node:
    """Return the condition that entities beyond relationships satisfy `node`."""
    for relationship, types in reversed(links):
        if types:
            hinted = tuple(HasType(iri) for iri in types)
            node = And((hinted[0] if len(hinted) == 1 else Or(hinted), node))
        node = Linked(relationship, node)
    return node


class _Parser:
    def __init__(
        self,
        text: str,
        expand: Callable[[str], str],
        expand_values: frozenset[str],
        place: str,
        linked: int | None,
        remedy: str = _EXAMPLE,
    ) -> None:
        self._text = text
        self._remedy = remedy
        self._linked = linked
        self._at = 0
        self._terms = 0
        self._depth = 0
        self._place = place
        self._expand = expand
        self._expanded = {self._iri(name, 0) for name in expand_values}

    def parse(self) -> Node:
        node = self._or()
        if self._at < len(self._text):
            char = self._text[self._at]
            if char == ")":
                self._fail('")" closes nothing.')
            wanted = f'";", "|" or the end was expected, not {char!r}.'
            if self._text[: self._at].endswith("]") and char in "[.":
                self._fail(wanted, remedy="Write keys within keys with dots: address[street.no].")
            self._fail(wanted)
        return node

    def path(self) -> tuple[Path, int]:
        return self._path(), self._skip()

    def _or(self) -> Node:
        nodes = [self._and()]
        while self._take("|"):
            nodes.append(self._and())
        return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))

    def _and(self) -> Node:
        nodes = [self._unit()]
        while self._take(";"):
            nodes.append(self._unit())
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def _unit(self) -> Node:
        opened = self._skip()
        if not self._take("("):
            return self._term()
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._too_complex(f"Parentheses are nested more than {MAX_DEPTH} levels deep.")
        node = self._or()
        if not self._take(")"):
            if self._at < len(self._text):
                self._fail(f'";", "|" or ")" was expected, not {self._text[self._at]!r}.')
            self._fail("a parenthesis is opened and never closed.", opened)
        self._depth -= 1
        return node

    def _term(self) -> Node:
        self._terms += 1
        if self._terms > MAX_TERMS:
            self._too_complex(f"The query has more than {MAX_TERMS} terms.")
        absent = self._take("!")
        links = self._links()
        path = self._path()
        for _ in links:
            if not self._take("}"):
                self._fail("a brace is opened and not closed after its path.")
        self._skip()
        match = _OPERATOR.match(self._text, self._at)
        if match is None:
            if self._text.startswith("=", self._at):
                self._fail('"=" is no operator.', remedy='Write "==", as in color=="red".')
            found = _beyond(links, Exists(path))
            return Not(found) if absent else found
        if absent:
            self._fail(
                '"!" in front of a name takes no operator.',
                remedy='Write !color for "has no color", and color!="red" for another value.',
            )
        self._at = match.end()
        self._skip()
        return _beyond(links, self._compare(path, Op(match.group())))

    def _compare(self, path: Path, op: Op) -> Node:
        start = self._at
        if op in _PATTERN:
            pattern = self._pattern()
            return Compare(path, op, (pattern,))
        if op in _EQUALITY:
            operands = [self._value_or_range(path)]
            while self._take(","):
                self._skip()
                operands.append(self._value_or_range(path))
            return Compare(path, op, tuple(operands))
        operand = self._value(path)
        if isinstance(operand, bool):
            self._fail(
                f"{op.value} has no meaning for true and false.",
                start,
                remedy="Compare booleans with == or !=.",
            )
        self._skip()
        if self._text.startswith((",", ".."), self._at):
            self._fail(
                f"{op.value} takes one value.",
                remedy="Lists (a==1,2) and ranges (a==1..2) go with == and != only.",
            )
        return Compare(path, op, (operand,))

    def _value_or_range(self, path: Path) -> Scalar | Range:
        start = self._at
        low = self._value(path)
        self._skip()
        if not self._text.startswith("..", self._at):
            return low
        self._at += 2
        self._skip()
        high = self._value(path)
        low_key, high_key = keyed(low), keyed(high)
        if low_key is None or high_key is None or low_key[0] is not high_key[0]:
            self._fail(
                "the ends of a range are of different kinds.",
                start,
                remedy="Use two numbers, two texts in double quotes or two times: a==10..20.",
            )
        if isinstance(low, bool):
            self._fail("true and false make no range.", start, remedy="Write flag==true.")
        return Range(low, high)

    def _value(self, path: Path) -> Scalar:
        start = self._at
        try:
            value, self._at = read_value(self._text, start)
        except OperandError as error:
            self._fail(error.detail, error.at, remedy=error.remedy)
        if isinstance(value, str) and self._in_vocabulary(path) and _TERM_NAME.fullmatch(value):
            return self._iri(value, start)
        return value

    def _in_vocabulary(self, path: Path) -> bool:
        if path.names:
            return path.member in VOCABULARY_MEMBERS or path.names[0] in self._expanded
        return path.member == "type"

    def _pattern(self) -> str:
        start = self._at
        try:
            pattern, self._at = read_pattern(self._text, start)
            compile_pattern(pattern)
        except OperandError as error:
            self._fail(error.detail, error.at, remedy=error.remedy)
        except PatternError as error:
            self._fail(
                f"the regular expression does not compile: {error}.",
                start,
                remedy="Use RE2 syntax: no look-around and no back-references; "
                'put a backslash before ( ) [ ] . * + ? to mean the character itself: "a\\.b".',
            )
        return pattern

    def _links(self) -> list[tuple[str, list[str]]]:
        """Read the relationships a path goes through, each with the types that are asked for."""
        links: list[tuple[str, list[str]]] = []
        while True:
            start = self._skip()
            match = _LINK.match(self._text, start)
            if match is None:
                return links
            self._check_depth(len(links) + 1, start)
            iri, self._at = self._iri(match.group(1), start), match.end()
            types: list[str] = []
            start = self._skip()
            hint = None if _IRI_START.match(self._text, start) else _HINT.match(self._text, start)
            if hint is not None:
                types = [self._iri(name.strip(), start) for name in hint.group(1).split(",")]
                self._at = hint.end()
            links.append((iri, types))

    def _check_depth(self, depth: int, at: int) -> None:
        if self._linked is None:
            self._fail(
                "conditions on linked entities, relation{…}, cannot be asked here.",
                at,
                remedy="Query the linked entities by themselves, then ask for "
                'relation=="their id".',
            )
        if depth > self._linked:
            self._fail(
                f"the condition is on an entity {depth} relationships away; "
                f"{self._linked or 'none'} may be followed here.",
                at,
                remedy="Ask what is so far away by itself; a query may also add join=inline or "
                "join=flat with a joinLevel that reaches so far.",
            )

    def _path(self) -> Path:
        start = self._skip()
        written, is_iri = self._name()
        member: str | None = None
        names: list[str] = []
        if is_iri:
            head, dot, tail = written.rpartition(".")
            if dot and tail in INSTANCE_MEMBERS:
                written, member = head, tail
        if not is_iri and written in ENTITY_MEMBERS:
            member = written
        else:
            names.append(self._iri(written, start))
        while self._text.startswith(".", self._at) and not self._text.startswith("..", self._at):
            if member is not None:
                self._fail(f"{member} is a member and has nothing inside.")
            self._at += 1
            start = self._at
            written, is_iri = self._name()
            if not is_iri and written in INSTANCE_MEMBERS:
                member = written
            elif not is_iri and written in PRIMARY_MEMBERS:
                self._fail(
                    f"{written!r} cannot be asked for.",
                    start,
                    remedy="A name stands for its value: write temperature>20, and "
                    "address[city] to look inside a value.",
                )
            else:
                names.append(self._iri(written, start))
        return Path(tuple(names), member, self._keys())

    def _name(self) -> tuple[str, bool]:
        """Read one name; tell whether it is an absolute IRI."""
        start = self._at
        is_iri = _IRI_START.match(self._text, start) is not None
        match = (_IRI if is_iri else _NAME).match(self._text, start)
        if match is None:
            found = repr(self._text[start]) if start < len(self._text) else "the end"
            self._fail(f"an attribute name was expected, not {found}.")
        self._at = match.end()
        name = match.group()
        if "%" in name and not (is_iri and "://" in name):
            name = unquote(name)
            check_unicode(name, self._place)
        return name, is_iri

    def _keys(self) -> tuple[str, ...]:
        if not self._take("["):
            return ()
        opened = self._at - 1
        keys: list[str] = []
        try:
            while True:
                key, self._at = read_key(self._text, self._skip())
                keys.append(key)
                if not self._take("."):
                    break
        except OperandError as error:
            self._fail(error.detail, error.at, remedy=error.remedy)
        if not self._take("]"):
            self._fail(
                "a bracket is opened and never closed.",
                opened,
                remedy='Close it: address[city]=="人吉市"; quote keys with other characters: '
                'a["b.c"].',
            )
        return tuple(keys)

    def _iri(self, name: str, at: int) -> str:
        try:
            return self._expand(name)
        except MachiError as error:
            self._fail(error.detail, at, remedy=error.remedy)

    def _take(self, token: str) -> bool:
        self._skip()
        if not self._text.startswith(token, self._at):
            return False
        self._at += len(token)
        return True

    def _skip(self) -> int:
        while self._text.startswith((" ", "\t"), self._at):
            self._at += 1
        return self._at

    def _fail(self, detail: str, at: int | None = None, *, remedy: str = "") -> NoReturn:
        at = self._at if at is None else at
        refuse(detail, place=self._place, at=at, remedy=remedy or self._remedy)

    def _too_complex(self, detail: str) -> NoReturn:
        raise TooComplexQuery(detail, place=self._place, remedy="Split the query into several.")
