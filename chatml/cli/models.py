"""`chatml models`: what is known about models."""

from __future__ import annotations

from chatml.cli._options import add_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from chatml.models import ModelInfo

DESCRIPTION = """\
List what is known about models: encoding, wire format, context window, longest answer, and how far a count of plain
text messages can be trusted (exact, fitted or estimate)."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    help_line = "a part of the name, a pattern such as 'gpt-4*-mini', or a full name in any spelling that is understood"
    parser.add_argument("pattern", metavar="PATTERN", nargs="?", default="", help=help_line)
    add_options(parser, "--format", "--color")


def run(arguments: Namespace) -> int:
    """Write the list. Raises `UnknownModelError` when no model fits."""
    import dataclasses

    from chatml._measure import Status
    from chatml.cli import _output
    from chatml.cli._json_output import write_json
    from chatml.cli._layout import Cell, Column, write_table
    from chatml.cli._tables import STATUS_STYLES, number
    from chatml.cli._terminal import open_terminal

    found = _matching(arguments.pattern)
    if arguments.format == "json":
        write_json([dataclasses.asdict(model) for model in found])
        return 0
    columns = (
        Column("name", gives_way=True),
        Column("encoding"),
        Column("dialect"),
        Column("window", right=True),
        Column("answer", right=True),
        Column("status"),
    )
    rows = [
        [
            Cell(model.name, "bold"),
            Cell(model.encoding),
            Cell(model.dialect),
            *(Cell("" if value is None else number(value)) for value in (model.context_window, model.max_output)),
            Cell(model.status, STATUS_STYLES[Status(model.status)]),
        ]
        for model in found
    ]
    terminal = open_terminal(arguments.color)
    write_table(columns, rows, terminal if _output.is_terminal() else terminal.unlimited())
    return 0


def _matching(pattern: str) -> list[ModelInfo]:
    from fnmatch import fnmatchcase

    from chatml.models import get_model, models

    wanted = pattern.lower()
    glob = wanted if any(sign in wanted for sign in "*?[") else f"*{wanted}*"
    return [model for model in models() if fnmatchcase(model.name, glob)] or [get_model(pattern)]
