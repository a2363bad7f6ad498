"""`chatml sanitize`: untrusted text made safe, given back, or looked at."""

from __future__ import annotations

from chatml.cli._options import add_options, one_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """\
Make untrusted text safe to put into a prompt, or look for what in it could forge a turn.

FILE is any text. What is written is that text, with a backslash behind the first character of whatever spells a special
token or could become one with the text behind it; --unescape with the same options gives it back, byte by byte. On a
terminal, control characters are shown as escapes. In a CI run, where standard output may be a log, a text with
characters or commands that a log would obey is refused: write it with -o FILE, or with --format json.

With --policy reject, a text that spells a special token is not written: every place is named, and the exit status is 1.
With --policy strip, tokens are deleted, again until nothing forms any more.

--scan changes nothing. It names every place that could be read as structure, now or once somebody has normalized,
cleaned or decoded the text: as an error where a token stands, else as a warning, or as info what is only worth a
look. The exit status is 1 when there is an error or a warning. Folders are searched for .json, .jsonl, .chatml, .txt
and .prompt files. JSON is looked at as it stands: a token that is written with its escapes is of the kind json.

The tokens are those that --family, --dialect, --tokenizer and --token name together; without them, all that are known.
A byte order mark is kept, and is not counted in columns."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    help_line = "a text file, or - for standard input; with --scan also several, and folders"
    parser.add_argument("files", metavar="FILE", nargs="+", help=help_line)
    parser.add_argument("--scan", action="store_true", help="report what could forge a turn, and write no text")
    parser.add_argument("--unescape", action="store_true", help="take the escapes off again")
    parser.add_argument(
        "--policy",
        metavar="escape|reject|strip",
        type=one_of("escape", "reject", "strip"),
        help="what to do with text that spells a special token: escape it (the default), refuse it, or delete it",
    )
    parser.add_argument(
        "--profile",
        metavar="exact|hardened",
        type=one_of("exact", "hardened"),
        help="tokens as they are spelled (the default), or also what becomes one when text is normalized, lowered, or"
        " cleaned of invisible characters",
    )
    parser.add_argument(
        "--family",
        metavar="NAME",
        action="append",
        help="guard against the tokens of this family of models, such as chatml, llama3 or qwen; may be repeated",
    )
    parser.add_argument("--dialect", metavar="NAME", help="against those of the frame of this dialect")
    parser.add_argument(
        "--tokenizer",
        metavar="ENCODING|FILE",
        help="against those of an encoding such as o200k_harmony, or of a tokenizer.json, a tokenizer_config.json or a"
        " folder with them",
    )
    parser.add_argument(
        "--token", metavar="TEXT", type=_token, action="append", help="against this one; may be repeated"
    )
    parser.add_argument(
        "--marker", metavar="CHARACTER", type=_text, help="the character to escape with, in place of a backslash"
    )
    parser.add_argument(
        "--format",
        metavar="text|json|github",
        type=one_of("text", "json", "github"),
        default="text",
        help="for people (the default), for programs, or with --scan as annotations of GitHub Actions",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write to this file, and nothing to standard output")
    add_options(parser, "--color")


def _text(value: str) -> str:
    """A type of argument: text that UTF-8 can hold, as files do."""
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise _wrong(value, "text in UTF-8")
    return value


def _token(value: str) -> str:
    """A type of argument: a special token."""
    if len(value) < 2:  # the marker stands behind the first character
        raise _wrong(value, "at least 2 characters")
    return _text(value)


def _wrong(value: str, expected: str) -> Exception:
    from argparse import ArgumentTypeError

    return ArgumentTypeError(f"found {value!a}, expected {expected}")


# an option, another with which it makes no sense, and why
_APART = (
    ("--unescape", "--scan", "which changes nothing"),
    ("--policy", "--scan", "which changes nothing"),
    ("--marker", "--scan", "which changes nothing"),
    ("--profile", "--scan", "which looks for what both profiles see"),
    ("--policy", "--unescape", "which only takes escapes off"),
)


def run(arguments: Namespace) -> int:
    """Write the text, or report what was found."""
    _check(arguments)
    if arguments.scan:
        from chatml.cli._scan_report import report_scan

        return report_scan(arguments)
    from chatml.cli._sanitizing import sanitize_file

    return sanitize_file(arguments)


def _check(arguments: Namespace) -> None:
    """Raise `ConfigError` where options contradict each other."""
    from chatml._errors import ConfigError

    given = {name for name, value in vars(arguments).items() if value not in (None, False)}
    for option, other, why in _APART:
        if {option[2:], other[2:]} <= given:
            raise ConfigError(f"found with {other}, {why}", option=option, hint="leave one of them out")
    if not arguments.scan and arguments.format == "github":
        raise ConfigError("found github without --scan", option="--format", hint="expected text or json")
    if not arguments.scan and len(arguments.files) > 1:
        problem = f"found {len(arguments.files)} files, expected one"
        raise ConfigError(problem, hint="only --scan takes several")
