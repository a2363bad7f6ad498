"""The work of `chatml lint`: files are checked, fixed, compared with a baseline, and reported."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from chatml._diagnostics import Severity
from chatml._errors import ConfigError
from chatml._version import __version__
from chatml._visible import visible_lines
from chatml._workers import cores
from chatml.cli import _output
from chatml.cli._lint_baseline import load_baseline, with_baseline
from chatml.cli._lint_cache import CacheFile
from chatml.cli._lint_files import Choice, Files
from chatml.cli._lint_progress import Progress
from chatml.cli._report import note, report
from chatml.cli._terminal import open_terminal
from chatml.cli.lint import FORMATS
from chatml.lint._config import Overrides, settings_text
from chatml.lint._runner import FileResult, check_sources

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable, Sequence

    from chatml.lint._engine import LintDiagnostic


class Outcome(NamedTuple):
    """What a run has found. `hidden` findings are allowed by a baseline, `fixed` ones are gone."""

    results: Sequence[FileResult]
    fixed: int = 0
    hidden: int = 0

    @property
    def diagnostics(self) -> list[LintDiagnostic]:
        """The findings of all files."""
        return [one for result in self.results for one in result.diagnostics]

    @property
    def unreadable(self) -> int:
        """How many files could not be read."""
        return sum(not result.is_readable for result in self.results)


def lint_files(arguments: Namespace) -> int:
    """Do what the arguments say. Returns the exit status."""
    files = Files(_choice(arguments))
    if arguments.show_settings:
        return _show_settings(files)
    if arguments.stats:
        from chatml.cli._lint_stats import show_stats

        return show_stats(arguments, files)
    if arguments.watch:
        from chatml.cli._watching import watch

        return watch(lambda: _lint(arguments, Files(_choice(arguments))), lambda: Files(_choice(arguments)).watched())
    return _lint(arguments, files)


def _choice(arguments: Namespace) -> Choice:
    overrides = Overrides(
        arguments.model, arguments.dialect, arguments.encoding, _listed(arguments.select),
        _listed(arguments.extend_select), _listed(arguments.ignore), tuple(_by_glob(arguments.per_file_ignores)),
        tuple(arguments.exclude), arguments.baseline is not None or arguments.write_baseline,
    )  # fmt: skip
    return Choice(
        tuple(arguments.files) or (".",), arguments.config, arguments.isolated, overrides, arguments.force_exclude,
        not arguments.no_respect_gitignore, arguments.stdin_filename,
    )  # fmt: skip


def _listed(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


def _by_glob(values: Iterable[str]) -> Iterable[tuple[str, str]]:
    for value in values:
        pattern, colon, names = value.rpartition(":")
        if not (colon and pattern and _listed([names])):
            raise ConfigError(f"found {value[:80]!a}, expected GLOB:RULES", option="--per-file-ignores")
        yield from ((pattern, name) for name in _listed([names]))


def _show_settings(files: Files) -> int:
    from chatml.lint._select import rules_for

    shown: dict[int, str] = {}
    for source in files.sources():
        config = files.config_of(source.path)
        if id(config) not in shown:
            shown[id(config)] = settings_text(config, rules_for(config.settings, ""))
    _output.write("\n".join(shown.values()))
    return _faults(files)


def _lint(arguments: Namespace, files: Files) -> int:
    _output_format(arguments)  # what is wrong with it is to be said before the work
    baseline = load_baseline(arguments, files)
    outcome = Outcome(_check(arguments, files))
    passed = sum(not one.is_prompt for one in outcome.results)
    if passed:
        note(f"{passed:,} file{' is' if passed == 1 else 's are'} passed over: no prompt was found in them")
    if arguments.diff:
        from chatml.cli._lint_fixing import show_changes

        changed = show_changes(outcome.results, files, unsafe=arguments.unsafe_fixes)
        return _status(arguments, outcome._replace(fixed=changed), _faults(files), is_changed=changed > 0)
    if _wants_fixes(arguments):
        from chatml.cli._lint_fixing import make_changes

        fixed = make_changes(outcome.results, files, unsafe=arguments.unsafe_fixes)
        if fixed:
            outcome = Outcome(_check(arguments, files), fixed)
    outcome = with_baseline(arguments, outcome, files, baseline)
    _write_report(arguments, outcome, files)
    return _status(arguments, outcome, _faults(files), is_changed=arguments.exit_non_zero_on_fix and outcome.fixed > 0)


def _wants_fixes(arguments: Namespace) -> bool:
    return bool(arguments.fix or arguments.unsafe_fixes)


def _check(arguments: Namespace, files: Files) -> list[FileResult]:
    cache = CacheFile(arguments)
    with Progress() as progress:
        results = check_sources(
            files.sources(), jobs=arguments.jobs or cores(), cache=cache.cache, progress=progress.add
        )
    cache.save()
    return results


def _faults(files: Files) -> int:
    """Report what is wrong with folders, and what could not be written. Returns how much there is."""
    faults = [*files.errors, *files.unwritten]
    for error in faults:
        report(error)
    return len(faults)


def _status(arguments: Namespace, outcome: Outcome, faults: int, *, is_changed: bool) -> int:
    if outcome.unreadable or faults:
        return 2
    if arguments.exit_zero:
        return 0
    is_bad = not arguments.diff and any(one.severity is not Severity.INFO for one in outcome.diagnostics)
    return int(is_bad or is_changed)


def _output_format(arguments: Namespace) -> str:
    if arguments.statistics:
        return "statistics"
    if arguments.output_format:
        return str(arguments.output_format)
    asked = os.environ.get("CHATML_OUTPUT_FORMAT") or "full"
    if asked not in FORMATS:
        expected = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise ConfigError(f"found {asked[:80]!a}, expected {expected}", option="CHATML_OUTPUT_FORMAT")
    return asked


def _write_report(arguments: Namespace, outcome: Outcome, files: Files) -> None:
    from chatml.lint.reporters import REPORTERS, Report

    form = _output_format(arguments)
    if files.stdin is not None and _wants_fixes(arguments):
        _output.write_data(files.stdin.decode())
    terminal = open_terminal("never" if arguments.output_file and arguments.color == "auto" else arguments.color)
    text = REPORTERS[form](
        Report(
            outcome.diagnostics, files.text_of, sum(one.is_prompt for one in outcome.results), outcome.unreadable,
            __version__, terminal.color, terminal.width, outcome.fixed,
        )
    )  # fmt: skip
    if arguments.output_file:
        from chatml.cli._writing import write_file

        write_file(arguments.output_file, text)
    elif files.stdin is not None and _wants_fixes(arguments):
        _output.write_error(visible_lines(text.removesuffix("\n")))  # standard output has the text
    elif form == "github":
        _output.write_commands(text)
    else:
        _output.write(text)
