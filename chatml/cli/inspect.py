"""`chatml inspect`: one conversation, looked at from all sides."""

from __future__ import annotations

from chatml.cli._options import add_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """\
Show one conversation: its tokens message by message, the context window, and the prompt as the model sees it.

Messages are shown in the wire of the model (by default gpt-4o) or of --dialect, a ChatML text as it is; with --model a
ChatML text is read, and its messages are shown in the model's wire. In the prompt, markers are in reverse video, and
content that spells a special token is red; in the margin is the number of the message, + for one that the dialect
adds. Then come problems, and every message whose content spells a special token."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("file", metavar="FILE", help="a prompt file, or - for standard input")
    parser.add_argument("--ids", action="store_true", help="show the token ids, too")
    parser.add_argument("--html", metavar="FILE", help="write a page that needs no network, instead of showing it here")
    add_options(parser, "--model", "--models", "--dialect", "--encoding", "--line", "--max-size", "--format", "--color")


def run(arguments: Namespace) -> int:
    """Show the conversation."""
    from chatml.cli._inspecting import inspect_file

    return inspect_file(arguments)
