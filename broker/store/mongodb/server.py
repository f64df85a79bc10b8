"""What a server is capable of: asked of it, not read off its name.

Filters on the targets of an entity rest on `$elemMatch` with several conditions on one element,
and points on an index on the sphere. A server that answers a probe wrongly, as lesser speakers
of the wire protocol do, is asked narrower questions, and the predicate decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, ParamSpec, TypeAlias, TypeVar
from uuid import uuid4

from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from broker.errors import ServiceUnavailable
from broker.store.mongodb.rows import Document

P = ParamSpec("P")
T = TypeVar("T")
Database: TypeAlias = AsyncDatabase[Document]
Collection: TypeAlias = AsyncCollection[Document]

DATABASE: Final = "machi"
"""The database where a URL names none."""

_SAMPLES: Final[list[Document]] = [
    {"_id": "a", "t": [{"p": "k", "S": ["x", "y"]}, {"p": "q", "n": 3}], "l": ["/a"]},
    {"_id": "b", "t": [{"p": "k", "n": 3}, {"p": "k", "n": 5, "s": "x"}], "l": ["/b", "/a"]},
]
_PROBES: Final[list[tuple[Document, list[str]]]] = [
    ({"t": {"$elemMatch": {"p": "k", "S": {"$in": ["x"]}}}}, ["a"]),
    ({"t": {"$elemMatch": {"p": "k", "n": {"$in": [3]}}}}, ["b"]),
    ({"t": {"$elemMatch": {"p": "k", "n": {"$nin": [3, 5]}}}}, ["a"]),
    ({"t": {"$elemMatch": {"p": "k", "S": {"$elemMatch": {"$gte": "y", "$lte": "z"}}}}}, ["a"]),
    ({"t": {"$elemMatch": {"p": "k", "n": {"$not": {"$gte": 0, "$lte": 9}}}}}, ["a"]),
    ({"t": {"$elemMatch": {"p": "k", "s": {"$regex": "^x"}}}}, ["b"]),
    ({"l": {"$regex": "^/b"}}, ["b"]),
]
_POINT: Final[Document] = {"_id": "p", "point": {"type": "Point", "coordinates": [130.7, 32.2]}}
_CIRCLE: Final[Document] = {"point": {"$geoWithin": {"$centerSphere": [[130.7, 32.2], 0.001]}}}


@dataclass(frozen=True, slots=True)
class Capable:
    """`targets`: filters on targets mean what is documented; `sphere`: points have an index."""

    targets: bool
    sphere: bool


def connect(url: str) -> Database:
    """Return the database of a URL, whatever the URL says of concerns.

    All is read from the primary, and commits wait for a majority; so do those of transactions,
    which go by what the client is told, not the database.
    """
    client: AsyncMongoClient[Document] = AsyncMongoClient(
        url,
        tz_aware=True,
        w="majority",
        journal=True,
        readConcernLevel="majority",
        readPreference="primary",
    )
    return client.get_default_database(DATABASE)


async def probe(database: Database) -> Capable:
    """Ask a server what it is capable of, in a collection of its own that is dropped again."""
    samples = database[f"probe_{uuid4().hex}"]
    try:
        await samples.insert_many(_SAMPLES)
        targets = all([await _selects(samples, *each) for each in _PROBES])
        await samples.insert_one(_POINT)
        return Capable(targets, targets and await _selects(samples, _CIRCLE, ["p"]))
    finally:
        await samples.drop()


async def _selects(samples: Collection, asked: Document, wanted: list[str]) -> bool:
    try:
        return [
            each["_id"] async for each in samples.find(asked, {"_id": 1}).sort("_id", 1)
        ] == wanted
    except OperationFailure:
        return False


def unanswered(error: PyMongoError) -> ServiceUnavailable:
    """Return the error for a server that did not answer, or refused."""
    words = str(error).partition(", Topology Description")[0]
    return ServiceUnavailable(
        f"The database did not answer as it should: {words}.",
        place="store",
        remedy="Repeat the request later; see that the servers of --store run and may be reached.",
    )


def answered(method: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Let a method raise ServiceUnavailable where the server does not answer."""

    @wraps(method)
    async def asked(*args: P.args, **options: P.kwargs) -> T:
        try:
            return await method(*args, **options)
        except PyMongoError as error:
            raise unanswered(error) from error

    return asked
