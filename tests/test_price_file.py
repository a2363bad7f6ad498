"""Windows and prices from LiteLLM's file, here a miniature of its form with numbers of our own."""

from __future__ import annotations

import decimal
import pickle
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_files import SNAPSHOT, changed, load

from chatml._errors import ConfigError
from chatml.models import cost, get_model, model_names


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def entry(provider: str | None, window: int | None = None, output: int | None = None, **more: Any) -> dict[str, Any]:
    stated = {"litellm_provider": provider, "max_input_tokens": window, "max_output_tokens": output, "mode": "chat"}
    return {key: value for key, value in {**stated, **more}.items() if value is not None}


PRICES: dict[str, Any] = {
    "input_cost_per_token": 1.1e-07,
    "cache_read_input_token_cost": 5.5e-08,
    "output_cost_per_token": 3e-06,
}
SPEC = entry("one of the providers", max_input_tokens="a number", input_cost_per_token=0.0)
MINIATURE = {
    "sample_spec": SPEC,
    "gpt-4o": entry("openai", 128_000, 16_384, max_tokens=16_384, **PRICES),
    "azure/eu/gpt-4o-2024-08-06": entry("azure", 128_000, 16_384, **PRICES),
    "azure/gpt-5.1-chat-2025-11-13": entry("azure", 128_000, 128_000),
    "azure_ai/gpt-5.5": entry("azure_ai", 1_050_000, 128_000, input_cost_per_token_above_272k_tokens=1e-05),
    "azure_ai/grok-3": entry("azure_ai", 131_072, 131_072, **PRICES),
    "openrouter/openai/gpt-4o": entry("openrouter", 127_000, 4_096, **PRICES),
    "o3-pro": entry("openai", 200_000, 100_000, mode="responses"),
    "gpt-4o-transcribe": entry("openai", 16_000, 2_000, mode="audio_transcription"),
    "text-embedding-3-small": entry("openai", 8_191, mode="embedding"),
}


def test_windows_and_prices_of_known_models() -> None:
    table = load(MINIATURE)
    assert sorted(set(table) - set(model_names())) == [
        *("azure/eu/gpt-4o-2024-08-06", "azure/gpt-5.1-chat-2025-11-13", "azure_ai/gpt-5.5"),
    ]
    prices: dict[str, Any] = {"input_price": 0.11, "cached_input_price": 0.055, "output_price": 3.0}
    assert table["gpt-4o"] == replace(get_model("gpt-4o"), source="m", **prices)
    assert table["gpt-4o-mini"] is get_model("gpt-4o-mini")
    regional = table.get_model("azure/eu/gpt-4o-2024-08-06")
    assert regional == changed("azure/eu/gpt-4o-2024-08-06", get_model("gpt-4o-2024-08-06"), **prices)
    chat = table["azure/gpt-5.1-chat-2025-11-13"]
    assert chat == changed(chat.name, get_model(chat.name), like="gpt-5.1-chat-latest", max_output=128_000)
    assert (chat.status, chat.note.endswith(SNAPSHOT)) == ("estimate", True)
    assert table["o3-pro"] == replace(get_model("o3-pro"), source="m")


def test_prices_are_not_those_of_what_is_only_like_it() -> None:
    """A fine-tune costs more than its model, and what an unlisted snapshot costs is not known."""
    table = load(MINIATURE)
    for name in ("ft:gpt-4o:org::id", "gpt-4o-2030-01-31"):
        row = table.get_model(name)
        assert (row.status, row.input_price, row.cached_input_price, row.output_price) == ("fitted", None, None, None)
    assert table.get_model("openai/GPT-4o") is table["gpt-4o"]
    own = load('[models.x]\nlike = "gpt-4o"\n[models.y]\nlike = "ft:x:org::id"\n', over=table)
    assert (own["x"].input_price, own["y"].input_price) == (0.11, None)


def test_higher_prices_of_long_input_are_said() -> None:
    row = load(MINIATURE)["azure_ai/gpt-5.5"]
    note = "input of more than 272k tokens has higher prices, which are not read"
    assert row.note == f"{get_model('gpt-5.5').note}; {note}"
    assert load(MINIATURE, over=load(MINIATURE))["azure_ai/gpt-5.5"] == row, "once"


