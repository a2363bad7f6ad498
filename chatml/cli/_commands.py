"""The commands. To add one: a file with `DESCRIPTION`, `add_arguments` and `run`, and a line in `COMMANDS`."""

from __future__ import annotations

# name -> module, help line
COMMANDS = {
    "render": ("chatml.cli.render", "write messages as a ChatML string, or as token ids"),
    "parse": ("chatml.cli.parse", "read the messages of a ChatML string"),
    "count": ("chatml.cli.count", "count tokens, per file, message and part"),
    "stats": ("chatml.cli.stats", "describe a set of data: distributions of tokens, limits, duplicates"),
    "fit": ("chatml.cli.fit", "cut conversations to a budget of tokens"),
    "inspect": ("chatml.cli.inspect", "show messages, markers, tokens and the context window"),
    "diff": ("chatml.cli.diff", "show what changed between two prompts: messages, tokens, cost"),
    "serve": ("chatml.cli.serve", "serve a page on this machine that shows a prompt as you type it"),
    "sanitize": ("chatml.cli.sanitize", "escape, unescape or scan untrusted text"),
    "lint": ("chatml.cli.lint", "check prompt files: structure, roles, tokens, tools, training data"),
    "fmt": ("chatml.cli.fmt", "write prompt files in canonical form"),
    "convert": ("chatml.cli.convert", "write conversations in another form of file"),
    "dialects": ("chatml.cli.dialects", "list the dialects"),
    "models": ("chatml.cli.models", "list what is known about models"),
    "explain": ("chatml.cli.explain", "tell all about a model, a dialect or a lint rule"),
    "completions": ("chatml.cli.completions", "write completion for bash, zsh or fish"),
}

_HELP = """\
usage: chatml COMMAND [OPTIONS] [FILES]

Chat prompts as the model sees them: exact ChatML strings, token ids and counts, and back.

commands:
{commands}
options:
  -h, --help     show this help, or with a command in front its own
  -V, --version  show the version

A FILE of - is standard input. Files may be ChatML text, messages as JSON (a list of messages, a request with
"messages", ShareGPT with "conversations"), or JSONL with one of those a line.

exit status: 0 success; 1 findings; 2 an error in the usage, in a file, or in chatml itself
"""


def help_text() -> str:
    """What `chatml --help` prints; argparse is not needed for it."""
    return _HELP.format(commands="".join(f"  {name:<11} {line}\n" for name, (_, line) in COMMANDS.items()))
