"""Processes that share the work of one command."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from chatml._errors import ChatMLError

if TYPE_CHECKING:
    from concurrent.futures import Future

_P = ParamSpec("_P")
_R = TypeVar("_R")


def cores() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


class WorkerError(ChatMLError):
    """A worker process died, such as for want of memory."""


class Submit(Protocol):
    """Give a call to a worker."""

    def __call__(self, function: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_R]:
        """What `concurrent.futures.Executor.submit` does."""


@contextmanager
def workers(jobs: int, start: Callable[..., None] | None = None, *arguments: Any) -> Iterator[Submit]:
    """Open a pool of processes; each calls `start` before all else. Where the body ends, so does what they do.

    The body raises `WorkerError` when one of them dies.
    """
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor

    pool = ProcessPoolExecutor(jobs, mp_context=_context(), initializer=_start, initargs=(start, arguments))

    def submit(function: Callable[_P, _R], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_R]:
        with _uninterrupted():  # workers are forked here
            return pool.submit(function, *args, **kwargs)

    try:
        yield submit
    except BrokenProcessPool:
        hint = "try again with --jobs 1; if that fails as well, please report it"
        raise WorkerError("a worker process died", hint=hint) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _context() -> Any:
    """Forked workers begin with all that is loaded, where the system can fork."""
    import multiprocessing

    methods = multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("fork" if "fork" in methods else None)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put off interrupts, where the system can; a process that is forked meanwhile never gets any."""
    import signal

    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(start: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    import gc
    import signal

    gc.freeze()
    gc.enable()  # the command line runs without, and workers run for long
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends them
    if start is not None:
        start(*arguments)
