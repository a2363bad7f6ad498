"""`chatml lint`: rules over prompt files."""

from __future__ import annotations

from chatml.cli._options import add_options, one_of, positive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

FORMATS = ("full", "concise", "json", "json-lines", "github", "gitlab", "junit", "sarif", "statistics")

DESCRIPTION = """\
Check prompt files: structure, roles, special tokens, tools, templates, tokens, training data.

Without FILE the current folder is checked. Folders are searched for files that may be prompts; what .gitignore leaves
out, and a file that turns out to be none, is passed over. A file is read in the format that its content has.

Settings come from [tool.chatml] in the nearest pyproject.toml, or from chatml.toml. RULES are codes, beginnings of
codes, or names, with commas between them; chatml explain CODE tells all about one.

exit status: 0 nothing worse than info was found; 1 errors or warnings were; 2 a file could not be read, or the usage,
the configuration or chatml itself is at fault"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("files", metavar="FILE", nargs="*", help="a prompt file, a folder, or - for standard input")
    _add_selection(parser)
    _add_fixes(parser)
    _add_output(parser)
    _add_baseline(parser)
    _add_files(parser)
    add_options(parser, "--model")
    parser.add_argument("--dialect", metavar="NAME", help="read and count raw prompts in this wire format")
    parser.add_argument("--encoding", metavar="NAME", help="count with this vocabulary")


def _add_selection(parser: ArgumentParser) -> None:
    for name, what in (
        ("--select", "check these rules, in place of those that are on by default"),
        ("--extend-select", "check these rules, too"),
        ("--ignore", "leave out these rules"),
    ):
        parser.add_argument(name, metavar="RULES", action="append", default=[], help=what)
    parser.add_argument(
        "--per-file-ignores", metavar="GLOB:RULES", action="append", default=[], help="leave out rules in these files"
    )


def _add_fixes(parser: ArgumentParser) -> None:
    parser.add_argument("--fix", action="store_true", help="make the fixes that keep messages and tokens")
    parser.add_argument(
        "--unsafe-fixes", action="store_true", help="make also those that change what a model sees; implies --fix"
    )
    parser.add_argument("--diff", action="store_true", help="show what the fixes would change, and write nothing")
    parser.add_argument("--exit-zero", action="store_true", help="exit with 0 whatever is found")
    parser.add_argument("--exit-non-zero-on-fix", action="store_true", help="exit with 1 if anything was fixed")


def _add_output(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--output-format",
        metavar="|".join(FORMATS[:3]) + "|...",
        type=one_of(*FORMATS),
        help=f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}; the default is full, or what CHATML_OUTPUT_FORMAT says",
    )
    parser.add_argument(
        "-o", "--output-file", metavar="FILE", help="write to this file, and nothing to standard output"
    )
    parser.add_argument("--statistics", action="store_true", help="only how often each rule has found something")
    parser.add_argument("--stats", action="store_true", help="describe training data: rows, messages, tokens, epochs")
    add_options(parser, "--color")


def _add_baseline(parser: ArgumentParser) -> None:
    parser.add_argument("--baseline", metavar="FILE", help="report only what is not recorded in this file")
    parser.add_argument(
        "--write-baseline",
        action="store_true",
        help="record what is found in the file of --baseline; where there is one already, it may only shrink",
    )


def _add_files(parser: ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="take settings from this file, and from no other")
    parser.add_argument("--isolated", action="store_true", help="take settings from no file")
    parser.add_argument(
        "--show-settings", action="store_true", help="show the settings of the files, and check nothing"
    )
    parser.add_argument(
        "--exclude", metavar="GLOB", action="append", default=[], help="pass over these files and folders"
    )
    parser.add_argument(
        "--force-exclude", action="store_true", help="pass over excluded files also where they are named"
    )
    parser.add_argument("--no-respect-gitignore", action="store_true", help="check also what .gitignore leaves out")
    parser.add_argument("--stdin-filename", metavar="NAME", help="what standard input is called")
    parser.add_argument("--no-cache", action="store_true", help="check also files that have not changed since")
    parser.add_argument(
        "--cache-dir", metavar="FOLDER", help="keep what is known of files here; only you should write there"
    )
    parser.add_argument("--jobs", metavar="N", type=positive, help="use this many processes; by default one per core")
    parser.add_argument("--watch", action="store_true", help="check again whenever a file changes")


# an option, another with which it makes no sense, and why
_APART = (
    ("--config", "--isolated", "which takes settings from no file"),
    ("--watch", "--fix", "which changes what is watched"),
    ("--watch", "--unsafe-fixes", "which changes what is watched"),
    ("--watch", "--output-file", "as it shows what is found"),
    ("--statistics", "--output-format", "which names another format"),
    ("--fix", "--stats", "which only describes"),
    ("--unsafe-fixes", "--stats", "which only describes"),
    ("--output-file", "--stats", "which goes to standard output"),
    ("--write-baseline", "--diff", "which writes nothing"),
)


def run(arguments: Namespace) -> int:
    """Check the files, and report."""
    _check(arguments)
    from chatml.cli._linting import lint_files

    return lint_files(arguments)


def _check(arguments: Namespace) -> None:
    """Raise `ConfigError` where options contradict each other."""
    from chatml._errors import ConfigError

    given = {name for name, value in vars(arguments).items() if value not in (None, False, [])}
    for option, other, why in _APART:
        if {option[2:].replace("-", "_"), other[2:].replace("-", "_")} <= given:
            raise ConfigError(f"found with {other}, {why}", option=option, hint="leave one of them out")
    if arguments.stdin_filename and "-" not in arguments.files:
        raise ConfigError("found without -", option="--stdin-filename", hint="- stands for standard input")
