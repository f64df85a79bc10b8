"""Group commit: units of work that wait share one transaction of a session.

The feed's `turn` is raised first, within the transaction: two brokers on one database conflict
there, at once, and the server lets one of them pass. Sequence numbers are therefore gapless and in
commit order, whoever writes. What others committed before is taken over then (`following`), so that
units of work run on what is true. A group that met another is run again, whole; its units of work
have no effect outside the transaction.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from random import random
from typing import Any, Final, TypeAlias

from bson.errors import BSONError
from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from broker.clock import Clock
from broker.errors import untraced
from broker.store.mongodb.draft import ORDER, Writes
from broker.store.mongodb.following import Following
from broker.store.mongodb.server import Database
from broker.store.refusals import closed, not_committed

GROUP: Final = 64
PATIENCE: Final = 30.0
"""Seconds for which a group that meets others is tried again."""
SHORTEST: Final = 0.005
LONGEST: Final = 0.1
"""Seconds between tries: doubled each time, with jitter."""

Task: TypeAlias = Callable[[AsyncClientSession, Writes, int], Awaitable[Any]]
"""Runs in the transaction, perhaps more than once; adds to the group's writes where it succeeds.
Its last argument is the newest sequence number before the group."""
Queue: TypeAlias = Callable[[AsyncClientSession, Writes], Awaitable[None]]
"""Adds to a group what its changes are due to."""
Announce: TypeAlias = Callable[[Writes], None]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Job:
    task: Task
    done: asyncio.Future[Any]
    alone: bool = False
    result: Any = None
    error: Exception | None = None

    def settle(self) -> None:
        if self.done.done():
            return
        if self.error is None:
            self.done.set_result(self.result)
        else:
            self.done.set_exception(self.error)


class Writer:
    """Commits what is put in its queue, in order.

    `foretell` is told of what is about to be committed, `announce` of what was.
    """

    def __init__(
        self,
        database: Database,
        following: Following,
        clock: Clock,
        queue: Queue,
        announce: Announce,
        foretell: Announce,
    ) -> None:
        self._database = database
        self._following = following
        self._clock = clock
        self._queue_due = queue
        self._announce = announce
        self._foretell = foretell
        self._queue: deque[_Job] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._serve(), name="machi-writer")
        self.commits = 0

    def __len__(self) -> int:
        return len(self._queue)

    async def close(self) -> None:
        """Refuse new work, commit what is queued, and stop."""
        self._closing = True
        self._wake.set()
        await self._task

    def submit(self, task: Task, *, alone: bool = False) -> asyncio.Future[Any]:
        """Run `task` in the next group and return its result once that is durable.

        `alone` gives it a group of its own. The task goes on if the caller is cancelled.
        """
        if self._closing:
            raise closed()
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._queue.append(_Job(task, done, alone))
        self._wake.set()
        return done

    async def _serve(self) -> None:
        while True:
            if not self._queue:
                if self._closing:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            jobs = self._next()
            try:
                await self._commit(jobs)
            except (PyMongoError, BSONError) as error:
                log.error("a commit failed: %s", error)
                _fail(jobs, error)
            except Exception as error:
                log.critical("the writer stops: memory may differ from the database", exc_info=True)
                self._closing = True
                _fail([*jobs, *self._queue], error)
                return
            for job in jobs:
                job.settle()

    def _next(self) -> list[_Job]:
        jobs = [self._queue.popleft()]
        while self._queue and len(jobs) < GROUP and not (jobs[0].alone or self._queue[0].alone):
            jobs.append(self._queue.popleft())
        return jobs

    async def _commit(self, jobs: Sequence[_Job]) -> None:
        tries = Tries()
        while True:
            met = self._following.foreign
            try:
                async with self._following.lock:
                    writes = await self._transaction(jobs)
                    for durable in writes.after:
                        durable()
                    self._announce(writes)
            except PyMongoError as error:
                if not error.has_error_label("TransientTransactionError"):
                    raise
                await tries.pause(error)
            else:
                if self._following.foreign > met:
                    await asyncio.sleep(SHORTEST * random())
                return

    async def _transaction(self, jobs: Sequence[_Job]) -> Writes:
        async with self._database.client.start_session() as session:
            await session.start_transaction(ReadConcern("snapshot"))
            try:
                turn, newest = await self._begin(session)
                writes = Writes()
                for job in jobs:
                    await _attempt(job, session, writes, newest)
                if not (writes.documents or writes.notices or writes.after):
                    await session.abort_transaction()
                    return Writes()
                if not jobs[0].alone:
                    await self._queue_due(session, writes)
                newest += len(writes.committed)
                await self._flush(session, writes, turn, newest)
                self._foretell(writes)
            except BaseException:
                if session.in_transaction:
                    await session.abort_transaction()
                raise
            await _end(session)
            self._following.turn, self._following.newest = turn, newest
            self.commits += 1
            return writes

    async def _begin(self, session: AsyncClientSession) -> tuple[int, int]:
        """Return this transaction's turn and the newest sequence number."""
        feed = await self._database["meta"].find_one_and_update(
            {"_id": "feed"},
            {"$inc": {"turn": 1}},
            return_document=ReturnDocument.AFTER,
            session=session,
        )
        assert feed is not None
        turn = int(feed["turn"])
        await self._following.catch_up(turn - 1, feed["pruned"], session)
        return turn, int(feed["newest"])

    async def _flush(
        self, session: AsyncClientSession, writes: Writes, turn: int, newest: int
    ) -> None:
        for collection in ORDER:
            if operations := writes.operations(collection):
                await self._database[collection].bulk_write(operations, session=session)
        if writes.committed:
            await self._database["meta"].update_one(
                {"_id": "feed"}, {"$set": {"newest": newest}}, session=session
            )
        entry = self._following.entry(turn, self._clock(), newest, writes)
        await self._database["turns"].insert_one(entry, session=session)


class Tries:
    """Pauses between tries, until `PATIENCE` has passed."""

    def __init__(self) -> None:
        self._end = time.monotonic() + PATIENCE
        self._pause = SHORTEST

    async def pause(self, error: PyMongoError) -> None:
        """Wait before the next try. Raises `error` where there is to be none."""
        if time.monotonic() > self._end:
            raise error
        await asyncio.sleep(self._pause * (0.5 + random() / 2))
        self._pause = min(LONGEST, 2 * self._pause)


def _fail(jobs: Iterable[_Job], error: Exception) -> None:
    for job in jobs:
        job.error = not_committed(str(error))
        job.settle()


async def _attempt(job: _Job, session: AsyncClientSession, writes: Writes, newest: int) -> None:
    try:
        job.result, job.error = await job.task(session, writes, newest), None
    except PyMongoError:
        raise
    except Exception as error:
        job.error = untraced(error)


async def _end(session: AsyncClientSession) -> None:
    """Commit. Whether a commit was done may be unknown; asked again, the server tells.

    Where it never tells, what was done is taken over as what others do.
    """
    tries = Tries()
    while True:
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label("UnknownTransactionCommitResult"):
                raise
            await tries.pause(error)
        else:
            return
