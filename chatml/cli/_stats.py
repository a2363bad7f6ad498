"""The work of `chatml stats`: files are added up and described; what could not be counted is said."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, NamedTuple

from chatml._visible import visible
from chatml._workers import cores
from chatml.cli import _output, _remarks
from chatml.cli._lint_progress import Progress
from chatml.cli._report import note
from chatml.cli._stats_files import Files, count_jobs
from chatml.cli._stats_rows import UNREADABLE
from chatml.cli._stats_tally import Tally, file_and_line
from chatml.cli._tables import number
from chatml.cli._terminal import open_terminal

if TYPE_CHECKING:
    from argparse import Namespace
    from decimal import Decimal

    from chatml.cli._stats_rows import Job

_ERRORS_SHOWN = 5


class Statistics(NamedTuple):
    """What was found, and what was asked for. `cost` is in US dollars, None where a price is not known."""

    names: list[str]
    tally: Tally
    max_tokens: int | None
    with_cost: bool
    verbose: bool

    @property
    def cost(self) -> Decimal | None:
        """What all tokens cost as input; None where a price is not known."""
        from decimal import Decimal

        from chatml.models import cost

        total = Decimal(0)
        for counted_as, group in self.tally.groups.items():
            price = None if counted_as.model is None else cost(counted_as.model, input_tokens=group.tokens)
            if price is None:
                return None
            total += price
        return total

    @property
    def bad(self) -> int:
        """How many rows and files could not be counted."""
        return sum(file.bad.total() for file in self.tally.files.values())

    def place(self, packed: int) -> tuple[str, int]:
        """The name of a file and a line in it."""
        file, line = file_and_line(packed)
        return self.names[file], line


def describe_files(arguments: Namespace) -> int:
    """Run the command; the status is 2 when anything could not be counted, else 1 when one is over --max-tokens."""
    from chatml.cli._writing import check_page

    check_page(arguments.html)
    gc.enable()  # unlike other commands this one may run for long
    files = Files(arguments)
    begun: set[int] = set()
    with Progress("bytes counted") as progress:

        def count(job: Job) -> None:
            progress.add(len(job.data), is_end=job.file not in begun)
            begun.add(job.file)

        tally = count_jobs(files.jobs(), arguments, arguments.jobs or cores(), count)
    passed = files.settle(tally)
    statistics = Statistics(files.names, tally, arguments.max_tokens, arguments.cost, arguments.verbose)
    _write(statistics, arguments)
    for name, why in passed.items():
        note(f"{name}: passed over, {why}")
    _remark(statistics)
    _report_bad(statistics)
    over = tally.tokens.over(arguments.max_tokens) if arguments.max_tokens else 0
    if over:
        _report_over(statistics, over)
    return 2 if statistics.bad else int(over > 0)


def _write(statistics: Statistics, arguments: Namespace) -> None:
    if arguments.html is not None:
        from chatml.cli._stats_data import statistics_page
        from chatml.cli._writing import write_file

        write_file(arguments.html, statistics_page(statistics))
    elif arguments.format == "json":
        from chatml.cli._json_output import write_json
        from chatml.cli._stats_data import statistics_data

        write_json(statistics_data(statistics))
    elif statistics.tally.tokens:
        from chatml.cli._stats_view import view

        lines = view(statistics, open_terminal(arguments.color))
        _output.write("".join(f"{line}\n" for line in lines))


def _remark(statistics: Statistics) -> None:
    for number_of_file, file in sorted(statistics.tally.files.items()):
        if file.is_text:
            note(_remarks.plain_text(statistics.names[number_of_file]))
    remarks = set()
    for one in statistics.tally.groups:
        if one.how == "default" and one.model:
            remarks.add(_remarks.by_default(one.model.name))
        if statistics.with_cost and (one.model is None or one.model.input_price is None):
            remarks.add(_remarks.no_price(one.model.name if one.model else None))
        if one.is_foreign:
            remarks.add(_remarks.foreign(one.dialect, one.encoding))
    for text in sorted(remarks):
        note(text)


def _report_bad(statistics: Statistics) -> None:
    most = None if statistics.verbose else _ERRORS_SHOWN
    found = [
        f"{statistics.names[file]}{'' if row.kind == UNREADABLE else f':{row.line}'}: {row.problem}"
        for file, tally in sorted(statistics.tally.files.items())
        for row in tally.first
    ][:most]
    for text in found:
        _output.write_error(f"chatml: error: {visible(text)}")
    if statistics.bad > len(found):
        _output.write_error(f"chatml: error: {number(statistics.bad - len(found))} more could not be counted")


def _report_over(statistics: Statistics, over: int) -> None:
    tally = statistics.tally
    name, line = statistics.place(tally.longest[0].place)
    have = "conversation of {} has" if tally.tokens.count == 1 else "of {} conversations have"
    text = (
        f"{number(over)} {have.format(number(tally.tokens.count))} more than the {number(statistics.max_tokens or 0)}"
        f" tokens of --max-tokens; the longest, {name}:{line}, has {number(tally.longest[0].tokens)}"
    )
    _output.write_error(f"chatml: {visible(text)}")
