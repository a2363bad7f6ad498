"""`chatml dialects`: which wire formats there are."""

from __future__ import annotations

from chatml.cli._options import add_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from chatml.dialects import Dialect

DESCRIPTION = """\
List the dialects: their names, the encoding in which they are counted, and what a turn looks like.

With --format json, every field of them."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_options(parser, "--format", "--color")


def run(arguments: Namespace) -> int:
    """Write the list."""
    import dataclasses

    from chatml.cli import _output
    from chatml.cli._json_output import write_json
    from chatml.cli._layout import Cell, Column, write_table
    from chatml.cli._terminal import open_terminal
    from chatml.dialects import DIALECTS

    if arguments.format == "json":
        write_json([dataclasses.asdict(dialect) for dialect in DIALECTS])
        return 0
    terminal = open_terminal(arguments.color)
    columns = (Column("name (alias)"), Column("encoding"), Column("turn", gives_way=True), Column("adds", may_go=True))
    rows = [
        [
            Cell(" ".join([dialect.name, *(f"({alias})" for alias in dialect.aliases)]), "bold"),
            Cell(dialect.encoding + ("" if dialect.own_vocabulary else "*")),
            Cell(_turn(dialect)),
            Cell(_additions(dialect)),
        ]
        for dialect in DIALECTS
    ]
    write_table(columns, rows, terminal)
    _output.write("\n* Models of this dialect have a vocabulary of their own: counts by this encoding are estimates.\n")
    return 0


def _additions(dialect: Dialect) -> str:
    """What the dialect writes that is in no message."""
    additions = (dialect.bos, dialect.eos, "a system text" if dialect.default_system is not None else "")
    return ", ".join(filter(None, additions))


def _turn(dialect: Dialect) -> str:
    r"""A picture of a turn, such as `<|im_start|>role\n...<|im_end|>\n`."""
    start, end = f"{dialect.start}role{dialect.header_end}", f"{dialect.content_end}{dialect.end}{dialect.separator}"
    return f"{start}...{end}".replace("\n", r"\n")
