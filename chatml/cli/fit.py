"""`chatml fit`: a conversation cut to a budget of tokens."""

from __future__ import annotations

from chatml.cli._options import add_options, positive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """\
Cut conversations to a budget of tokens, and write what is left in the form of the file.

The budget is --max-tokens or the window of the model, whichever is less, minus --reserve for the reply. Tools, response
format and the priming of the reply count. Calls and their results stay or go together; system and developer messages
and the last message of the user stay. What was left out, and why, is said on standard error; --explain shows it message
by message instead of the conversation.

Strategies: drop_oldest (the default), middle_out, cache_stable, truncate, keep_last=N or keep_last=N:turns; several are
applied in order until the budget is kept. The status is 1 when a conversation cannot be made to fit."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("file", metavar="FILE", help="a file with messages, or - for standard input")
    parser.add_argument("--max-tokens", metavar="N", type=positive, help="the budget, the reply included")
    parser.add_argument("--reserve", metavar="N", type=positive, default=0, help="tokens of it kept for the reply")
    parser.add_argument(
        "--strategy", metavar="NAME", action="append", help="what goes first; given more than once, in this order"
    )
    parser.add_argument("--start-on", metavar="ROLE", help="let the first message behind the system message be of ROLE")
    parser.add_argument("--pin", metavar="N", action="append", type=int, help="keep the message with this index, too")
    parser.add_argument("--lossy", action="store_true", help="with --dialect, leave out what the dialect cannot hold")
    parser.add_argument(
        "--allow-estimate", action="store_true", help="count also what no rule is known for, as a guess"
    )
    parser.add_argument("--explain", action="store_true", help="show what became of each message, and why")
    parser.add_argument("-o", "--output", metavar="FILE", help="write the conversation to this file")
    add_options(
        parser, "--model", "--models", "--dialect", "--encoding", "--line", "--max-size", "--format", "--color"
    )  # fmt: skip


def run(arguments: Namespace) -> int:
    """Write the conversations, and say what is not in them."""
    from chatml.cli._fitting import fit_file

    return fit_file(arguments)
