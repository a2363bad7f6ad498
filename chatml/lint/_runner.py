"""A run over many files: in one process or several, from a cache where it can be, in the same order always.

Files come as sources, opened by whoever knows how to; nothing here opens one. A file is checked in blocks, blocks go to
workers in the order of the files, and what comes back is put together in that order: how many workers there are, and
which of them is faster, shows nowhere.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from chatml._diagnostics import Severity
from chatml._errors import FileError
from chatml._workers import workers
from chatml.lint._blocks import Unreadable, is_by_line, read_blocks
from chatml.lint._engine import Analysis, Block, LintDiagnostic, analyze, judge
from chatml.lint._facts import FactTable
from chatml.lint._select import all_rules, is_ignored
from chatml.lint._settings import Settings

if TYPE_CHECKING:
    from concurrent.futures import Future

    from chatml.lint._cache import Cache

MOST_OF_A_KIND = 1_000  # findings of one rule in one file that are kept; the others are only counted
_PAYS = 2**19  # characters of work from which starting processes costs less than it gains
_UNIT = 2**17  # characters that go to a worker at once: sending them costs little beside checking them
_MOST_IN_UNIT = 1_000  # so that files that are known already do not wait for one that is not
_AHEAD = 3  # units for each worker that wait to be checked


class Source(NamedTuple):
    """A file that is to be checked.

    `path` is its name in output, `pieces` gives its bytes in pieces of a size, and may raise `FileError`. `is_named` is
    False for a file that was found in a folder: it is passed over when nothing says that it is a prompt.
    """

    path: str
    settings: Settings
    pieces: Callable[[], Iterable[bytes]]
    is_named: bool = True


class FileResult(NamedTuple):
    """What is known about a file. `tokens` is None where no rule has asked for them; `size` counts characters."""

    path: str
    diagnostics: list[LintDiagnostic]
    is_readable: bool
    is_prompt: bool
    documents: int
    tokens: int | None
    size: int


class _Task(NamedTuple):
    """A block that is to be checked; `last` says that the file ends with it."""

    source: Source
    block: Block


class _Part(NamedTuple):
    """What became of a block. Without an analysis it is the end of the file."""

    source: Source
    analysis: Analysis | None
    size: int = 0


def check_sources(
    sources: Iterable[Source],
    *,
    jobs: int = 1,
    cache: Cache | None = None,
    progress: Callable[[int, bool], None] = lambda *_: None,
) -> list[FileResult]:
    """Check files, and what dataset rules say about all of them together. Raises `WorkerError`.

    `progress` is told how many characters were checked, and whether that was the end of a file.
    """
    facts = FactTable()
    results = list(_results(_parts(_tasks(sources, cache), jobs, cache), facts, progress))
    return _with_judgements(results, facts)


def check_texts(texts: Iterable[tuple[str, str]], *, settings: Settings) -> list[LintDiagnostic]:
    """Check texts that are at hand, pairs of a path and a text, in this process."""
    facts, results = FactTable(), []
    for path, text in texts:
        block = Block(text.removeprefix("\ufeff"), has_bom=text.startswith("\ufeff"))
        source, analysis = Source(path, settings, tuple), check_block(path, settings, block)
        facts.add(analysis.facts)
        builder = _Builder()
        builder.add(_Part(source, analysis), analysis)
        results.append(builder.result(source))
    return [one for result in _with_judgements(results, facts) for one in result.diagnostics]


def _with_judgements(results: list[FileResult], facts: FactTable) -> list[FileResult]:
    by_path: dict[str, list[LintDiagnostic]] = {}
    for one in judge(all_rules(), facts):
        by_path.setdefault(one.path, []).append(one)
    return [_with_more(one, by_path.pop(one.path, [])) for one in results]


def _with_more(result: FileResult, found: list[LintDiagnostic]) -> FileResult:
    return result._replace(diagnostics=_ordered([*result.diagnostics, *_capped(found)])) if found else result


def _ordered(found: list[LintDiagnostic]) -> list[LintDiagnostic]:
    return sorted(found, key=lambda one: (one.line, one.column, one.code, one.end, one.message))


def _capped(found: list[LintDiagnostic]) -> list[LintDiagnostic]:
    builder = _Builder()
    builder.keep(found)
    return builder.diagnostics()


class _Builder:
    """A file of which some blocks are known."""

    def __init__(self) -> None:
        self._kept: list[LintDiagnostic] = []
        self._counts: Counter[str] = Counter()
        self._is_readable, self._is_prompt = True, False
        self._documents = self._size = 0
        self._tokens: int | None = None

    def add(self, part: _Part, analysis: Analysis) -> None:
        self.keep(analysis.diagnostics)
        self._is_readable &= analysis.is_readable
        self._is_prompt |= analysis.is_prompt
        self._documents += analysis.documents
        self._size += part.size
        if analysis.tokens is not None:
            self._tokens = (self._tokens or 0) + analysis.tokens

    def keep(self, found: Iterable[LintDiagnostic]) -> None:
        for one in found:
            self._counts[one.code] += 1
            if self._counts[one.code] <= MOST_OF_A_KIND:
                self._kept.append(one)

    def diagnostics(self) -> list[LintDiagnostic]:
        """Those that are kept; the last one of a kind says how many are not."""
        left = {code: count - MOST_OF_A_KIND for code, count in self._counts.items() if count > MOST_OF_A_KIND}
        for index in range(len(self._kept) - 1, -1, -1) if left else ():
            more = left.pop(self._kept[index].code, 0)
            if more:
                message = f"{self._kept[index].message} (and {more:,} more of this kind in the file)"
                self._kept[index] = self._kept[index]._replace(message=message)
        return self._kept

    def result(self, source: Source) -> FileResult:
        is_prompt = self._is_prompt or source.is_named
        found = _ordered(self.diagnostics()) if is_prompt else []
        readable = self._is_readable or not is_prompt
        return FileResult(source.path, found, readable, is_prompt, self._documents, self._tokens, self._size)


def _results(parts: Iterable[_Part], facts: FactTable, progress: Callable[[int, bool], None]) -> Iterator[FileResult]:
    builder = _Builder()
    for part in parts:
        progress(part.size, part.analysis is None)
        if part.analysis is not None:
            builder.add(part, part.analysis)
            facts.add(part.analysis.facts)
            continue
        result = builder.result(part.source)
        if not result.is_prompt:
            facts.drop(result.path)
        yield result
        builder = _Builder()


# From sources to tasks


def _tasks(sources: Iterable[Source], cache: Cache | None) -> Iterator[_Task | _Part]:
    """Blocks to check, and what need not be checked, in order; each file ends with a part that says so."""
    for source in sources:
        form = source.settings.of_glob(source.settings.formats, source.path)
        try:
            for block in read_blocks(source.pieces(), by_line=is_by_line(source.path, form)):
                yield _task(source, block, cache)
        except FileError as error:
            problem = Unreadable("SYN002", "unparseable-file", error.problem, error.hint)
            yield _Part(source, _refused(source, problem))
        yield _Part(source, None)


def _task(source: Source, block: Block | Unreadable, cache: Cache | None) -> _Task | _Part:
    if isinstance(block, Unreadable):
        return _Part(source, _refused(source, block))
    known = cache.get(source.path, block, source.settings) if cache is not None else None
    return _Task(source, block) if known is None else _Part(source, known, len(block.text))


def _refused(source: Source, why: Unreadable) -> Analysis:
    found = LintDiagnostic(
        source.path, why.line, why.column, why.line, why.column, why.code, why.name, Severity.ERROR, why.problem,
        why.start, why.start, "", why.hint,
    )  # fmt: skip
    is_hidden = is_ignored(why.code, why.name, source.settings, source.path)
    return Analysis([] if is_hidden else [found], {}, False, 0, None, why.is_prompt)


# From tasks to parts


def _parts(tasks: Iterator[_Task | _Part], jobs: int, cache: Cache | None) -> Iterator[_Part]:
    """The parts of all tasks, in their order."""
    first: list[_Task | _Part] = []
    size = 0
    for task in tasks if jobs > 1 else ():
        first.append(task)
        size += len(task.block.text) if isinstance(task, _Task) else 0
        if size >= _PAYS:
            yield from _from_workers(chain(_warmed(first, cache), tasks), jobs, cache)
            return
    for task in chain(first, tasks):
        yield task if isinstance(task, _Part) else _checked(task, check_block(*_job(task)), cache)


def _warmed(items: list[_Task | _Part], cache: Cache | None) -> Iterator[_Task | _Part]:
    """Check the first block here: forked workers then share the patterns and vocabularies that it takes."""
    is_cold = True
    for item in items:
        if is_cold and isinstance(item, _Task):
            is_cold = False
            yield _checked(item, check_block(*_job(item)), cache)
        else:
            yield item


def _job(task: _Task) -> tuple[str, Settings, Block]:
    return task.source.path, task.source.settings, task.block


def _checked(task: _Task, analysis: Analysis, cache: Cache | None) -> _Part:
    if cache is not None:
        cache.put(task.source.path, task.block, task.source.settings, analysis)
    return _Part(task.source, analysis, len(task.block.text))


def check_block(path: str, settings: Settings, block: Block) -> Analysis:
    """Check one block. What is a fault of ours is a finding, and no readable file."""
    try:
        return analyze(block, path=path, settings=settings)
    except Exception as error:
        what = f"internal error: {type(error).__name__}: {error}"[:300]
        line = block.line
        found = LintDiagnostic(
            path, line, 1, line, 1, "SYN002", "unparseable-file", Severity.ERROR, what, block.base, block.base, "",
            "please report this",
        )  # fmt: skip
        return Analysis([found], {}, False, 0, None)


def _check_blocks(jobs: list[tuple[str, Settings, Block]]) -> list[Analysis]:
    return [check_block(*job) for job in jobs]


class _Unit(NamedTuple):
    """Tasks that go to a worker together, and the parts between them."""

    items: list[_Task | _Part]
    future: Future[list[Analysis]] | None


def _from_workers(tasks: Iterator[_Task | _Part], jobs: int, cache: Cache | None) -> Iterator[_Part]:
    waiting: deque[_Unit] = deque()
    with workers(jobs) as submit:
        for items in _units(tasks):
            asked = [_job(item) for item in items if isinstance(item, _Task)]
            waiting.append(_Unit(items, submit(_check_blocks, asked) if asked else None))
            if len(waiting) > jobs * _AHEAD:
                yield from _collected(waiting.popleft(), cache)
        while waiting:
            yield from _collected(waiting.popleft(), cache)


def _collected(unit: _Unit, cache: Cache | None) -> Iterator[_Part]:
    analyses = iter(unit.future.result() if unit.future else ())
    for item in unit.items:
        yield item if isinstance(item, _Part) else _checked(item, next(analyses), cache)


def _units(tasks: Iterable[_Task | _Part]) -> Iterator[list[_Task | _Part]]:
    unit: list[_Task | _Part] = []
    size = 0
    for task in tasks:
        unit.append(task)
        size += len(task.block.text) if isinstance(task, _Task) else 0
        if size >= _UNIT or len(unit) >= _MOST_IN_UNIT:
            yield unit
            unit, size = [], 0
    if unit:
        yield unit
