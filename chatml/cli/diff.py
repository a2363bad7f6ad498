"""`chatml diff`: what changed between two prompts."""

from __future__ import annotations

from chatml.cli._options import add_options, positive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """\
Show what changed between two prompts: message by message, in tokens and cost, and the first token that differs.

A provider's cache keeps the beginning of a prompt up to that token: everything behind it is read anew.

Both prompts are counted in one wire. Two ChatML texts of one dialect are compared as they are. Else messages are
compared, in the wire of --model or --dialect, or of the model that AFTER names, or BEFORE, or in the dialect of the one
that is a ChatML text, or of gpt-4o.

On a terminal, what is longer than the screen goes through $CHATML_PAGER, $PAGER or less.

exit status: 0 when the prompts are equal, 1 when they differ, 2 for an error"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("before", metavar="BEFORE", help="a prompt file, or - for standard input")
    parser.add_argument("after", metavar="AFTER", help="the same, changed")
    parser.add_argument("--context", metavar="N", type=_count, default=1, help="messages to list around a change (1)")
    parser.add_argument("--all", action="store_true", help="list all messages, and show all of every changed text")
    parser.add_argument("--cost", action="store_true", help="also the price of the tokens, from the prices in --models")
    parser.add_argument("--no-pager", action="store_true", help="never start a pager")
    parser.add_argument("--html", metavar="FILE", help="write a page that needs no network, instead of showing it here")
    add_options(parser, "--model", "--models", "--dialect", "--encoding", "--line")
    parser.add_argument(
        "--line-after", metavar="N", type=positive, help="the same for AFTER, where it is another line than in BEFORE"
    )
    add_options(parser, "--max-size", "--format", "--color")


def _count(value: str) -> int:
    """A type of argument: how many, from 0 on."""
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        import argparse

        raise argparse.ArgumentTypeError(f"found {value!r}, expected a number from 0 on")
    return int(value)


def run(arguments: Namespace) -> int:
    """Show the differences."""
    from chatml.cli._diffing import diff_files

    return diff_files(arguments)
