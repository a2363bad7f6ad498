"""A record of what was found when somebody began to lint: counts per file and rule, because lines shift.

What a record allows may shrink and never grows. Where there is more of a kind in a file than it allows, all of that
kind are reported: nobody can tell which of them is new.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from chatml._errors import ConfigError, shown
from chatml.lint._engine import LintDiagnostic
from chatml.lint._runner import FileResult
from chatml.lint._select import all_rules, is_asked
from chatml.lint._settings import Settings

_VERSION = 1
_GROWN = "TOK003"
_PERCENT = 10  # that a file may grow by, where the rule does not say
_NEXT = "remove the file and write a new one with --write-baseline"


class Baseline(NamedTuple):
    """`counts` by path and code, `tokens` by path."""

    counts: Mapping[str, Mapping[str, int]]
    tokens: Mapping[str, int]


class Compared(NamedTuple):
    """The findings that a baseline does not allow, how many it allowed, and its entries that are more than is there."""

    results: list[FileResult]
    allowed: int
    stale: list[str]


def read_baseline(text: str, *, source: str) -> Baseline:
    """Read a baseline file. Raises `ConfigError`."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"this is not valid JSON: {error}", option=source, hint=_NEXT) from None
    if not isinstance(value, dict) or value.get("version") != _VERSION:
        found = shown(value.get("version")) if isinstance(value, dict) else type(value).__name__
        raise ConfigError(f"found {found}, expected a baseline of version {_VERSION}", option=source, hint=_NEXT)
    findings, tokens = value.get("findings", {}), value.get("tokens", {})
    if not isinstance(findings, dict) or not all(_is_counts(counts) for counts in findings.values()):
        raise ConfigError("found no counts by path and rule under 'findings'", option=source, hint=_NEXT)
    if not _is_counts(tokens):
        raise ConfigError("found no counts by path under 'tokens'", option=source, hint=_NEXT)
    return Baseline(findings, tokens)


def _is_counts(value: Any) -> bool:
    return isinstance(value, dict) and all(type(count) is int and count > 0 for count in value.values())


def compare(
    baseline: Baseline, results: Iterable[FileResult], settings_of: Callable[[str], Settings] = lambda _: Settings()
) -> Compared:
    """Take out of the results what a baseline allows, and report files that have grown.

    `settings_of` gives the settings of a path.
    """
    kept, allowed, stale = [], 0, []
    for result in results:
        grown = list(_grown(baseline, result, settings_of(result.path)))
        limits = baseline.counts.get(result.path, {})
        counts = _counts(result)
        over = {code for code, count in counts.items() if count > limits.get(code, 0)}
        left = [one for one in result.diagnostics if one.code in over or not _may_be_allowed(one)]
        allowed += len(result.diagnostics) - len(left)
        kept.append(result._replace(diagnostics=[*grown, *left]))
        stale += [_stale(result.path, code, limit, counts) for code, limit in limits.items() if counts[code] < limit]
    return Compared(kept, allowed, stale)


def _grown(baseline: Baseline, result: FileResult, settings: Settings) -> Iterator[LintDiagnostic]:
    """What TOK003 says of a file; only here are its tokens then and now both known."""
    rule = next((rule for rule in all_rules() if rule.code == _GROWN), None)
    before, now = baseline.tokens.get(result.path), result.tokens
    if rule is None or before is None or now is None or not is_asked(rule.code, rule.name, settings, result.path):
        return
    percent = {**rule.options, **settings.rules.get(_GROWN, {})}.get("percent", _PERCENT)
    if now > before * (1 + percent / 100):
        more = (now / before - 1) * 100
        message = f"the file has {now:,} tokens, {more:.0f} % more than the {before:,} of the baseline"
        hint = f"{percent} % are allowed; shorten it, or raise the number in the baseline"
        yield LintDiagnostic(result.path, 1, 1, 1, 1, rule.code, rule.name, rule.severity, message, 0, 0, "", hint)


def _stale(path: str, code: str, limit: int, counts: Counter[str]) -> str:
    return f"{path}: {limit} of {code} are in the baseline, {counts[code]} are found"


def make_baseline(results: Iterable[FileResult], old: Baseline | None, gone: Iterable[str] = ()) -> Baseline:
    """The baseline of what was found. Where there is an `old` one, nothing in it grows; files not looked at stay."""
    counts = {} if old is None else {path: dict(found) for path, found in old.counts.items()}
    tokens = {} if old is None else dict(old.tokens)
    for path in gone:
        counts.pop(path, None)
        tokens.pop(path, None)
    for result in results:
        now = _counts(result)
        if old is not None:
            limits = old.counts.get(result.path, {})
            now = Counter({code: min(count, limits[code]) for code, count in now.items() if code in limits})
        counts[result.path] = dict(sorted(now.items()))
        if result.tokens is not None:
            tokens[result.path] = min(result.tokens, tokens.get(result.path, result.tokens))
    return Baseline({path: found for path, found in counts.items() if found}, tokens)


def _counts(result: FileResult) -> Counter[str]:
    return Counter(one.code for one in result.diagnostics if _may_be_allowed(one))


def _may_be_allowed(one: LintDiagnostic) -> bool:
    """A file that cannot be read is no finding that could be lived with: nothing in it was looked at."""
    return one.code not in ("SYN001", "SYN002")


def baseline_text(baseline: Baseline) -> str:
    """A baseline as the text of its file, which differs where something has changed and nowhere else."""
    value = {
        "version": _VERSION,
        "findings": {path: baseline.counts[path] for path in sorted(baseline.counts)},
        "tokens": {path: baseline.tokens[path] for path in sorted(baseline.tokens)},
    }
    return json.dumps(value, indent=2) + "\n"
