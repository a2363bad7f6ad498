"""LiteLLM's `model_prices_and_context_window.json`: windows and prices of models whose wire is known.

It maps a name to `litellm_provider`, `mode`, `max_input_tokens`, `max_output_tokens`, `input_cost_per_token` and many
more. Only what is taken from it is checked: it changes daily, and has had keys twice (BerriAI/litellm#23578).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Context, Decimal
from typing import Any

from chatml._errors import ConfigError, shown
from chatml.models._info import MOST_TOKENS, ModelInfo, is_price, printed, replaced
from chatml.models._lookup import LONGEST_NAME, read_name, with_notes
from chatml.models._model_table import ModelTable

_SIGNS = frozenset({"litellm_provider", "max_tokens", "input_cost_per_token"})
_PROVIDERS = (None, "openai", "azure", "azure_ai")
_MODES = (None, "chat", "responses")
_INPUT, _OUTPUT = "max_input_tokens", "max_output_tokens"
_PRICES = {
    "input_cost_per_token": "input_price",
    "cache_read_input_token_cost": "cached_input_price",
    "output_cost_per_token": "output_price",
}
_EXACTLY = Context(prec=400)  # more digits than a float has; the context of the caller may have fewer
_TIER = re.compile(r"input_cost_per_token_above_([0-9]+k)_tokens")
_HIGHER = "input of more than {} tokens has higher prices, which are not read"


def is_price_file(document: Mapping[str, Any]) -> bool:
    """Whether this is LiteLLM's form and not our own."""
    entries = (entry for entry in document.values() if isinstance(entry, Mapping))
    return "models" not in document and any(not _SIGNS.isdisjoint(entry) for entry in entries)


def priced(document: Mapping[str, Any], table: ModelTable, source: str) -> ModelTable:
    """Lay windows and prices over a table. What it has no row for is kept aside."""
    rows, unwired = list[ModelInfo](), dict(table.unwired)
    for name, entry in document.items():
        if not isinstance(entry, Mapping) or entry.get("mode") not in _MODES or not _is_name(name):
            continue
        row = _row_of(name, entry, table)
        if row is None:
            unwired[name] = entry
            continue
        place = f"{source}: {shown(name)}"
        if name in getattr(document, "repeated", ()):
            raise ConfigError("the file has this model twice", option=place, hint="leave one of them out")
        rows.append(replaced(row, place, **changes(entry, row, place), source=source))
    if not rows:
        problem = "this is a price file of LiteLLM's form, but has no chat model of OpenAI's or Azure's that is known"
        raise ConfigError(problem, option=source, hint="state other models in a file of your own: see load_models")
    return ModelTable([*table.values(), *rows], unwired=unwired)


def _is_name(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()


def _row_of(name: str, entry: Mapping[str, Any], table: ModelTable) -> ModelInfo | None:
    """The row that an entry changes, or the one for it under its own name; None where the wire is not known."""
    is_known = entry.get("litellm_provider") in _PROVIDERS
    if name in table:
        return table[name] if is_known or table[name].source else None
    found = read_name(table, name)
    if not is_known or found.name not in table:
        return None
    row = with_notes(table[found.name], found.notes)
    return replace(row, name=name, like=row.base)


def changes(entry: Mapping[str, Any], row: ModelInfo, place: str) -> dict[str, Any]:
    """The fields of a row that an entry states. Raises `ConfigError`."""
    twice = sorted(getattr(entry, "repeated", frozenset()) & {_INPUT, _OUTPUT, *_PRICES})
    if twice:
        raise ConfigError("the key is there twice", option=f"{place}.{twice[0]}", hint="leave one of them out")
    prices = {field: _price(entry, key, place) for key, field in _PRICES.items() if entry.get(key) is not None}
    tiers = sorted(tier[1] for key in entry if (tier := _TIER.fullmatch(key)))
    notes = [note for note in map(_HIGHER.format, tiers) if note not in row.note]
    stated = {**_window(_tokens(entry, _INPUT, place), _tokens(entry, _OUTPUT, place), row), **prices}
    return {**stated, "note": "; ".join(filter(None, [row.note, *notes]))} if notes else stated


def _window(max_input: int | None, max_output: int | None, row: ModelInfo) -> dict[str, int | None]:
    """Which of its two meanings max input has: the one that agrees with the row, else the cautious one."""
    window, limit = max_input, None  # max input is the whole window
    if max_input is None:
        window, limit = row.context_window, row.max_input
    elif max_input == row.max_input:
        window, limit = (max_input + max_output if max_output else row.context_window), max_input
    elif max_output and (max_input + max_output == row.context_window or max_output > max_input):
        window, limit = max_input + max_output, max_input
    elif max_input == row.context_window:
        limit = row.max_input
    inherited = None if window and row.max_output and row.max_output > window else row.max_output
    return {"context_window": window, "max_input": limit, "max_output": max_output or inherited}


def _tokens(entry: Mapping[str, Any], key: str, place: str) -> int | None:
    """A number of tokens; null and 0 stand for one that is not stated."""
    value = entry.get(key)
    if value is None or value == 0:
        return None
    is_whole = type(value) is int or (isinstance(value, float) and value.is_integer())
    if not is_whole or not 0 < value <= MOST_TOKENS:
        raise ConfigError(f"found {printed(value)}, expected a number of tokens", option=f"{place}.{key}")
    return int(value)


def _price(entry: Mapping[str, Any], key: str, place: str) -> float:
    """Dollars for 1,000,000 tokens: what the file states for one, times 1,000,000 without an error of rounding."""
    value = entry[key]
    if type(value) in (int, float) and is_price(value):
        price = float(_EXACTLY.scaleb(Decimal(str(value)), 6))
        if is_price(price):
            return price
    raise ConfigError(f"found {printed(value)}, expected dollars for a token from 0 on", option=f"{place}.{key}")
