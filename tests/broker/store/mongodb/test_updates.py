"""Every write the engine sends, as MongoDB's manual says what it does.

A store with something of everything is filled while its commands are recorded. Their forms are
written out below; mongomock, which reads them as the manual does, carries them out again.
"""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import mongomock
import pytest
from pymongo import AsyncMongoClient, MongoClient

from broker.store.mongodb import exchange
from broker.store.mongodb import server as servers
from broker.store.mongodb.store import MongoStore
from broker.store.outbox import PERIODIC, Failure
from machi.migration.copying import copy
from tests.broker.store.filled import AT, fill
from tests.broker.store.helpers import HandClock, entity
from tests.support.mongodb import database_name
from tests.support.mongodb_commands import Commands, Document, held

MAJORITY = {"w": "majority", "j": True}
WHOLE = "a document in the place of the one of its _id"

ONE = {"_id": "…"}
EACH = {"$in": ["…"]}
BY_ID = {"q": ONE, "limit": 1}


def changed(asked: Document, change: Document, *, upsert: bool = False) -> Document:
    """Return the statement that changes some fields of a document."""
    return {"q": asked, "u": change, "multi": False, "upsert": upsert}


def of_meta(name: str, *fields: str, upsert: bool = False) -> Document:
    """Return the statement that sets fields of what is about no item."""
    return changed({"_id": name}, {"$set": dict.fromkeys(fields, "…")}, upsert=upsert)


def made(name: str, *fields: str) -> Document:
    """Return the statement that makes what is about no item, where it is missing."""
    document = {"_id": name, **dict.fromkeys(fields, "…")}
    return changed({"_id": name}, {"$setOnInsert": document}, upsert=True)


TRIES = ("tenant", "sid", "seq", "queued_at", "attempts", "not_before", "error", "period")
TURN = {"query": {"_id": "feed"}, "update": {"$inc": {"turn": 1}}, "new": True, "upsert": False}

GOLDEN: dict[tuple[str, str], list[Any]] = {
    ("findAndModify", "meta"): [TURN],
    ("insert", "changes"): [WHOLE],
    ("insert", "meta"): [WHOLE],
    ("insert", "turns"): [WHOLE],
    ("update", "answers"): [WHOLE],
    ("update", "changes"): [
        WHOLE,
        changed(ONE, {"$set": {"before": "…"}}),
        changed(ONE, {"$set": {"entity": "…"}}),
    ],
    ("update", "dead"): [WHOLE],
    ("update", "entities"): [WHOLE],
    ("update", "heads"): [WHOLE],
    ("update", "meta"): [
        WHOLE,
        of_meta("feed", "newest"),
        of_meta("feed", "pruned"),
        of_meta("feed", "newest", "pruned", upsert=True),
        of_meta("history", "number", "followed", upsert=True),
        of_meta("outbox", "last", "gone", upsert=True),
        of_meta("unfinished", "progress"),
        of_meta("copied", "seen", upsert=True),
        made("feed", "newest", "pruned", "turn"),
        made("schema", "version"),
        changed({"_id": "schema", "version": {"$lt": "…"}}, {"$set": {"version": "…"}}),
    ],
    ("update", "moments"): [WHOLE],
    ("update", "outbox"): [WHOLE, changed(ONE, {"$set": dict.fromkeys(TRIES, "…")})],
    ("update", "places"): [WHOLE],
    ("update", "replicas"): [changed(ONE, {"$inc": {"beat": 1}}, upsert=True)],
    ("update", "resources"): [WHOLE],
    ("update", "rules"): [WHOLE],
    ("update", "subscriptions"): [WHOLE],
    ("update", "tenants"): [WHOLE, changed(ONE, {"$setOnInsert": ONE}, upsert=True)],
    ("delete", "answers"): [BY_ID, {"q": {"at": {"$lt": "…"}}, "limit": 0}],
    ("delete", "changes"): [
        BY_ID,
        {"q": {"_id": EACH}, "limit": 0},
        {"q": {"_id": {"$lte": "…"}}, "limit": 0},
    ],
    ("delete", "dead"): [
        BY_ID,
        {"q": {"sid": "…"}, "limit": 0},
        {"q": {"tenant": "…", "$or": [{"seq": EACH}, {"_id": EACH}]}, "limit": 0},
        {
            "q": {
                "$or": [{"seq": {"$lte": "…"}}, {"seq": {"$gte": "…"}, "queued_at": {"$lt": "…"}}]
            },
            "limit": 0,
        },
    ],
    ("delete", "entities"): [BY_ID],
    ("delete", "heads"): [BY_ID],
    ("delete", "meta"): [
        {"q": {"_id": "copied"}, "limit": 1},
        {"q": {"_id": "unfinished"}, "limit": 1},
    ],
    ("delete", "moments"): [BY_ID],
    ("delete", "outbox"): [BY_ID],
    ("delete", "replicas"): [BY_ID],
    ("delete", "resources"): [BY_ID],
    ("delete", "rules"): [BY_ID],
    ("delete", "subscriptions"): [BY_ID],
    ("delete", "tenants"): [BY_ID],
    ("delete", "turns"): [{"q": {"at": {"$lt": "…"}}, "limit": 0}],
}  # fmt: skip

