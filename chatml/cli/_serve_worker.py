"""The process that does the work of `chatml serve`: it has no socket, and it can be ended at any time.

What a text costs to look at is known only afterwards, and a thread cannot be stopped: so the work is done in one other
process, which is kept and started anew when it takes too long, takes too much memory or dies. Bytes go to it and come
back, nothing is unpickled.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, NamedTuple

from chatml._errors import ChatMLError, ConfigError
from chatml._visible import visible

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from chatml.models import ModelTable

MOST_WAITING = 8  # requests that are worked on or wait for it
_MEMORY = 2 * 2**30  # bytes of address space: vocabularies take 200 MB, and 16 MiB of text some hundreds
_MOST_REPLY = 128 * 2**20  # bytes
_START = 60.0  # seconds in which the process has to be ready; it takes less than one
_GRACE = 5.0  # seconds by which the process outlives its time, if the server does not end it
_LONGEST = 10.0**6  # seconds
_READY, _TAKEN = b"ready", b"taken"


class Reply(NamedTuple):
    """A status of HTTP, and JSON for the page. `fault` is a line for the log, where it is a fault of ours."""

    status: int
    body: bytes
    fault: str = ""


def error_reply(status: int, message: str, field: str = "", *, fault: str = "") -> Reply:
    """A reply that says what is wrong."""
    return Reply(status, as_json({"error": {"message": message, "field": field}}), fault)


def as_json(value: Any) -> bytes:
    """JSON in UTF-8. Lone surrogates, which UTF-8 has no place for, become escapes of JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace")  # they stand in strings only, and \udXXX is what JSON writes


class Worker:
    """The process, seen from the server. Threads may ask at the same time; one is answered after the other."""

    def __init__(self, models: Sequence[str] = (), *, seconds: float, max_size: int) -> None:
        self._arguments = tuple(models), seconds, max_size
        self._seconds = seconds
        self._turn = threading.Lock()
        self._places = threading.BoundedSemaphore(MOST_WAITING)
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._is_ready = self._is_stopped = False

    def start(self) -> None:
        """Start the process, and do not wait until it is ready."""
        with self._turn:
            self._start()

    def stop(self) -> None:
        """End the process, whatever it does."""
        self._is_stopped = True
        process = self._process
        if process is not None:
            process.kill()  # who waits for it is told, and gives way
        with self._turn:
            self._end()

    def ask(self, body: bytes, is_wanted: Callable[[], bool] = lambda: True) -> Reply | None:
        """The reply to the body of a request; None when nobody wants it any more by the time that it is its turn."""
        if not self._places.acquire(blocking=False):
            return _BUSY
        try:
            has_waited = not self._turn.acquire(blocking=False)
            if has_waited and not self._turn.acquire(timeout=_START):
                return _BUSY
            try:
                return self._exchange(body) if not has_waited or is_wanted() else None
            finally:
                self._turn.release()
        finally:
            self._places.release()

    def _exchange(self, body: bytes) -> Reply:
        for _ in range(2):
            reply = self._given(body)
            if self._is_stopped:
                return _ENDING  # whatever it is that went wrong
            if reply is not None:
                return reply
        return error_reply(500, "the server cannot do its work", fault="the worker process does not start")

    def _given(self, body: bytes) -> Reply | None:
        """The reply of the process; None where it was dead before it took the work, or does not start."""
        connection = self._opened()
        if connection is None:
            return None
        is_taken, expired = False, threading.Event()
        timer = threading.Timer(self._seconds, self._expire, [expired])
        timer.daemon = True
        timer.start()
        try:
            connection.send_bytes(body)
            is_taken = connection.recv_bytes(64) == _TAKEN
            status, _, rest = connection.recv_bytes(_MOST_REPLY + 1024).partition(b" ")
            fault, _, reply = rest.partition(b"\n")
            return Reply(int(status), reply, fault.decode())
        except (EOFError, OSError, ValueError):  # it is dead, or was ended
            return self._too_slow() if expired.is_set() else _TOO_LARGE if is_taken else None
        finally:
            timer.cancel()
            if expired.is_set() or not self._is_alive():
                self._start()  # so that it is ready when the next one comes

    def _expire(self, expired: threading.Event) -> None:
        expired.set()
        if self._process is not None:
            self._process.kill()

    def _too_slow(self) -> Reply:
        limit = f"{self._seconds:g} second{'' if self._seconds == 1 else 's'}"
        return error_reply(
            504, f"this takes more than {limit}: shorten the text, or start with a larger --timeout", "text"
        )

    def _opened(self) -> Connection | None:
        """The connection to a process that is ready; None when it cannot be made so."""
        for _ in range(0 if self._is_stopped else 2):
            if not self._is_alive():
                self._start()
            if self._is_ready or self._wait():
                return self._connection
            self._end()
        return None

    def _is_alive(self) -> bool:
        """Whether there is a process that waits to be asked, or will: one that says something unasked has ended."""
        if self._connection is None or self._process is None or not self._process.is_alive():
            return False
        return not (self._is_ready and self._connection.poll())

    def _wait(self) -> bool:
        if self._connection is None:
            return False
        try:
            self._is_ready = self._connection.poll(_START) and self._connection.recv_bytes(64) == _READY
        except (EOFError, OSError):
            self._is_ready = False
        return self._is_ready

    def _start(self) -> None:
        self._end()
        if self._is_stopped:
            return
        context = multiprocessing.get_context("spawn")  # no state of the server, none of its sockets
        before = _block_interrupts()
        try:
            self._connection, theirs = context.Pipe()
            with theirs:
                self._process = context.Process(target=work, args=(theirs, *self._arguments), daemon=True)
                self._process.start()
        except OSError:  # no more processes, descriptors or memory: _opened says so
            self._process = None
        finally:
            _restore_interrupts(before)

    def _end(self) -> None:
        if self._process is not None and self._process.pid is not None:
            self._process.kill()
            self._process.join(5)
        if self._connection is not None:
            self._connection.close()
        self._process, self._connection, self._is_ready = None, None, False


