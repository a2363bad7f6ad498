"""`chatml count --check-usage`: logs of requests, line by line, and how well counts agree with what was billed."""

from __future__ import annotations

import codecs
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from chatml._errors import ChatMLError, ConfigError, FileError, ParseError
from chatml._measure import Status
from chatml._recorded import read_recorded
from chatml._usage import UsageCheck, check_row
from chatml._visible import visible
from chatml.cli import _files, _output
from chatml.cli._layout import Cell, Column, table
from chatml.cli._options import AUTO, MIB
from chatml.cli._report import note, report
from chatml.cli._subject import read_choices
from chatml.cli._tables import STATUS_STYLES, grade, number
from chatml.cli._terminal import open_terminal
from chatml.promptfiles import TOO_LARGE, load_json

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence

    from chatml._usage import Agreement, Report, Row
    from chatml.cli._subject import Choices
    from chatml.cli._terminal import Terminal

_FEW, _MANY = 10, 100  # rows that are listed, and those with -v
_SHOWN_ERRORS = 20
_CHUNK = 2**20
_WORST = "Rows furthest from their bills, beyond what their status admits first"


def check_usage(arguments: Namespace) -> int:
    """Run the command. The status is 1 when a row that is called exact is wrong, 2 when a line could not be read."""
    _check_options(arguments)
    run = _Run(arguments, read_choices(arguments))
    run.check()
    found = run.usage.report()
    if arguments.format == "json":
        from chatml.cli._json_output import write_json

        write_json(_as_json(found, run))
    elif found.total.rows:
        lines = _as_text(found, open_terminal(arguments.color))
        _output.write("".join(f"{line}\n" for line in lines))
    run.remark()
    return 2 if run.errors else int(bool(found.wrong_rows))


def _check_options(arguments: Namespace) -> None:
    given = {
        "--dialect": arguments.dialect != AUTO,
        "--lossy": arguments.lossy,
        "--cost": arguments.cost,
        "--max-tokens": arguments.max_tokens is not None,
    }
    for option in [option for option, is_given in given.items() if is_given]:
        raise ConfigError("this has no meaning with --check-usage", option=option, hint="leave one of the two out")


class _Run:
    """One run of the command: the agreement so far, and what could not be read."""

    def __init__(self, arguments: Namespace, choices: Choices) -> None:
        self.arguments = arguments
        self.choices = choices
        self.usage = UsageCheck(most=_MANY if arguments.verbose else _FEW)
        self.unbilled = self.errors = 0

    def check(self) -> None:
        """Take all files; errors are reported as they come, one line of a file does not stop the others."""
        for path in self.arguments.files:
            try:
                self._check_file(path)
            except ChatMLError as error:
                self._fail(error)

    def _fail(self, error: ChatMLError) -> None:
        self.errors += 1
        if self.errors <= _SHOWN_ERRORS:
            report(error)

    def _check_file(self, path: str) -> None:
        name, seen = _files.shown_name(path), False
        if _files.is_folder(path):
            raise FileError("this is a folder, expected a log", path=path, hint="name the files in it")
        for line, data in _lines(path, self.arguments.max_size):
            if data is None or not data.isspace():
                seen = True
                try:
                    self._check_line(name, line, data)
                except ChatMLError as error:
                    self._fail(error)
        if not seen:
            raise FileError("the file is empty, expected a request and its usage on each line", path=name)

    def _check_line(self, name: str, line: int, data: bytes | None) -> None:
        value = load_json(_text(name, line, data, self.arguments.max_size), name, line)
        with _located(name, line):
            recorded = read_recorded(value, api=self.arguments.api)
            if recorded is None:
                self.unbilled += 1
                return
            row = check_row(
                recorded,
                place=f"{name}:{line}",
                find=self.choices.table.get_model,
                model=self.choices.model.info if self.choices.model else None,
                encoding=self.choices.encoding,
                allow_estimate=self.arguments.allow_estimate,
            )
        self.usage.add(row)

    def remark(self) -> None:
        """Say what was passed over."""
        if self.errors > _SHOWN_ERRORS:
            note(f"{number(self.errors - _SHOWN_ERRORS)} more errors are not shown")
        if self.unbilled:
            note(f"{_many(self.unbilled, 'row')} passed over: nothing was billed")


def _lines(path: str, most: int) -> Iterator[tuple[int, bytes | None]]:
    """The lines of a file with their numbers; of one with more than `most` bytes nothing is kept: None."""
    with _files.opened(path, follow=True) as file:
        line = 0
        while data := file.readline(most + 1):
            line += 1
            is_whole = len(data) <= most or data.endswith(b"\n")
            while not is_whole and (rest := file.readline(_CHUNK)):
                is_whole, data = rest.endswith(b"\n"), b""
            yield line, data or None


def _text(name: str, line: int, data: bytes | None, most: int) -> str:
    if data is None:
        problem = f"the line has more than {number(most)} bytes"
        hint = f"--max-size raises the limit of {most // MIB} MiB"
        raise ParseError(problem, source=name, code=TOO_LARGE, line=line, hint=hint)
    try:
        return (data.removeprefix(codecs.BOM_UTF8) if line == 1 else data).removesuffix(b"\n").decode()
    except UnicodeDecodeError as error:
        problem = f"found byte 0x{data[error.start]:02x}, which is not UTF-8"
        raise ParseError(
            problem, source=name, code="encoding", line=line, column=error.start + 1, hint="save the file as UTF-8"
        ) from None


@contextmanager
def _located(name: str, line: int) -> Iterator[None]:
    """Say in errors about a row where it is."""
    try:
        yield
    except ParseError as error:
        error.source, error.line = name, line
        raise
    except ChatMLError as error:
        error.add_note(f"{name}:{line}")
        raise