@pytest.mark.parametrize(
    ("name", "stated", "limits"),
    [
        # what the file says agrees with the table, in one of its two readings
        ("gpt-4o", (128_000, 16_384), (128_000, None, 16_384)),
        ("gpt-5", (272_000, 128_000), (400_000, 272_000, 128_000)),
        ("gpt-5", (400_000, 128_000), (400_000, 272_000, 128_000)),
        ("gpt-5", (272_000, None), (400_000, 272_000, 128_000)),
        ("gpt-5", (272_000, 100_000), (372_000, 272_000, 100_000)),
        ("gpt-5.1-codex", (272_000, 128_000), (400_000, 272_000, 128_000)),
        ("gpt-5-pro", (400_000, 272_000), (400_000, None, 272_000)),
        # it does not: the cautious reading
        ("gpt-4o", (200_000, 16_384), (200_000, None, 16_384)),
        ("gpt-5", (300_000, 128_000), (300_000, None, 128_000)),
        ("gpt-3.5-turbo", (4_097, 4_096), (4_097, None, 4_096)),
        ("chatgpt-4o-latest", (128_000, 4_096), (128_000, None, 4_096)),
        # only one reading is possible
        ("gpt-4", (4_096, 8_192), (12_288, 4_096, 8_192)),
        # what is not stated
        ("gpt-5", (None, None), (400_000, 272_000, 128_000)),
        ("gpt-5", (0, 0), (400_000, 272_000, 128_000)),
        ("gpt-5", (None, 64_000), (400_000, 272_000, 64_000)),
        ("gpt-4o", (8_192, None), (8_192, None, None)),
        ("gpt-4o", (64_000, None), (64_000, None, 16_384)),
    ],
    ids=range(17),
)
def test_two_meanings_of_max_input(
    name: str, stated: tuple[int | None, int | None], limits: tuple[int | None, ...]
) -> None:
    row = load({name: entry("openai", *stated)})[name]
    assert (row.context_window, row.max_input, row.max_output) == limits


def test_an_entry_without_a_provider_is_openais() -> None:
    assert load({"gpt-4o": {"max_tokens": 16_384, "input_cost_per_token": 0}})["gpt-4o"].input_price == 0.0
    assert load({"gpt-4o": {"max_tokens": 1, "max_input_tokens": 1e5}})["gpt-4o"].context_window == 100_000


def test_other_providers_become_rows_by_a_file_of_ones_own() -> None:
    name = "openrouter/openai/gpt-4o"
    prices = load(MINIATURE)
    assert name not in prices
    own: dict[str, Any] = {"models": {name: {"dialect": "openai-im-sep", "encoding": "o200k_im"}}}
    row = load(own, over=prices)[name]
    assert (row.context_window, row.max_output, row.input_price, row.status) == (127_000, 4_096, 0.11, "estimate")
    own = {"models": {name: {"like": "gpt-4o", "input_price": 7, "max_output": 9}}}
    row = load(own, over=prices)[name]
    assert (row.context_window, row.max_output, row.input_price, row.output_price) == (127_000, 9, 7.0, 3.0)
    assert load(own, over=load(own, over=prices))[name] == row, "the table still knows"


def test_a_file_of_ones_own_may_come_first() -> None:
    own = load({"models": {"azure_ai/grok-3": {"like": "gpt-4o"}, "o1": {"max_output": 5}}})
    table = load({**MINIATURE, "o1": entry("elsewhere", **PRICES)}, over=own)
    assert table["azure_ai/grok-3"].input_price == table["o1"].input_price == 0.11
    assert table["o1"].max_output == 5
    assert load({**MINIATURE, "o1": entry("elsewhere", **PRICES)})["o1"] is get_model("o1"), "another o1"


TOKENS = "expected a number of tokens"
PER_TOKEN = "expected dollars for a token from 0 on"
MORE = "more than its context_window of 200000"
NO_ROW = (
    "m: this is a price file of LiteLLM's form, but has no chat model of OpenAI's or Azure's that is known;"
    " state other models in a file of your own: see load_models"
)


