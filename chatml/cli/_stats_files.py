"""The files of `chatml stats`: read in pieces of whole lines, counted in one process or several, added up."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from chatml._errors import FileError
from chatml._workers import workers
from chatml.cli import _files
from chatml.cli._stats_rows import NO_CONVERSATION, Job, RowCounter, bad_row, too_large
from chatml.cli._stats_tally import BadRow, Tally
from chatml.promptfiles import FORMATS

if TYPE_CHECKING:
    from argparse import Namespace
    from concurrent.futures import Future

BLOCK_SIZE = 2**19  # bytes of a job: half a second of work at worst, so that no worker waits long for another
_PAYS = 2**19  # bytes from which starting processes costs less than it gains
_AHEAD = 3  # jobs for each worker that wait to be counted
_JSONL = next(form for form in FORMATS if form.by_line)


class Files:
    """The files that are named, and those in folders: each once, in this order."""

    def __init__(self, arguments: Namespace) -> None:
        self._paths: list[str] = arguments.files
        self._most: int = arguments.max_size
        self.names: list[str] = []
        self._in_folder: list[bool] = []

    def jobs(self) -> Iterator[Job | Tally]:
        """What is to be counted; what cannot be read is a tally already."""
        seen: set[str] = set()
        for path, in_folder, error in self._found():
            place = path if path == _files.STANDARD_INPUT else os.path.abspath(path)
            if place in seen:
                continue
            seen.add(place)
            number = len(self.names)
            self.names.append(_files.shown_name(path))
            self._in_folder.append(in_folder)
            try:
                if error is not None:
                    raise error
                yield from self._jobs_of(number, path)
            except FileError as fault:
                yield self._bad(number, bad_row(fault, 1))

    def _found(self) -> Iterator[tuple[str, bool, FileError | None]]:
        for path in self._paths:
            if not _files.is_folder(path):
                yield path, False, None
                continue
            try:
                for found in _files.files_in(path):
                    yield (found.path, True, found) if isinstance(found, FileError) else (found, True, None)
            except FileError as error:
                yield path, False, error

    def _jobs_of(self, number: int, path: str) -> Iterator[Job | Tally]:
        name, in_folder = self.names[number], self._in_folder[number]
        pieces = _files.read_pieces(path, size=BLOCK_SIZE, follow=not in_folder, most=None)
        head, by_line = self._head(name, pieces)
        if by_line:
            for line, data in blocks(chain([head], pieces), self._most):
                if data is None:
                    yield self._bad(number, bad_row(too_large("line", self._most), line))
                else:
                    yield Job(number, name, line, data, True, in_folder)
            return
        parts, size = [head], len(head)
        for piece in pieces:
            size += len(piece)
            if size > self._most:
                break
            parts.append(piece)
        if size > self._most:
            yield self._bad(number, bad_row(too_large("document", self._most), 1))
        else:
            yield Job(number, name, 1, b"".join(parts), False, in_folder)

    def _head(self, name: str, pieces: Iterator[bytes]) -> tuple[bytes, bool]:
        """The beginning of a file, and whether each line of the file is a document."""
        head = next(pieces, b"")
        if _JSONL.is_named(name):
            return head, True
        while head.count(b"\n") < 2 and len(head) <= self._most:  # the kind shows in two lines
            piece = next(pieces, b"")
            if not piece:
                break
            head += piece
        return head, _JSONL.likeness(head.decode(errors="replace").removeprefix("\ufeff")) > 1

    @staticmethod
    def _bad(number: int, row: BadRow) -> Tally:
        tally = Tally()
        tally.file(number).add_bad(row)
        return tally

    def settle(self, tally: Tally) -> dict[str, str]:
        """Take files without conversations out of a tally. Returns those that are passed over, and why.

        In a folder that is a file of which nothing says that it is a prompt. One that was named is an error.
        """
        passed = {}
        for number, name in enumerate(self.names):
            file = tally.file(number)
            why = file.passed
            if not file.conversations and not why and set(file.bad) <= {NO_CONVERSATION}:
                why = file.first[0].problem if file.first else "the file is empty"
            if not why or file.conversations:
                continue
            if self._in_folder[number]:
                passed[name] = why
                del tally.files[number]
            elif not file.bad:
                file.add_bad(BadRow(1, "empty", why))
        return passed


def blocks(pieces: Iterable[bytes], most: int) -> Iterator[tuple[int, bytes | None]]:
    """Whole lines with the number of the first one; None in place of a line of more than `most` bytes."""
    line = 1
    rest, size = [b""], 0  # a line that has no end yet; of one that is too long only its size
    for piece in pieces:
        end = piece.find(b"\n") + 1
        cut = piece.rfind(b"\n") + 1
        size += end or len(piece)
        if size - (end > 0) > most:
            rest.clear()
        if not cut:
            rest += [piece] if size <= most else []
            continue
        if size - 1 > most:
            yield line, None
            line += 1
            data = piece[end:cut]
        else:
            data = b"".join([*rest, piece[:cut]])
        if data:
            yield line, data
            line += data.count(b"\n")
        rest, size = [piece[cut:]], len(piece) - cut
    if size > most:
        yield line, None
    elif size:
        yield line, b"".join(rest)


# Counting


_counter: RowCounter | None = None


def _start(arguments: Namespace) -> None:
    """Make the counter of this process; a forked one has that of its parent, with all that is loaded."""
    global _counter
    _counter = _counter or RowCounter(arguments)


def _tally(job: Job) -> Tally:
    if _counter is None:
        raise RuntimeError("the process was not started")
    return _counter.tally(job)


def count_jobs(
    jobs: Iterator[Job | Tally], arguments: Namespace, number: int, progress: Callable[[Job], None]
) -> Tally:
    """Count all jobs. What the result is does not depend on the `number` of workers."""
    global _counter
    _counter = RowCounter(arguments)
    whole = Tally()
    first: list[Job | Tally] = []
    size = 0
    try:
        for job in jobs if number > 1 else ():
            first.append(job)
            size += len(job.data) if isinstance(job, Job) else 0
            if size > _PAYS:
                for tally in _from_workers(chain(_warmed(first), jobs), arguments, number, progress):
                    whole.merge(tally)
                return whole
        for job in chain(first, jobs):
            whole.merge(_tally(job) if isinstance(job, Job) else job)
            if isinstance(job, Job):
                progress(job)
        return whole
    finally:
        _counter = None


def _warmed(first: list[Job | Tally]) -> Iterator[Job | Tally]:
    """Count the first job here: forked workers then share the vocabulary that it takes."""
    place = next(index for index, job in enumerate(first) if isinstance(job, Job))
    job = first[place]
    if isinstance(job, Job):
        first[place] = _tally(job)
    yield from first


def _from_workers(
    jobs: Iterator[Job | Tally], arguments: Namespace, number: int, progress: Callable[[Job], None]
) -> Iterator[Tally]:
    waiting: deque[tuple[Job, Future[Tally]]] = deque()
    with workers(number, _start, arguments) as submit:
        for job in jobs:
            if isinstance(job, Tally):
                yield job
                continue
            waiting.append((job, submit(_tally, job)))
            while len(waiting) > number * _AHEAD:
                done, future = waiting.popleft()
                yield future.result()
                progress(done)
        for done, future in waiting:
            yield future.result()
            progress(done)
