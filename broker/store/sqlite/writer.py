"""Group commit in the hybrid form: statements on the loop, COMMIT in a thread.

Units of work wait in one queue. Up to `GROUP` of them, or as many as fit in `GROUP_SECONDS`,
share a transaction. The loop gets its turn after each `SLICE_SECONDS`, so that a batch, which is
committed once or twice, holds nobody else up. While the disk syncs, the loop serves reads and
gathers the next group.

Clients that write again as soon as they are answered would fall into two halves, each waiting for
the commit of the other. So the next group waits a moment for those who were answered last.

Savepoints make SQLite copy each page once for every unit of work that changes it, and nearly
all units that fail do so before they write. So a group first runs without: only where one fails
after it has written is the group rolled back and run again, each unit within its own savepoint.
Nobody is answered, refusals included, before what the answer rests on is durable.

The log of a commit is carried into the file in that thread as well, once those who waited for the
commit are answered: what is durable needs no more for that.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, TypeVar

import apsw

from broker.errors import untraced
from broker.store.refusals import closed, not_committed
from broker.store.sqlite.connection import runner
from broker.store.sqlite.effects import Effects

T = TypeVar("T")
Task = Callable[[Effects], Any]
"""Runs in the writing transaction, perhaps more than once; adds to the effects of its group."""

GROUP: Final = 1024
GROUP_SECONDS: Final = 0.25
SLICE_SECONDS: Final = 0.01

PATIENCE: Final = 0.004
"""Seconds for which a group waits, at most, for those who were answered last."""

CROWD: Final = range(8, 129)
"""Writers with which that is worth it: fewer would wait longer than they gain, and more are many
at any time.
"""

VAIN: Final = 16
"""Groups that wait for nobody after one that did so in vain."""

LOG_PAGES: Final = 1000
"""Pages of the log from which on it is carried into the file, as SQLite does by itself."""

log = logging.getLogger(__name__)


class _Job:
    """A task with who waits for it; `result` and `error` are set when it has run."""

    __slots__ = ("client", "done", "error", "result", "task")

    result: Any
    error: Exception | None

    def __init__(self, task: Task, done: asyncio.Future[Any], client: bool) -> None:
        self.task = task
        self.done = done
        self.client = client


class Writer:
    """Owns the writing connection and commits what is put in its queue, in order."""

    def __init__(
        self,
        connection: apsw.Connection,
        begin: Callable[[], Effects],
        flush: Callable[[Effects], None],
        announce: Callable[[Effects], None],
    ) -> None:
        self._connection = connection
        self._run = runner(connection)
        self._effects = begin
        self._flush = flush
        self._announce = announce
        self._queue: deque[_Job] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._disk = _Disk(connection)
        self._task: asyncio.Task[None] | None = None
        self._enough = 1
        self._writers = 0
        self._vain = 0
        self.commits = 0

    def start(self) -> None:
        """Begin to serve the queue."""
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._serve(), name="machi-writer")

    async def close(self) -> None:
        """Refuse new work, commit what is queued, and stop."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await self._task
        self._disk.close()

    def __len__(self) -> int:
        return len(self._queue)

    def submit(
        self, task: Task, *, client: bool = False, first: bool = False
    ) -> asyncio.Future[Any]:
        """Run `task` in the next group and return its result once that is durable.

        The task goes on if the caller is cancelled. It is of a `client` where another is likely
        to follow as soon as it is answered; it comes `first` where it must keep pace with however
        many wait.
        """
        if self._closing:
            raise closed()
        done = self._loop.create_future()
        (self._queue.appendleft if first else self._queue.append)(_Job(task, done, client))
        if len(self._queue) >= self._enough:
            self._wake.set()
        return done

    async def _serve(self) -> None:
        while True:
            if not self._queue:
                if self._closing:
                    return
                await self._wait(1)
                continue
            await self._disk.idle()
            await self._gather()
            jobs: list[_Job] = []
            try:
                await self._commit_group(jobs)
            except Exception as error:
                log.critical("the writer stops: memory may differ from the file", exc_info=True)
                self._closing = True
                self._fail(jobs + self._waiting(), error)
                return
            # What clients sent is not kept until the next group comes.
            jobs.clear()

    async def _wait(self, enough: int) -> None:
        """Wait until so many jobs are queued, or the writer is to close."""
        self._enough = enough
        self._wake.clear()
        await self._wake.wait()

    async def _gather(self) -> None:
        """Wait a moment for those who were answered last, nearly all of whom may write again.

        Where many did not, nobody is waited for in the next groups.
        """
        wanted = self._writers - max(1, self._writers // 16)
        if self._writers not in CROWD or self._vain or len(self._queue) >= wanted or self._closing:
            self._vain = max(0, self._vain - 1)
            return
        timer = self._loop.call_later(PATIENCE, self._wake.set)
        await self._wait(wanted)
        timer.cancel()
        if len(self._queue) < self._writers * 3 // 4:
            self._vain = VAIN

    async def _commit_group(self, jobs: list[_Job]) -> None:
        effects = self._effects()
        try:
            before = self._begin()
            if not await self._fill(jobs, effects):
                self._run("ROLLBACK")
                effects.take_back()
                before = self._begin()
                await self._fill_again(jobs, effects)
            if self._connection.total_changes() == before:
                self._run("ROLLBACK")
            else:
                self._flush(effects)
                await self._disk.commit()
                self.commits += 1
        except Exception as error:
            log.error("a commit failed: %s", error)
            self._abandon()
            effects.take_back()
            self._fail(jobs or self._waiting(), error)
            return
        for publish in effects.publish:
            publish()
        self._announce(effects)
        self._writers = sum(job.client for job in (*jobs, *self._queue))
        for job in jobs:
            done = job.done
            if done.done():
                continue
            if job.error is None:
                done.set_result(job.result)
            else:
                done.set_exception(job.error)

    def _begin(self) -> int:
        """Open a transaction; return how many rows were changed before it."""
        self._run("BEGIN IMMEDIATE")
        return self._connection.total_changes()

    async def _fill(self, jobs: list[_Job], effects: Effects) -> bool:
        """Run queued jobs in the open transaction; False where one failed half-way."""
        begun = time.monotonic()
        pause, end = begun + SLICE_SECONDS, begun + GROUP_SECONDS
        queue, changes = self._queue, self._connection.total_changes
        while queue and len(jobs) < GROUP:
            job = queue.popleft()
            jobs.append(job)
            before = changes()
            if not self._attempt(job, effects) and changes() != before:
                return False
            now = time.monotonic()
            if now > pause:
                if now > end:
                    break
                await asyncio.sleep(0)
                pause = time.monotonic() + SLICE_SECONDS
        return True

    async def _fill_again(self, jobs: list[_Job], effects: Effects) -> None:
        """Run jobs each within a savepoint, so that one that fails undoes what it wrote."""
        pause = time.monotonic() + SLICE_SECONDS
        for job in jobs:
            self._within_savepoint(job, effects)
            if time.monotonic() > pause:
                await asyncio.sleep(0)
                pause = time.monotonic() + SLICE_SECONDS

    def _within_savepoint(self, job: _Job, effects: Effects) -> None:
        self._run("SAVEPOINT work")
        if not self._attempt(job, effects):
            self._run("ROLLBACK TO work")
        self._run("RELEASE work")

    def _attempt(self, job: _Job, effects: Effects) -> bool:
        """Run a job and keep its result or error; raises _TransactionLost."""
        mark = (
            len(effects.undo),
            len(effects.publish),
            len(effects.counts),
            len(effects.committed),
        )
        changes = self._connection.total_changes
        before = changes()
        try:
            job.result = job.task(effects)
        except BaseException as error:
            effects.take_back(mark, written=changes() != before)
            if not isinstance(error, Exception):
                raise
            job.error = (
                not_committed(str(error)) if isinstance(error, apsw.Error) else untraced(error)
            )
        else:
            job.error = None
        if self._connection.get_autocommit():
            raise _TransactionLost(str(job.error or "the transaction was rolled back"))
        return job.error is None

    def _abandon(self) -> None:
        if not self._connection.get_autocommit():
            self._run("ROLLBACK")

    def _waiting(self) -> list[_Job]:
        """Take the jobs that cannot run because no transaction could be begun."""
        jobs = list(self._queue)
        self._queue.clear()
        return jobs

    def _fail(self, jobs: list[_Job], error: BaseException) -> None:
        for job in jobs:
            if not job.done.done():
                job.done.set_exception(not_committed(str(error)))


class _Disk:
    """A thread that commits, and carries the log into the file: the loop is left free.

    While it is not idle nobody else may use the connection.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._run = runner(connection)
        self._logged = 0
        self._idle: asyncio.Future[None] | None = None
        self._asked: SimpleQueue[tuple[asyncio.Future[None], ...]] = SimpleQueue()
        # In the place of SQLite's own hook, which carries the log over before COMMIT returns.
        connection.set_wal_hook(self._log)
        self._thread = Thread(target=self._serve, name="machi-commit", daemon=True)
        self._thread.start()

    async def commit(self) -> None:
        """Commit the open transaction; raises what SQLite raises."""
        loop = asyncio.get_running_loop()
        done, self._idle = loop.create_future(), loop.create_future()
        self._asked.put((done, self._idle))
        await done

    async def idle(self) -> None:
        """Wait until the connection may be used again."""
        if self._idle is not None:
            await self._idle
            self._idle = None

    def close(self) -> None:
        """End the thread."""
        self._asked.put(())
        self._thread.join()

    def _serve(self) -> None:
        while asked := self._asked.get():
            done, idle = asked
            error: Exception | None = None
            self._logged = 0
            try:
                self._run("COMMIT")
            except Exception as raised:
                error = raised
            tell = done.get_loop().call_soon_threadsafe
            tell(_tell, done, error)
            if self._logged >= LOG_PAGES:
                self._carry()
            tell(_tell, idle, None)

    def _log(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._logged = pages
        return apsw.SQLITE_OK

    def _carry(self) -> None:
        """Carry the log into the file as far as no reader needs it; what is left comes later."""
        try:
            self._connection.wal_checkpoint()
        except apsw.BusyError:
            log.debug("another process carries the log into the file")
        except Exception as error:
            # Whatever it is: a thread that ended would leave all who write waiting.
            log.warning("the log was not carried into the file: %s", error)


def _tell(done: asyncio.Future[None], error: Exception | None) -> None:
    if done.cancelled():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


class _TransactionLost(Exception):
    """SQLite rolled the whole transaction back within a unit of work."""