# For people


def _many(rows: int, what: str) -> str:
    return f"{number(rows)} {what}{'' if rows == 1 else 's'}"


def _share(part: int, whole: int) -> str:
    """A share with one digit behind the point, cut: 100.0% is all of them."""
    return f"{math.floor(1000 * part / whole) / 10}%"


def _as_text(found: Report, terminal: Terminal) -> Iterator[str]:
    yield from _wrong(found, terminal)
    yield from _agreement(found, terminal)
    if found.worst:
        yield from _titled(_WORST, _row_table(found.worst, terminal), terminal)
    if found.beyond:
        yield from ["", f"{_many(found.beyond, 'estimate')} off by more than the bound that was stated."]
    yield from _corrections(found, terminal)
    if found.refusals:
        rows = [[Cell(number(rows)), Cell(visible(problem))] for problem, rows in found.refusals]
        lines = table((Column("rows", right=True), Column("reason")), rows, terminal.unlimited())
        yield from _titled("Refused", lines, terminal)


def _titled(title: str, lines: Iterator[str], terminal: Terminal) -> Iterator[str]:
    yield from ("", terminal.paint(title, "bold"))
    yield from lines


def _wrong(found: Report, terminal: Terminal) -> Iterator[str]:
    if not found.wrong_rows:
        return
    what = "A row that is called exact is wrong" if found.wrong_rows == 1 else (
        f"{number(found.wrong_rows)} rows that are called exact are wrong"
    )  # fmt: skip
    yield terminal.paint(f"{what}. If the log holds all that was sent: please report this.", "bold red")
    yield from _row_table(found.wrong, terminal)
    yield ""


def _agreement(found: Report, terminal: Terminal) -> Iterator[str]:
    columns = (
        Column("requests", gives_way=True),
        *(Column(title, right=True) for title in ("rows", "exact", "±1", "±2%", "median", "refused")),
        Column("called", may_go=True),
    )
    rows, heading = list[list[Cell]](), ""
    for group in found.groups:
        if heading != (heading := f"{group.family}, {group.api}"):
            rows.append([Cell(visible(heading))])
        rows.append([Cell(f"  {group.feature}"), *_agreement_cells(group.agreement)])
    if len(found.groups) > 1:
        rows.append([Cell("total", "bold"), *_agreement_cells(found.total)])
    yield from table(columns, rows, terminal)


def _agreement_cells(agreement: Agreement) -> list[Cell]:
    rows = agreement.rows
    called = {
        Status.EXACT: agreement.called_exact,
        Status.FITTED: agreement.called_fitted,
        Status.ESTIMATE: agreement.called_estimate,
    }
    median = agreement.median_error
    return [
        Cell(number(rows)),
        Cell(_share(agreement.exact, rows), "bold"),
        Cell(_share(agreement.within_one, rows)),
        Cell(_share(agreement.within_two_percent, rows)),
        Cell("" if median is None else f"{100 * median:.1f}%"),
        Cell(number(agreement.refused) if agreement.refused else ""),
        Cell(", ".join(f"{number(count)} {status}" for status, count in called.items() if count)),
    ]


def _row_table(rows: Sequence[Row], terminal: Terminal) -> Iterator[str]:
    columns = (
        Column("place"),
        Column("model"),
        Column("feature"),
        Column("counted", right=True),
        Column("billed", right=True),
        Column("difference", right=True),
        Column("status"),
    )
    return table(columns, map(_row_cells, rows), terminal.unlimited())  # a place that is cut is none


def _row_cells(row: Row) -> list[Cell]:
    status = row.status or Status.ESTIMATE
    return [
        Cell(visible(row.place), "dim"),
        Cell(visible(row.model)),
        Cell(f"{row.api}: {row.feature}"),
        Cell(number(row.counted or 0)),
        Cell(number(row.billed)),
        Cell(f"{row.difference:+,}", "bold"),
        Cell(grade(status, row.share, row.bound), STATUS_STYLES[status]),
    ]


def _corrections(found: Report, terminal: Terminal) -> Iterator[str]:
    if not found.corrections:
        return
    columns = (
        Column("model", gives_way=True),
        Column("api"),
        Column("feature"),
        *(Column(title, right=True) for title in ("add", "exact then", "exact now", "of rows")),
    )
    rows = [
        [
            Cell(visible(one.family)),
            Cell(one.api),
            Cell(one.feature or "all"),
            Cell(f"{one.tokens:+,}", "bold"),
            *map(Cell, map(number, (one.corrected, one.exact, one.rows))),
        ]
        for one in found.corrections
    ]
    yield from _titled("Constants that would put more rows right", table(columns, rows, terminal), terminal)


# For programs


def _as_json(found: Report, run: _Run) -> dict[str, Any]:
    return {
        **found.total._asdict(),
        "wrong_rows": found.wrong_rows,
        "beyond_bound": found.beyond,
        "unbilled_rows": run.unbilled,
        "errors": run.errors,
        "wrong": [_row_value(row) for row in found.wrong],
        "groups": [
            {"model": group.family, "api": group.api, "feature": group.feature, **group.agreement._asdict()}
            for group in found.groups
        ],
        "worst": [_row_value(row) for row in found.worst],
        "corrections": [
            {"model": one.family, **{key: value for key, value in one._asdict().items() if key != "family"}}
            for one in found.corrections
        ],
        "refusals": [{"problem": problem, "rows": rows} for problem, rows in found.refusals],
    }


def _row_value(row: Row) -> dict[str, Any]:
    return {
        "place": row.place,
        "model": row.model,
        "api": row.api,
        "feature": row.feature,
        "counted": row.counted,
        "billed": row.billed,
        "difference": row.difference,
        "status": row.status,
        "share": row.share,
        "bound": row.bound,
    }
