"""`chatml lint --stats`: a description of training data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatml._errors import FileError
from chatml.cli import _output
from chatml.cli._report import report
from chatml.lint._blocks import is_by_line, read_blocks
from chatml.lint._engine import Block
from chatml.lint._stats import Spread, Statistics, Stats

if TYPE_CHECKING:
    from argparse import Namespace

    from chatml.cli._lint_files import Files


def show_stats(arguments: Namespace, files: Files) -> int:
    """Print what is in all files together. Returns the exit status."""
    statistics = Statistics()
    faults = 0
    for source in files.sources():
        form = source.settings.of_glob(source.settings.formats, source.path)
        try:
            for block in read_blocks(source.pieces(), by_line=is_by_line(source.path, form)):
                if isinstance(block, Block):
                    statistics.add(block, path=source.path, settings=source.settings)
                else:
                    raise FileError(block.problem, path=source.path, hint=block.hint)
        except FileError as error:
            faults += 1
            report(error)
    for fault in files.errors:
        faults += 1
        report(fault)
    stats = statistics.result()
    if arguments.output_format == "json":
        from chatml.cli._json_output import write_json

        write_json({**stats._asdict(), **{key: _value(getattr(stats, key)) for key in _SPREADS}})
    else:
        _output.write(_text(stats))
    return 2 if faults else int(any(stats.faults.values()) and not arguments.exit_zero)


_SPREADS = ("messages", "tokens", "assistant_tokens")


def _value(spread: Spread | None) -> dict[str, float] | None:
    return None if spread is None else spread._asdict()


def _text(stats: Stats) -> str:
    lines = [f"examples                           {stats.examples:>12,}", "", "faults"]
    lines += [f"  {fault:<33}{count:>12,}" for fault, count in stats.faults.items()]
    lines += [
        "", "examples without", f"  {'a system message':<33}{stats.without_system:>12,}",
        f"  {'a user message':<33}{stats.without_user:>12,}", "",
        f"{'per example':<21}" + "".join(f"{title:>12}" for title in ("min", "max", "mean", "median", "p5", "p95")),
    ]  # fmt: skip
    lines += [_spread_line(key.replace("_", " "), getattr(stats, key)) for key in _SPREADS]
    over = f"examples of more than {stats.limit:,} tokens"
    lines += ["", f"{over:<35}{stats.over_limit:>12,}"]
    if stats.uncounted:
        lines.append(f"{'examples that cannot be counted':<35}{stats.uncounted:>12,}")
    lines += [
        f"{'epochs, unless told otherwise':<35}{stats.epochs:>12,}",
        f"{'tokens billed per epoch':<35}{stats.billed_per_epoch:>12,}",
        f"{'tokens billed':<35}{stats.billed_per_epoch * stats.epochs:>12,}",
    ]
    return "\n".join(lines) + "\n"


def _spread_line(name: str, spread: Spread | None) -> str:
    cells = "".join(f"{value:>12,.1f}" for value in spread) if spread else f"{'none':>12}"
    return f"  {name:<19}{cells}"
