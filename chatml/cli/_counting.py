"""The work of `chatml count`: files one after the other, a fault in one does not stop the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from chatml._errors import ChatMLError, FileError, ParseError
from chatml._measure import Measure, Status, weakest
from chatml._visible import visible
from chatml.cli import _files, _output, _remarks
from chatml.cli._layout import Cell, Column, table
from chatml.cli._measure import measure_subject, quick_encoding
from chatml.cli._report import note, report
from chatml.cli._subject import Choices, PromptFile, Subject, located, read_choices, read_file, subject_of
from chatml.cli._tables import message_table, number, status_cell
from chatml.cli._terminal import open_terminal
from chatml.promptfiles import EMPTY, NO_PROMPT

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Iterator, Sequence
    from decimal import Decimal

    from chatml.cli._terminal import Terminal

_SMALL_TEXT, _FEW_FILES = 16_384, 2  # above this the whole vocabulary is worth its load


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
        return weakest(one.measure.status for one in self.conversations)


class _Run:
    """One run of the command: what was counted, and whether anything failed."""

    def __init__(self, arguments: Namespace, choices: Choices) -> None:
        self.arguments = arguments
        self.choices = choices
        self.files: list[CountedFile] = []
        self.notes: dict[str, None] = {}  # each one once, in order
        self.over: list[str] = []
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
                self.notes[_remarks.plain_text(file.name)] = None
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
            self._check_limit(file.name, one)

    def _count_documents(self, file: PromptFile) -> Iterator[Counted]:
        is_small = len(file.text) < _SMALL_TEXT and len(file.documents) == 1 and len(self.arguments.files) <= _FEW_FILES
        for document in file.documents:
            with located(file.name, document):
                subject = subject_of(document, self.choices)
                encoding = quick_encoding(subject) if is_small else None
                measure = measure_subject(
                    subject, encoding=encoding, lossy=self.arguments.lossy, api=self.arguments.api,
                    allow_estimate=self.arguments.allow_estimate,
                )  # fmt: skip
            yield Counted(subject, measure)

    def _check_limit(self, name: str, counted: Counted) -> None:
        most = self.arguments.max_tokens
        if most is not None and counted.measure.total > most:
            where = f"{name}:{counted.line}" if counted.subject.document.container else name
            tokens, over = number(counted.measure.total), number(counted.measure.total - most)
            self.over.append(f"{where} has {tokens} tokens, {over} more than the {number(most)} of --max-tokens")

    def _remark(self, name: str, subject: Subject) -> None:
        how = subject.model.how if subject.model else "given"
        if subject.model and how == "default":
            self.notes[_remarks.by_default(subject.model.name)] = None
        elif subject.model and how != "given":
            self.notes[f"{name} is counted as {subject.model.name}, the model that it names"] = None
        if self.arguments.cost and (subject.model is None or subject.model.info.input_price is None):
            self.notes[_remarks.no_price(subject.model.name if subject.model else None)] = None
        if subject.left_out:
            outside = f"{name}: {number(subject.left_out)} characters stand outside of messages and are not counted"
            self.notes[f"{outside}; without --model all of the text is"] = None
        if subject.is_foreign:
            self.notes[_remarks.foreign(subject.dialect.name, subject.encoding)] = None


def count_files(arguments: Namespace) -> int:
    """Run the command; the status is 2 when any file could not be counted, else 1 when one is over --max-tokens."""
    run = _Run(arguments, read_choices(arguments))
    run.count()
    if arguments.format == "json":
        from chatml.cli._json_output import write_json

        write_json(_as_json(run.files, arguments))
    elif run.files:
        lines = _as_text(run.files, arguments, open_terminal(arguments.color))
        _output.write("".join(f"{line}\n" for line in lines))
    for text in run.notes:
        note(text)
    for text in run.over:
        _output.write_error(f"chatml: {visible(text)}")
    return 2 if run.failed else 1 if run.over else 0


# For people


def _as_text(files: list[CountedFile], arguments: Namespace, terminal: Terminal) -> Iterator[str]:
    verbose: bool = arguments.verbose
    for place, file in enumerate(files if verbose else []):
        yield from [""] if place else []
        yield from _in_full(file, terminal)
    if verbose and len(files) == 1:
        return
    if verbose:
        yield ""
    rows = [
        [*_figures(file.conversations, arguments.cost), Cell(visible(file.name) + _how_many(file))] for file in files
    ]
    if len(files) > 1:
        everything = [one for file in files for one in file.conversations]
        rows.append([*_figures(everything, arguments.cost), Cell("total", "bold")])
    prices = (Column("cost", right=True),) if arguments.cost else ()
    columns = (Column("tokens", right=True), *prices, Column("status"), Column("file"))
    yield from table(columns, rows, terminal.unlimited())


def _figures(conversations: Sequence[Counted], with_cost: bool) -> list[Cell]:
    """Tokens, price and status of some conversations."""
    price = [Cell(_price(cost_of(conversations)))] if with_cost else []
    tokens = sum(one.measure.total for one in conversations)
    return [Cell(number(tokens), "bold"), *price, status_cell(weakest(one.measure.status for one in conversations))]


def _price(cost: Decimal | None) -> str:
    return "not known" if cost is None else f"${cost:f}"


def cost_of(conversations: Iterable[Counted]) -> Decimal | None:
    """What the tokens of some conversations cost as input, in US dollars; None where a price is not known."""
    from decimal import Decimal

    from chatml.models import cost

    total = Decimal(0)
    for one in conversations:
        model = one.subject.model
        price = None if model is None else cost(model.info, input_tokens=one.measure.total)
        if price is None:
            return None
        total += price
    return total


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


def _as_json(files: list[CountedFile], arguments: Namespace) -> dict[str, Any]:
    return {
        "total": sum(file.total for file in files),
        "status": weakest(file.status for file in files),
        **_cost_as_json([one for file in files for one in file.conversations], arguments),
        "files": [_file_as_json(file, arguments) for file in files],
    }


def _cost_as_json(conversations: Sequence[Counted], arguments: Namespace) -> dict[str, Any]:
    """The price in US dollars, as text: a float would not be exact."""
    if not arguments.cost:
        return {}
    cost = cost_of(conversations)
    return {"cost": None if cost is None else f"{cost:f}"}


def _file_as_json(file: CountedFile, arguments: Namespace) -> dict[str, Any]:
    value: dict[str, Any] = {
        "file": file.name,
        "total": file.total,
        "status": file.status,
        **_cost_as_json(file.conversations, arguments),
        "conversations": len(file.conversations),
    }
    if arguments.verbose or not file.is_container:
        value["documents"] = [_counted_as_json(one, arguments.verbose) for one in file.conversations]
    return value


def _counted_as_json(one: Counted, verbose: bool) -> dict[str, Any]:
    from chatml.cli._values import details_value, measure_value

    value = {"line": one.line, "format": one.subject.document.format, **measure_value(one.measure, one.subject)}
    return {**value, **details_value(one.measure)} if verbose else value