_BUSY = error_reply(503, "the server is busy: try again in a moment")
_ENDING = error_reply(503, "the server is ending")
_TOO_LARGE = error_reply(
    422,
    "the work on this was ended, most likely for want of memory: shorten the text",
    "text",
    fault="the worker ended",
)


def _block_interrupts() -> set[int] | None:
    """Put off Ctrl-C: a process that is started meanwhile never gets it, and the server ends it."""
    if not hasattr(signal, "pthread_sigmask"):
        return None
    return {*signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})}


def _restore_interrupts(before: set[int] | None) -> None:
    if before is not None:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# In the process


def work(connection: Connection, models: tuple[str, ...], seconds: float, max_size: int) -> None:
    """Answer until the server is gone. What takes longer than the server waits ends this process."""
    _confine()
    try:
        from chatml.cli._model_files import read_table

        table = read_table(models)
        _warm(table)
        connection.send_bytes(_READY)
        while True:
            body = connection.recv_bytes()
            connection.send_bytes(_TAKEN)
            _alarm(seconds + _GRACE)
            reply = respond(body, table, max_size=max_size)
            _alarm(0)
            connection.send_bytes(b"%d %s\n%s" % (reply.status, reply.fault.encode(), reply.body))
    except (EOFError, OSError):
        return
    except MemoryError:
        os._exit(1)  # what is left may be in any state: the server starts another


def _confine() -> None:
    """Give up what a process needs not have to answer: Ctrl-C, the terminal, memory without end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # of a panic below us, the server prints one line, and not what text it was about
        os.dup2(nowhere, descriptor)
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # texts are not left on a disk
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        limit = _MEMORY if most == resource.RLIM_INFINITY else min(_MEMORY, most)
        resource.setrlimit(resource.RLIMIT_AS, (limit, most))
    except (ImportError, OSError, ValueError):  # Windows has none, macOS takes none
        return


def _alarm(seconds: float) -> None:
    """End this process after some seconds, if the server did not: it may be gone. 0 is never."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, min(seconds, _LONGEST))


def _warm(table: ModelTable) -> None:
    """Load what most requests need, so that the first is as quick as others."""
    from chatml.cli._playground import answer
    from chatml.encodings import get_encoding

    get_encoding("o200k_im")  # of the default model
    get_encoding("cl100k_im")  # of the default dialect
    answer({"text": '[{"role":"user","content":"hi"}]', "max_tokens": 100}, table)


def respond(body: bytes, table: ModelTable, *, max_size: int) -> Reply:
    """The reply to the body of a request. Nothing is raised but `MemoryError`."""
    from chatml.cli._playground import answer

    try:
        reply = Reply(200, as_json(answer(_read(body), table, max_size=max_size)))
    except ConfigError as error:
        return error_reply(422, visible(str(error)), error.option)
    except MemoryError:
        raise
    except BaseException as error:  # a panic of what is below us is none of `Exception`
        return error_reply(500, "the server failed on this: please report it", "text", fault=_in_a_line(error))
    return reply if len(reply.body) <= _MOST_REPLY else _TOO_LARGE._replace(fault="")


def _in_a_line(error: BaseException) -> str:
    kind = "" if isinstance(error, ChatMLError) else f"{type(error).__name__}: "
    return visible(f"{kind}{error}"[:300])


def _read(body: bytes) -> Any:
    """A JSON value. Raises `ConfigError`; what is in it is for `answer` to check."""
    try:
        return json.loads(body.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ConfigError("expected JSON in UTF-8", option="request") from None


def _refuse(name: str) -> Any:
    raise ValueError(name)
