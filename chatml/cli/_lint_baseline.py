"""`chatml lint --baseline`: the file with the record of what was there before."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from chatml._errors import ConfigError
from chatml.cli._lint_files import read_small
from chatml.cli._report import note
from chatml.lint._baseline import Baseline, baseline_text, compare, make_baseline, read_baseline

if TYPE_CHECKING:
    from argparse import Namespace

    from chatml.cli._lint_files import Files
    from chatml.cli._linting import Outcome

DEFAULT = "chatml-baseline.json"


def baseline_path(arguments: Namespace, files: Files) -> str | None:
    """Where the baseline is: as the option or the configuration says; a name in a file counts from its folder."""
    if arguments.baseline:
        return str(arguments.baseline)
    config = files.first_config
    if config.baseline:
        return os.path.normpath(os.path.join(os.path.dirname(config.source), config.baseline))
    return DEFAULT if arguments.write_baseline else None


def load_baseline(arguments: Namespace, files: Files) -> Baseline | None:
    """The baseline of a run. Raises `ConfigError` where there is none and it is not about to be written."""
    path = baseline_path(arguments, files)
    if path is None:
        return None
    files.baseline = os.path.normpath(path)
    if not os.path.lexists(path):
        if arguments.write_baseline:
            return None
        raise ConfigError("there is no such file", option=path, hint="--write-baseline makes it")
    return read_baseline(read_small(path), source=path)


def with_baseline(arguments: Namespace, outcome: Outcome, files: Files, baseline: Baseline | None) -> Outcome:
    """Take out what is allowed, and on request write what is there."""
    path = baseline_path(arguments, files)
    if path is None:
        return outcome
    gone = [] if baseline is None else [name for name in _names(baseline) if not os.path.lexists(name)]
    if arguments.write_baseline:
        from chatml.cli._writing import write_file

        made = make_baseline(outcome.results, baseline, gone)
        write_file(path, baseline_text(made))
        baseline, gone = made, []
    if baseline is None:
        return outcome
    compared = compare(baseline, outcome.results, lambda name: files.config_of(name).settings)
    for name in gone:
        note(f"{path}: {name} is in the baseline and there no more; --write-baseline removes it")
    for line in compared.stale:
        note(f"{path}: {line}; --write-baseline lowers it")
    hidden = compared.allowed
    if hidden:
        note(f"{hidden:,} finding{'' if hidden == 1 else 's'} {'is' if hidden == 1 else 'are'} in the baseline {path}")
    return outcome._replace(results=compared.results, hidden=hidden)


def _names(baseline: Baseline) -> list[str]:
    return list(dict.fromkeys([*baseline.counts, *baseline.tokens]))