def error_of(content: str | Mapping[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        load(content)
    return str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("max_input_tokens", "8k", f"max_input_tokens: found '8k', {TOKENS}"),
        ("max_output_tokens", -1, f"max_output_tokens: found -1, {TOKENS}"),
        ("max_output_tokens", 1.5, f"max_output_tokens: found 1.5, {TOKENS}"),
        ("max_output_tokens", True, f"max_output_tokens: found True, {TOKENS}"),
        ("max_output_tokens", 10**16, f"max_output_tokens: found {10**16}, {TOKENS}"),
        ("max_output_tokens", 300_000, f"max_output: model 'o1' has 300000, {MORE}"),
        ("input_cost_per_token", "1e-6", f"input_cost_per_token: found '1e-6', {PER_TOKEN}"),
        ("input_cost_per_token", False, f"input_cost_per_token: found False, {PER_TOKEN}"),
        ("output_cost_per_token", -1e-6, f"output_cost_per_token: found -1e-06, {PER_TOKEN}"),
        ("output_cost_per_token", 1e308, f"output_cost_per_token: found 1e+308, {PER_TOKEN}"),
        ("output_cost_per_token", 10**400, f"output_cost_per_token: found 1{'0' * 79}..., {PER_TOKEN}"),
        ("cache_read_input_token_cost", [], f"cache_read_input_token_cost: found [], {PER_TOKEN}"),
    ],
    ids=range(12),
)
def test_error_of_an_entry(key: str, value: object, text: str) -> None:
    assert error_of({"o1": {"litellm_provider": "openai", key: value}}) == f"m: 'o1'.{text}"


def test_error_of_a_number_beyond_floats() -> None:
    text = '{"o1": {"max_tokens": 1, "input_cost_per_token": 1e999}}'
    assert error_of(text) == f"m: 'o1'.input_cost_per_token: found inf, {PER_TOKEN}"


def test_error_of_what_is_there_twice() -> None:
    last = "leave one of them out"
    text = '{"o1": {"max_tokens": 1}, "o1": {"max_tokens": 1}}'
    assert error_of(text) == f"m: 'o1': the file has this model twice; {last}"
    text = '{"o1": {"input_cost_per_token": 1, "input_cost_per_token": 2}}'
    assert error_of(text) == f"m: 'o1'.input_cost_per_token: the key is there twice; {last}"


@pytest.mark.parametrize(
    "content",
    [
        {"sample_spec": SPEC},
        {"gpt-4o": entry("openai", mode="batch"), "x": 1, "azure/grok": entry("azure")},
        {"gpt-4o": entry("openai", mode=[])},
    ],
    ids=range(3),
)
def test_error_of_a_file_without_known_models(content: Mapping[str, Any]) -> None:
    assert error_of(content) == NO_ROW


def test_what_is_not_taken_from_a_price_file_may_be_odd() -> None:
    odd = '"gpt-4o": {"max_tokens": "?", "max_tokens": {}, "mode": "chat"}'
    others = '"x": {"litellm_provider": "x"}, "x": {"litellm_provider": "x", "max_input_tokens": "?"}, "y": 5, "": {}'
    assert load(f'{{{odd}, {others}, "\\ud800": {{"max_tokens": 1}}}}')["gpt-4o"].source == "m"


def test_an_odd_entry_is_an_error_once_it_is_taken_up() -> None:
    prices = load({"gpt-4o": entry("openai"), "x/y": entry("x", max_input_tokens="?")})
    with pytest.raises(ConfigError) as caught:
        load('[models."x/y"]\nlike = "gpt-4o"', over=prices)
    assert str(caught.value) == f"m: models['x/y'].max_input_tokens: found '?', {TOKENS}"


@given(st.integers(0, 10**9), st.integers(0, 12))
def test_prices_are_not_rounded(digits: int, exponent: int) -> None:
    """0.11 dollars for a million tokens is written 1.1e-07 for one, and 1.1e-07 * 1e6 is not 0.11."""
    text = f"{digits}e-{exponent + 6}"
    table = load(f'{{"o1": {{"litellm_provider": "openai", "output_cost_per_token": {text}}}}}')
    assert table["o1"].output_price == float(f"{digits}e-{exponent}")


def test_the_context_of_decimal_does_not_matter() -> None:
    with decimal.localcontext(decimal.Context(prec=1, traps=[decimal.Inexact, decimal.Rounded])):
        row = load(MINIATURE)["gpt-4o"]
        assert cost(row, input_tokens=123_456_789) == Decimal("13.58024679")


def test_what_is_kept_aside_is_part_of_the_value() -> None:
    table = load(MINIATURE)
    assert set(table.unwired) == {"azure_ai/grok-3", "openrouter/openai/gpt-4o", "sample_spec"}
    assert pickle.loads(pickle.dumps(table)).unwired == table.unwired
