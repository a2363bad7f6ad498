"""`chatml models`: what is known about models."""

from __future__ import annotations

from chatml.cli._options import add_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from chatml.cli._layout import Cell
    from chatml.models import ModelInfo, ModelTable

DESCRIPTION = """\
List what is known about models: encoding, wire format, context window, longest input where it has a limit of its own,
longest answer, and how far a count of plain text messages can be trusted (exact, fitted or estimate).

With --models also prices, in US dollars for 1,000,000 tokens."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    help_line = "a part of the name, a pattern such as 'gpt-4*-mini', or a full name in any spelling that is understood"
    parser.add_argument("pattern", metavar="PATTERN", nargs="?", default="", help=help_line)
    add_options(parser, "--models", "--format", "--color")


def run(arguments: Namespace) -> int:
    """Write the list. Raises `UnknownModelError` when no model fits."""
    import dataclasses

    from chatml.cli import _output
    from chatml.cli._json_output import write_json
    from chatml.cli._layout import Column, write_table
    from chatml.cli._model_files import read_table
    from chatml.cli._terminal import open_terminal

    found = _matching(arguments.pattern, read_table(arguments.models or ()))
    if arguments.format == "json":
        write_json([dataclasses.asdict(model) for model in found])
        return 0
    columns = (
        Column("name", gives_way=True),
        Column("encoding"),
        Column("dialect"),
        Column("window", right=True),
        Column("input", right=True),
        Column("answer", right=True),
        Column("status"),
        Column("$ input", right=True),
        Column("$ cached", right=True),
        Column("$ output", right=True),
    )
    terminal = open_terminal(arguments.color)
    write_table(columns, map(_row, found), terminal if _output.is_terminal() else terminal.unlimited())
    return 0


def _row(model: ModelInfo) -> list[Cell]:
    from chatml._measure import Status
    from chatml._visible import visible
    from chatml.cli._layout import Cell
    from chatml.cli._model_files import dollars
    from chatml.cli._tables import STATUS_STYLES, number

    limits = (model.context_window, model.max_input, model.max_output)
    prices = (model.input_price, model.cached_input_price, model.output_price)
    return [
        Cell(visible(model.name), "bold"),
        Cell(model.encoding),
        Cell(model.dialect),
        *(Cell("" if limit is None else number(limit)) for limit in limits),
        Cell(model.status, STATUS_STYLES[Status(model.status)]),
        *(Cell("" if price is None else dollars(price)) for price in prices),
    ]


def _matching(pattern: str, table: ModelTable) -> list[ModelInfo]:
    from fnmatch import fnmatchcase

    wanted = pattern.lower()
    glob = wanted if any(sign in wanted for sign in "*?[") else f"*{wanted}*"
    found = [model for name, model in table.items() if fnmatchcase(name.lower(), glob)]
    return found or [table.get_model(pattern)]