FIXED = ("feed", "schema", "history", "outbox", "unfinished", "copied")


def form(statement: Any, key: str = "") -> Any:
    """Return a statement with dots in the place of what differs from time to time."""
    if key == "$in":
        return ["…"]
    if key in ("multi", "upsert", "new", "limit", "$inc"):
        return statement
    if isinstance(statement, dict) and key != "gone":
        return {name: form(each, name) for name, each in statement.items()}
    if isinstance(statement, list):
        return [form(each) for each in statement]
    return statement if statement in FIXED else "…"


def told(statements: list[Any]) -> list[str]:
    """Return statements as lines to compare, each once."""
    return sorted({json.dumps(each, sort_keys=True, ensure_ascii=False) for each in statements})


@dataclass(frozen=True, slots=True)
class Run:
    """What was sent, and what the server holds after it, by database."""

    commands: Commands
    found: dict[str, dict[str, dict[Any, Document]]]


async def live(url: str) -> None:
    """Do something of everything."""
    clock = HandClock()
    store = MongoStore(url, clock=clock)
    await store.open()
    await fill(store, clock)
    await store.forget("", "urn:3")
    stored = (await store.outbox.all())[0]
    await store.outbox.queue_period(stored, AT, [entity("urn:0")])
    period = next(row for row in await store.outbox.waiting(stored.sid) if row.seq >= PERIODIC)
    await store.outbox.settle(failures=[Failure(stored.sid, period.seq, AT, 1, AT, "busy")])
    letters, _ = await store.outbox.dead_letters()
    await store.outbox.replay(letters[0].tenant, letters[0].sid)
    await store.drop_tenant("town")
    await store.close()


async def move(url: str, other: str) -> None:
    """Copy a database into another, as `machi migrate` does."""
    source = await exchange.open_source(url, patience=0)
    target = await exchange.open_target(other, patience=0)
    await copy(source, target, lambda step: None, 50)
    await target.close()
    await source.close()


@pytest.fixture(scope="module")
def run(mongodb_url: str) -> Iterator[Run]:
    """Record what a store sends while it is filled, and what is sent while it is copied."""
    commands, names = Commands(), [database_name(), database_name()]
    with pytest.MonkeyPatch.context() as patch:
        listening = partial(AsyncMongoClient, event_listeners=[commands])
        patch.setattr(servers, "AsyncMongoClient", listening)
        one, other = (mongodb_url + name for name in names)
        asyncio.run(live(one))
        asyncio.run(move(one, other))
    with MongoClient[Document](mongodb_url) as client:
        yield Run(commands, {name: held(client[name]) for name in names})
        for name in names:
            client.drop_database(name)


def kept(found: dict[str, dict[Any, Document]]) -> dict[str, dict[Any, Document]]:
    """Return what is there, but for what the server was probed with."""
    return {name: each for name, each in found.items() if not name.startswith("probe_")}


def test_the_writes_are_these_and_no_others(run: Run) -> None:
    found: dict[tuple[str, str], list[Any]] = {}
    for name, collection, statement in run.commands.statements():
        if not collection.startswith("probe_"):
            whole = name == "insert" or "_id" in statement.get("u", {})
            found.setdefault((name, collection), []).append(WHOLE if whole else form(statement))
    for key in sorted(found.keys() | GOLDEN.keys()):
        assert told(found.get(key, [])) == told(GOLDEN.get(key, [])), key


