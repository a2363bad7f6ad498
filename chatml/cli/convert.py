"""`chatml convert`: conversations from one form of prompt file to another."""

from __future__ import annotations

from chatml.cli._options import AUTO, add_options, one_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

TARGETS = ("messages", "request", "jsonl", "sharegpt", "sharegpt-jsonl", "chatml")

DESCRIPTION = """\
Write the conversations of a file in another form.

    messages        a JSON list of messages
    request         a JSON object with "messages" and what else the file has; a list of them for several conversations
    jsonl           the same, one a line, as for fine-tuning
    sharegpt        a JSON object with "conversations", or a list of them
    sharegpt-jsonl  the same, one a line
    chatml          a ChatML string; content that spells a special token is escaped

What was written is read again and compared. What the new form does not hold goes to standard error as FILE:LINE: FIELD
is lost: REASON; then nothing is written and the exit status is 1, unless --lossy."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("file", metavar="FILE", help="a prompt file, or - for standard input")
    parser.add_argument("--to", metavar="FORM", type=one_of(*TARGETS), required=True, help="one of the forms above")
    parser.add_argument("--lossy", action="store_true", help="write also what does not hold everything")
    parser.add_argument(
        "--dialect", metavar="NAME", default="chatml", help="the wire format of ChatML that is written; default: chatml"
    )
    parser.add_argument(
        "--from-dialect", metavar="NAME", default=AUTO,
        help="the wire format of ChatML that is read; auto, the default, finds the one that fits best",
    )  # fmt: skip
    parser.add_argument("-o", "--output", metavar="FILE", help="write to this file, and nothing to standard output")
    add_options(parser, "--line", "--max-size")


def run(arguments: Namespace) -> int:
    """Convert the file, report what is lost."""
    from chatml._convert import convert_text
    from chatml._visible import visible
    from chatml.cli._output import write_data, write_error
    from chatml.cli._subject import read_file
    from chatml.cli._writing import write_file

    name, text, _ = read_file(arguments.file, max_size=arguments.max_size)
    converted = convert_text(
        text, to=arguments.to, path=name, dialect=arguments.dialect, line=arguments.line, max_size=arguments.max_size,
        source_dialect=None if arguments.from_dialect == AUTO else arguments.from_dialect,
    )  # fmt: skip
    for line, field, reason in converted.lost:
        write_error(visible(f"{name}:{line}: {field} is lost: {reason}"))
    if converted.lost and not arguments.lossy:
        write_error("chatml: note: nothing is written; --lossy writes what can be held")
        return 1
    if arguments.output is None:
        write_data(converted.text)
    else:
        write_file(arguments.output, converted.text)
    return 0
