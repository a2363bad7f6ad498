"""`chatml fmt`: prompt files in canonical form."""

from __future__ import annotations

from chatml.cli._options import add_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """\
Write prompt files in canonical form, in their places.

Raw ChatML gets the frame that its dialect writes: spaces and newlines around roles and markers. JSON is indented by two
spaces, each row of JSON Lines takes one line. What stands in messages is never touched, nor are line ends of CRLF and a
byte order mark; files in other formats are left alone.

Before a file is written, its new text is read: it has to hold the same messages, and formatting it again must change
nothing. Else nothing is written and the exit status is 2, as it is for files that are not well formed. Folders are
searched for .json, .jsonl, .chatml, .txt and .prompt files; those in them that hold no conversation are passed over.
Standard input is written to standard output."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="a prompt file, a folder, or - for standard input")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file would change")
    parser.add_argument("--diff", action="store_true", help="the same, and show what would change")
    add_options(parser, "--dialect", "--max-size", "--color")


def run(arguments: Namespace) -> int:
    """Format the files; a fault in one does not stop the others."""
    from chatml.cli._formatting import Formatting

    return Formatting(arguments).run()
