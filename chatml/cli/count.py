"""`chatml count`: how many tokens files take."""

from __future__ import annotations

from chatml.cli._options import add_options, one_of, positive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """\
Count tokens, per file and in total.

Messages are counted as the model is billed for them, the priming of the reply included: by default as gpt-4o. A ChatML
text is counted as the ids that it becomes, or with --model as a request with its messages. Folders are searched for
.json, .jsonl, .chatml, .txt and .prompt files.

A count is exact, fitted (a rule that agrees with most of what was billed) or an estimate. With -v each part says how
often its rule was right, or by how much an estimate may be off. Audio, files and built-in tools have no rule: a request
that has them is refused, unless --allow-estimate.

--max-tokens makes the status 1 when a conversation is longer, --check-usage compares counts with what was billed."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="a prompt file, a folder, or - for standard input")
    parser.add_argument("-v", "--verbose", action="store_true", help="also per message and part, or per conversation")
    parser.add_argument("--lossy", action="store_true", help="with --dialect, leave out what the dialect cannot hold")
    parser.add_argument(
        "--allow-estimate", action="store_true", help="count also what no rule is known for, as a guess"
    )
    parser.add_argument(
        "--max-tokens", metavar="N", type=positive, help="exit with 1 when a conversation has more tokens than N"
    )
    parser.add_argument(
        "--api", metavar="chat|responses", type=one_of("chat", "responses"), default="chat",
        help="the API that requests go to: Chat Completions (the default) or Responses, they bill tools differently",
    )  # fmt: skip
    parser.add_argument("--cost", action="store_true", help="also the price of the tokens, from the prices in --models")
    parser.add_argument(
        "--check-usage", action="store_true",
        help="the files are logs, JSON Lines of requests with the usage that was billed: say how well counts agree",
    )  # fmt: skip
    add_options(parser, "--model", "--models", "--dialect", "--encoding", "--max-size", "--format", "--color")


def run(arguments: Namespace) -> int:
    """Count, and print the counts."""
    if arguments.check_usage:
        from chatml.cli._usage import check_usage

        return check_usage(arguments)
    from chatml.cli._counting import count_files

    return count_files(arguments)
