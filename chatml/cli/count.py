"""`chatml count`: how many tokens files take."""

from __future__ import annotations

from chatml.cli._options import add_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """\
Count tokens, per file and in total.

Messages are counted as the model is billed for them, the priming of the reply included: by default as gpt-4o. A ChatML
text is counted as the ids that it becomes, or with --model as a request with its messages. Folders are searched for
.json, .jsonl, .chatml, .txt and .prompt files.

A count is exact, fitted (a rule that agrees with most of what was billed) or an estimate."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="a prompt file, a folder, or - for standard input")
    parser.add_argument("-v", "--verbose", action="store_true", help="also per message and part, or per conversation")
    parser.add_argument("--lossy", action="store_true", help="with --dialect, leave out what the dialect cannot hold")
    add_options(parser, "--model", "--dialect", "--encoding", "--max-size", "--format", "--color")


def run(arguments: Namespace) -> int:
    """Count, and print the counts."""
    from chatml.cli._counting import count_files

    return count_files(arguments)
