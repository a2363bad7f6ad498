"""`chatml stats`: what a set of data is like."""

from __future__ import annotations

from chatml.cli._options import add_options, one_of, positive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """\
Describe a set of data: how many tokens its conversations have, in all, by role and by turn; how many conversations are
over a limit; which ones are there twice; what it is to train on; which rows are bad.

Conversations are counted as `chatml count` counts them. JSON Lines are read row by row, whatever the size of the file;
a row that cannot be read or counted is named, and the others are counted. Folders are searched for .json, .jsonl,
.chatml, .txt and .prompt files; each file counts once.

Percentiles are lengths that occur: p90 is the least that 90 % of all do not exceed.

The status is 1 when --max-tokens is given and a conversation is longer, 2 when a file or a row could not be counted."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="a prompt file, a folder, or - for standard input")
    parser.add_argument("-v", "--verbose", action="store_true", help="show all turns, files and places, not the first")
    parser.add_argument(
        "--html", metavar="FILE", help="write a page that needs no network, with file names and lines but no content"
    )
    parser.add_argument(
        "--max-tokens", metavar="N", type=positive,
        help="say how many conversations have more tokens than N, and exit with 1 when one has",
    )  # fmt: skip
    parser.add_argument("--cost", action="store_true", help="also the price of the tokens, from the prices in --models")
    parser.add_argument("--lossy", action="store_true", help="with --dialect, leave out what the dialect cannot hold")
    parser.add_argument(
        "--allow-estimate", action="store_true", help="count also what no rule is known for, as a guess"
    )
    parser.add_argument(
        "--api", metavar="chat|responses", type=one_of("chat", "responses"), default="chat",
        help="the API that requests go to: Chat Completions (the default) or Responses, they bill tools differently",
    )  # fmt: skip
    parser.add_argument(
        "--jobs", "--workers", metavar="N", type=positive, help="use this many processes; by default one per core"
    )
    add_options(parser, "--model", "--models", "--dialect", "--encoding", "--max-size", "--format", "--color")


def run(arguments: Namespace) -> int:
    """Describe the files."""
    from chatml.cli._stats import describe_files

    return describe_files(arguments)
