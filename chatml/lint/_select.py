"""Which rules count for a file."""

from __future__ import annotations

from collections.abc import Iterable

from chatml._errors import ConfigError
from chatml.lint._rule import Rule
from chatml.lint._settings import Settings
from chatml.lint.rules import RULES

_INSTANCES: tuple[Rule, ...] = tuple(rule() for rule in RULES)


def all_rules() -> tuple[Rule, ...]:
    """An instance of each rule, in the order of the table."""
    return _INSTANCES


def rules_for(settings: Settings, path: str) -> list[Rule]:
    """The rules that `settings` choose for a path, in the order of the table."""
    chosen = _chosen(settings)
    ignored = _ignored(settings, path)
    return [rule for rule in chosen if not matches(rule, ignored)] if ignored else chosen


_last: list[tuple[Settings, list[Rule]]] = []  # most files of a run have the same settings as the one before


def _chosen(settings: Settings) -> list[Rule]:
    if not _last or _last[0][0] is not settings:
        _last[:] = [(settings, [rule for rule in _INSTANCES if _is_chosen(rule, settings)])]
    return _last[0][1]


def _ignored(settings: Settings, path: str) -> list[str]:
    table = settings.per_file_ignores.items()
    return [name for pattern, names in table if _fits(settings, pattern, path) for name in names]


def _fits(settings: Settings, pattern: str, path: str) -> bool:
    return settings.of_glob({pattern: True}, path) is not None


def _is_chosen(rule: Rule, settings: Settings) -> bool:
    asked = settings.select or ()
    is_in = matches(rule, asked) if asked else rule.is_on
    return (is_in or matches(rule, settings.extend_select)) and not matches(rule, settings.ignore)


def matches(rule: Rule, names: Iterable[str]) -> bool:
    """Whether a rule is named: by its code, a beginning of it, its name, or ALL."""
    return is_named(rule.code, rule.name, names)


def is_named(code: str, name: str, names: Iterable[str]) -> bool:
    """Whether the rule of a code and a name is among `names`."""
    return any(one == "ALL" or code.startswith(one) or name == one for one in names if one)


def is_ignored(code: str, name: str, settings: Settings, path: str) -> bool:
    """Whether `settings` ignore a rule for a path."""
    return is_named(code, name, (*settings.ignore, *_ignored(settings, path)))


def is_asked(code: str, name: str, settings: Settings, path: str) -> bool:
    """Whether `settings` choose a rule that is on by default."""
    is_in = not settings.select or is_named(code, name, (*settings.select, *settings.extend_select))
    return is_in and not is_ignored(code, name, settings, path)


def names_a_rule(name: str) -> bool:
    """Whether there is a rule of this name."""
    return any(matches(rule, (name,)) for rule in _INSTANCES)


def check_names(names: Iterable[str], option: str) -> None:
    """Raise `ConfigError` for what names no rule."""
    for name in names:
        if not names_a_rule(name):
            from difflib import get_close_matches

            known = [word for rule in _INSTANCES for word in (rule.code, rule.name)]
            near = get_close_matches(name, known, n=1)
            nearest = f", the nearest is {near[0]}" if near else ""
            raise ConfigError(f"found {name[:80]!a}, expected the code or name of a rule{nearest}", option=option)