def test_read_as_the_manual_reads_them_they_leave_what_the_server_holds(run: Run) -> None:
    for name, found in run.found.items():
        assert kept(run.commands.replayed(name)) == kept(found)


def test_a_document_is_written_in_the_place_of_its_own_id(run: Run) -> None:
    for name, _, statement in run.commands.statements():
        if name == "update" and "_id" in statement["u"]:
            assert statement["q"] == {"_id": statement["u"]["_id"]}
            assert statement["upsert"] is True


def transactions(run: Run) -> list[list[Document]]:
    """Return the commands of each transaction."""
    found: dict[tuple[bytes, int], list[Document]] = {}
    for command in run.commands.sent:
        if "autocommit" in command:
            number = (bytes(command["lsid"]["id"]), command["txnNumber"])
            found.setdefault(number, []).append(command)
    return list(found.values())


def test_a_transaction_begins_with_its_turn_on_a_snapshot(run: Run) -> None:
    for first, *rest in transactions(run):
        assert first["startTransaction"] is True
        assert first["readConcern"] == {"level": "snapshot"}
        assert first["findAndModify"] == "meta"
        assert not any("startTransaction" in each or "readConcern" in each for each in rest)


def test_a_commit_waits_for_a_majority_and_so_does_what_is_written_outside(run: Run) -> None:
    for *within, last in transactions(run):
        assert "commitTransaction" in last
        assert last["writeConcern"] == MAJORITY
        assert not any("writeConcern" in each for each in within)
    for command in run.commands.sent:
        if "autocommit" not in command and next(iter(command)) in ("insert", "update", "delete"):
            assert command["writeConcern"] == MAJORITY


def test_a_transaction_writes_its_entry_last(run: Run) -> None:
    for commands in transactions(run):
        *_, entry, commit = commands
        assert (entry["insert"], "commitTransaction" in commit) == ("turns", True)


@pytest.mark.parametrize(
    ("before", "asked", "change", "upsert", "after"),
    [
        ({"turn": 4, "a": 9}, {"_id": 1}, {"$inc": {"turn": 1}}, False, {"turn": 5, "a": 9}),
        (None, {"_id": 1}, {"$inc": {"turn": 1}}, False, None),
        (None, {"_id": 1}, {"$inc": {"beat": 1}}, True, {"beat": 1}),
        ({"beat": 1}, {"_id": 1}, {"$inc": {"beat": 1}}, True, {"beat": 2}),
        ({"a": 1, "about": "x"}, {"_id": 1}, {"$set": {"a": 2}}, False, {"a": 2, "about": "x"}),
        (None, {"_id": 1}, {"$set": {"a": 2}}, False, None),
        (None, {"_id": 1}, {"$setOnInsert": {"_id": 1, "a": 0}}, True, {"a": 0}),
        ({"a": 7}, {"_id": 1}, {"$setOnInsert": {"_id": 1, "a": 0}}, True, {"a": 7}),
        ({"v": 1}, {"_id": 1, "v": {"$lt": 2}}, {"$set": {"v": 2}}, False, {"v": 2}),
        ({"v": 3}, {"_id": 1, "v": {"$lt": 2}}, {"$set": {"v": 2}}, False, {"v": 3}),
        ({"a": 1, "b": 2}, {"_id": 1}, {"_id": 1, "c": 3}, True, {"c": 3}),
        (None, {"_id": 1}, {"_id": 1, "c": 3}, True, {"c": 3}),
    ],
    ids=str,
)  # fmt: skip
def test_what_each_kind_of_write_makes_of_a_document(
    before: Document | None,
    asked: Document,
    change: Document,
    upsert: bool,
    after: Document | None,
) -> None:
    collection: Any = mongomock.MongoClient()["one"]["collection"]
    if before is not None:
        collection.insert_one({"_id": 1, **before})
    if "_id" in change:
        collection.replace_one(asked, change, upsert=upsert)
    else:
        collection.update_one(asked, change, upsert=upsert)
    assert collection.find_one() == (None if after is None else {"_id": 1, **after})
