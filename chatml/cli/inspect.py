"""`chatml inspect`: one conversation, looked at from all sides."""

from __future__ import annotations

from chatml.cli._options import add_options, positive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """\
Show one conversation: its tokens message by message, the context window, and the prompt as the model sees it.

Messages are shown in the wire of the model (by default gpt-4o) or of --dialect, a ChatML text as it is; with --model a
ChatML text is read, and its messages are shown in the model's wire. In the prompt, special tokens that are ids are in
reverse video, and content that spells one is red; in the margin is the number of the message, + for one that the
dialect adds. Then come problems of the text, and what a scan of the messages finds.

On a terminal, what is longer than the screen goes through $CHATML_PAGER, $PAGER or less."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("file", metavar="FILE", help="a prompt file, or - for standard input")
    parser.add_argument(
        "--tokens", action="store_true", help="show where tokens end; content is then shown as it is, not escaped"
    )
    parser.add_argument("--ids", action="store_true", help="show the token ids, with --tokens below each token")
    parser.add_argument("--whitespace", action="store_true", help="make spaces, tabs and no-break spaces visible")
    parser.add_argument(
        "--message", metavar="N", type=_number, help="show only this message, by its number in the table"
    )
    parser.add_argument("--reserve", metavar="N", type=positive, help="keep N tokens of the window for the answer")
    parser.add_argument("--no-pager", action="store_true", help="never start a pager")
    parser.add_argument("--html", metavar="FILE", help="write a page that needs no network, instead of showing it here")
    add_options(parser, "--model", "--models", "--dialect", "--encoding", "--line", "--max-size", "--format", "--color")


def _number(value: str) -> int:
    """A type of argument: the number of a message."""
    if not (value.isascii() and value.isdecimal() and len(value) < 19):
        import argparse

        raise argparse.ArgumentTypeError(f"found {value!r}, expected a number from 0 on")
    return int(value)


def run(arguments: Namespace) -> int:
    """Show the conversation."""
    from chatml.cli._inspecting import inspect_file

    return inspect_file(arguments)
