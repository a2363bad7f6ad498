"""The work of `chatml count`: files one after the other, a fault in one does not stop the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chatml._errors import ChatMLError, FileError, ParseError
from chatml._measure import Measure, Status
from chatml.cli import _files, _output
from chatml.cli._layout import Cell, Column, table
from chatml.cli._measure import measure_subject, quick_encoding
from chatml.cli._report import note, report
from chatml.cli._subject import Choices, PromptFile, Subject, located, read_choices, read_file, subject_of
from chatml.cli._tables import message_table, number, status_cell
from chatml.cli._terminal import open_terminal
from chatml.cli._visible import visible
from chatml.promptfiles import EMPTY, NO_PROMPT

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Iterator

    from chatml.cli._terminal import Terminal

_SMALL_TEXT, _FEW_FILES = 16_384, 2  # above this the whole vocabulary is worth its load
_ORDER = (Status.EXACT, Status.FITTED, Status.ESTIMATE)


class Counted(NamedTuple):
    """One conversation and its tokens."""

    subject: Subject
    measure: Measure

    @property
    def line(self) -> int:
        """Where it begins in its file."""
        return self.subject.document.line


class CountedFile(NamedTuple):
    """One file and its conversations."""

    name: str
    conversations: tuple[Counted, ...]

    @property
    def is_container(self) -> bool:
        """Whether the file may hold several conversations."""
        return bool(self.conversations[0].subject.document.container)

    @property
    def total(self) -> int:
        """The tokens of all conversations."""
        return sum(one.measure.total for one in self.conversations)

    @property
    def status(self) -> Status:
        """The weakest status of all conversations."""
        return _weakest(one.measure.status for one in self.conversations)


def _weakest(statuses: Iterable[Status]) -> Status:
    return max(statuses, key=_ORDER.index, default=Status.EXACT)


class _Run:
    """One run of the command: what was counted, and whether anything failed."""

    def __init__(self, arguments: Namespace, choices: Choices) -> None:
        self.arguments = arguments
        self.choices = choices
        self.files: list[CountedFile] = []
        self.notes: dict[str, None] = {}  # each one once, in order
        self.failed = False

    def count(self) -> None:
        """Count all files; errors are reported as they come."""
        for path in self.arguments.files:
            try:
                if _files.is_folder(path):
                    for inner in _files.files_in(path):
                        if isinstance(inner, FileError):
                            self._fail(inner)
                        else:
                            self._count_file(inner, in_folder=True)
                else:
                    self._count_file(path, in_folder=False)
            except ChatMLError as error:
                self._fail(error)

    def _fail(self, error: ChatMLError) -> None:
        report(error)
        self.failed = True

    def _count_file(self, path: str, *, in_folder: bool) -> None:
        try:
            file = read_file(path, max_size=self.arguments.max_size, follow=not in_folder)
            if file.documents[0].format == "text":
                if in_folder:
                    note(f"{file.name}: passed over, there is no marker of a prompt in it")
                    return
                self.notes[f"{file.name} holds no marker of a prompt: it is counted as plain text"] = None
            counted = CountedFile(file.name, tuple(self._count_documents(file)))
        except ChatMLError as error:
            if in_folder and isinstance(error, ParseError) and error.code in (EMPTY, NO_PROMPT):
                note(f"{path}: passed over, {error.problem}")
            else:
                self._fail(error)
            return
        self.files.append(counted)
        for one in counted.conversations:
            self._remark(file.name, one.subject)

    def _count_documents(self, file: PromptFile) -> Iterator[Counted]:
        is_small = len(file.text) < _SMALL_TEXT and len(file.documents) == 1 and len(self.arguments.files) <= _FEW_FILES
        for document in file.documents:
            with located(file.name, document):
                subject = subject_of(document, self.choices)
                encoding = quick_encoding(subject) if is_small else None
                measure = measure_subject(subject, encoding=encoding, lossy=self.arguments.lossy)
            yield Counted(subject, measure)

    def _remark(self, name: str, subject: Subject) -> None:
        how = subject.model.how if subject.model else "given"
        if subject.model and how == "default":
            self.notes[f"counted as {subject.model.name}, because neither --model nor --dialect is given"] = None
        elif subject.model and how != "given":
            self.notes[f"{name} is counted as {subject.model.name}, the model that it names"] = None
        if subject.is_foreign:
            self.notes[
                f"the models of dialect {subject.dialect.name} have a vocabulary of their own: counts by "
                f"{subject.encoding} are estimates, --encoding with the model's tokenizer.json gives exact ones"
            ] = None


def count_files(arguments: Namespace) -> int:
    """Run the command; the status is 2 when any file could not be counted."""
    run = _Run(arguments, read_choices(arguments))
    run.count()
    if arguments.format == "json":
        from chatml.cli._json_output import write_json

        write_json(_as_json(run.files, arguments.verbose))
    elif run.files:
        lines = _as_text(run.files, arguments.verbose, open_terminal(arguments.color))
        _output.write("".join(f"{line}\n" for line in lines))
    for text in run.notes:
        note(text)
    return 2 if run.failed else 0


# For people


def _as_text(files: list[CountedFile], verbose: bool, terminal: Terminal) -> Iterator[str]:
    for place, file in enumerate(files if verbose else []):
        yield from [""] if place else []
        yield from _in_full(file, terminal)
    if verbose and len(files) == 1:
        return
    if verbose:
        yield ""
    rows = [
        [Cell(number(file.total), "bold"), status_cell(file.status), Cell(visible(file.name) + _how_many(file))]
        for file in files
    ]
    if len(files) > 1:
        total, status = sum(file.total for file in files), _weakest(file.status for file in files)
        rows.append([Cell(number(total), "bold"), status_cell(status), Cell("total", "bold")])
    yield from table((Column("tokens", right=True), Column("status"), Column("file")), rows, terminal.unlimited())


def _how_many(file: CountedFile) -> str:
    count = len(file.conversations)
    return f" ({number(count)} conversation{'s' if count > 1 else ''})" if file.is_container else ""


def _in_full(file: CountedFile, terminal: Terminal) -> Iterator[str]:
    first = file.conversations[0]
    yield terminal.paint(visible(file.name), "bold") + "  " + terminal.paint(_counted_as(first), "dim")
    if not file.is_container:
        yield from message_table(first.measure, terminal)
        return
    rows = [
        [
            Cell(number(one.line), "dim"),
            Cell(number(len(one.subject.messages))),
            Cell(number(one.measure.total), "bold"),
            status_cell(one.measure.status),
        ]
        for one in file.conversations
    ]
    rows.append([Cell(""), Cell(""), Cell(number(file.total), "bold"), status_cell(file.status)])
    columns = (
        Column("line", right=True),
        Column("messages", right=True),
        Column("tokens", right=True),
        Column("status"),
    )
    yield from table(columns, rows, terminal)


def _counted_as(one: Counted) -> str:
    """Model, wire and encoding of a count."""
    names = (one.subject.model.name if one.subject.model else "", one.measure.dialect, one.measure.encoding)
    return ", ".join(filter(None, map(visible, names)))


# For programs


def _as_json(files: list[CountedFile], verbose: bool) -> dict[str, Any]:
    return {
        "total": sum(file.total for file in files),
        "status": _weakest(file.status for file in files),
        "files": [_file_as_json(file, verbose) for file in files],
    }


def _file_as_json(file: CountedFile, verbose: bool) -> dict[str, Any]:
    value = {
        "file": file.name,
        "total": file.total,
        "status": file.status,
        "conversations": len(file.conversations),
    }
    if verbose or not file.is_container:
        value["documents"] = [_counted_as_json(one, verbose) for one in file.conversations]
    return value


def _counted_as_json(one: Counted, verbose: bool) -> dict[str, Any]:
    from chatml.cli._values import details_value, measure_value

    value = {"line": one.line, "format": one.subject.document.format, **measure_value(one.measure, one.subject)}
    return {**value, **details_value(one.measure)} if verbose else value
