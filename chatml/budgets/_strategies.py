"""Strategies by name, in sequence, and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeAlias

from chatml._errors import ConfigError, shown
from chatml.budgets._dropping import CacheStable, DropOldest, KeepLast, MiddleOut, Priority, Strategy, shown_value
from chatml.budgets._rewriting import Summarize, Truncate

StrategyLike: TypeAlias = "str | Strategy | list[str | Strategy] | tuple[str | Strategy, ...]"

STRATEGIES: tuple[type[Strategy], ...] = (DropOldest, KeepLast, MiddleOut, Priority, Truncate, Summarize, CacheStable)
_MADE_BY_NAME: Mapping[str, Callable[[], Strategy]] = {
    one.name: one for one in (DropOldest, MiddleOut, Truncate, CacheStable)
}


def read_strategies(strategy: StrategyLike) -> tuple[Strategy, ...]:
    """Strategies as values, in the order in which they are applied. Raises `ConfigError`."""
    given = [strategy] if isinstance(strategy, (str, Strategy)) else strategy
    if not isinstance(given, (list, tuple)):
        raise ConfigError(f"found {shown_value(strategy)}, expected {_expected()}", option="strategy")
    if not given:
        raise ConfigError("found an empty sequence, expected at least one strategy", option="strategy")
    strategies = [_read(one) for one in given]
    if strategies[-1].is_window:
        strategies.append(DropOldest())
    return tuple(strategies)


def _read(given: object) -> Strategy:
    if isinstance(given, Strategy):
        return given
    if not isinstance(given, str):
        raise ConfigError(f"found {shown_value(given)}, expected {_expected()}", option="strategy")
    made = _MADE_BY_NAME.get(given)
    if made is not None:
        return made()
    needing = next((one for one in STRATEGIES if one.name == given), None)
    if needing is None:
        raise ConfigError(f"found {shown(given)}, expected {_expected()}", option="strategy")
    argument = fields(needing)[0].name  # type: ignore[arg-type]  # all of them are dataclasses
    problem = f"the strategy {given} needs {argument}"
    raise ConfigError(problem, option="strategy", hint=f"pass a value: {needing.__name__}({argument})")


def _expected() -> str:
    return f"a strategy, or one of {', '.join(map(repr, _MADE_BY_NAME))}"


def strategies_to_json(strategies: Sequence[Strategy]) -> list[dict[str, Any]] | None:
    """Strategies as JSON values; None where one holds a function, which JSON cannot."""
    out = []
    for one in strategies:
        values = asdict(one)  # type: ignore[call-overload]  # all of them are dataclasses
        if any(callable(value) for value in values.values()):
            return None
        out.append({"name": one.name, **values})
    return out


def strategies_from_json(value: object) -> tuple[Strategy, ...]:
    """The inverse. Raises `ConfigError`."""
    if not isinstance(value, list) or not value:
        raise ConfigError(f"found {shown_value(value)}, expected a list of strategies", option="strategy")
    return tuple(map(_from_json, value))


def _from_json(value: object) -> Strategy:
    if not isinstance(value, dict):
        problem = f"found {shown_value(value)}, expected a mapping with the name of a strategy"
        raise ConfigError(problem, option="strategy")
    values = dict(value)
    name = values.pop("name", None)
    kind = next((one for one in STRATEGIES if one.name == name), None)
    if kind is None:
        known = ", ".join(repr(one.name) for one in STRATEGIES)
        raise ConfigError(f"found the name {shown_value(name)}, expected one of {known}", option="strategy")
    try:
        return kind(**values)
    except TypeError:
        keys = ", ".join(field.name for field in fields(kind))  # type: ignore[arg-type]  # all of them are dataclasses
        problem = f"the strategy {kind.name} has other values: expected {keys or 'none'}"
        raise ConfigError(problem, option="strategy") from None
