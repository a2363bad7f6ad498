"""`chatml completions`: completion of commands, options and their values for a shell."""

from __future__ import annotations

from chatml.cli._options import one_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """\
Write a script that completes chatml's commands, options and their values in a shell.

    bash  chatml completions bash > ~/.local/share/bash-completion/completions/chatml
    zsh   chatml completions zsh > ~/.zfunc/_chatml     (a folder in $fpath)
    fish  chatml completions fish > ~/.config/fish/completions/chatml.fish

The script is that of this version: write it again after an update."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("shell", metavar="bash|zsh|fish", type=one_of("bash", "zsh", "fish"), help="the shell")


def run(arguments: Namespace) -> int:
    """Write the script."""
    from chatml.cli._completion import script
    from chatml.cli._output import write

    write(script(arguments.shell))
    return 0
