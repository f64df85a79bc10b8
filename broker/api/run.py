"""Drives coroutines from callbacks, so that what need not wait costs no Task."""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Run(Generic[T]):
    """Drives one coroutine after another; the first step of each runs within `start`.

    Inside the coroutine it is what `asyncio.current_task()` gives, and it can be cancelled as a
    Task can: `asyncio.timeout`, `asyncio.TaskGroup` and aiohttp's time limits work. Unlike a Task
    it gives the coroutine no context (`contextvars`) of its own and cannot be awaited: `done` is
    called with the result, or with None where the coroutine was cancelled or failed. While the
    coroutine waits, the Run is in `waiting`.
    """

    __slots__ = (
        "__weakref__", "_cancels", "_coroutine", "_done", "_future", "_loop", "_must_cancel",
        "_waited", "_waiting",
    )  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        waiting: set[Any],
        done: Callable[[T | None], None],
    ) -> None:
        self._loop = loop
        self._waiting = waiting
        self._done = done
        self._coroutine: Coroutine[Any, Any, T] | None = None
        self._future: asyncio.Future[Any] | None = None
        self._cancels = 0
        self._must_cancel = False
        self._waited = False

    def start(self, coroutine: Coroutine[Any, Any, T]) -> None:
        """Begin with a coroutine; the one before must be done. Not to be called within a task."""
        self._coroutine = coroutine
        self._cancels = 0
        self._must_cancel = False
        self._step()

    def cancel(self, msg: Any = None) -> bool:
        """Throw CancelledError into the coroutine where it waits; False where none runs."""
        if self._coroutine is None:
            return False
        self._cancels += 1
        if self._future is None or not self._future.cancel(msg=msg):
            self._must_cancel = True
        return True

    def cancelling(self) -> int:
        """Return how many cancellations were asked for and not taken back."""
        return self._cancels

    def uncancel(self) -> int:
        """Take one cancellation back; return how many are left."""
        if self._cancels:
            self._cancels -= 1
        return self._cancels

    def done(self) -> bool:
        """Tell whether no coroutine runs."""
        return self._coroutine is None

    def _step(self, error: BaseException | None = None) -> None:
        coroutine = self._coroutine
        assert coroutine is not None
        task: Any = self
        _enter_task(self._loop, task)
        try:
            future = coroutine.send(None) if error is None else coroutine.throw(error)
        except StopIteration as ended:
            _leave_task(self._loop, task)
            self._end(ended.value)
        except (Exception, asyncio.CancelledError):
            _leave_task(self._loop, task)
            self._end(None)
        except BaseException:
            _leave_task(self._loop, task)
            self._end(None)
            raise
        else:
            _leave_task(self._loop, task)
            self._wait(future)

    def _end(self, result: T | None) -> None:
        self._coroutine = None
        if self._waited:
            self._waited = False
            self._waiting.discard(self)
        self._done(result)

    def _wait(self, future: Any) -> None:
        if not self._waited:
            self._waited = True
            self._waiting.add(self)
        if future is None:
            self._loop.call_soon(self._wake)
        elif getattr(future, "_asyncio_future_blocking", None) is not True:
            wrong = RuntimeError(f"a handler waits for {future!r}, which is no future")
            self._loop.call_soon(self._step, wrong)
        else:
            future._asyncio_future_blocking = False
            future.add_done_callback(self._wake)
            self._future = future
            if self._must_cancel and future.cancel():
                self._must_cancel = False

    def _wake(self, future: Any = None) -> None:
        # A refusal's traceback may lead to this frame, and the future leads to the refusal.
        del future
        self._future = None
        if self._must_cancel:
            self._must_cancel = False
            self._step(asyncio.CancelledError())
        else:
            self._step()
