"""What tokens cost. Invariant: exact, or None where a price that is needed is not known."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatml._errors import ConfigError
from chatml.models import cost, get_model

PRICED_INFO = replace(get_model("gpt-4o"), input_price=2.5, cached_input_price=1.25, output_price=10)


@pytest.mark.parametrize(
    ("changes", "tokens", "dollars"),
    [
        ({}, {"input_tokens": 0}, "0"),
        ({}, {"input_tokens": 4_000_000}, "10"),
        ({}, {"input_tokens": 1}, "0.0000025"),
        ({}, {"input_tokens": 1_200, "output_tokens": 100, "cached": 1_000}, "0.00275"),
        ({}, {"input_tokens": 10, "cached": 10}, "0.0000125"),
        ({"cached_input_price": None}, {"input_tokens": 10, "cached": 10}, "0.000025"),
        ({"cached_input_price": 0.0}, {"input_tokens": 10, "cached": 10}, "0"),
        ({"output_price": None}, {"input_tokens": 2}, "0.000005"),
        ({"output_price": None}, {"input_tokens": 2, "output_tokens": 1}, None),
        ({"input_price": None}, {"input_tokens": 2}, None),
        ({"input_price": None}, {"input_tokens": 0}, None),
        ({"input_price": None}, {"input_tokens": 5, "cached": 5}, None),
        ({"input_price": 0.1}, {"input_tokens": 3}, "3E-7"),
        ({"input_price": 1e308}, {"input_tokens": 10**15}, f"1{'0' * 317}"),
        ({"input_price": 5e-324}, {"input_tokens": 3}, "1.5E-329"),
    ],
    ids=range(15),
)
def test_cost(changes: dict[str, Any], tokens: dict[str, int], dollars: str | None) -> None:
    found = cost(replace(PRICED_INFO, **changes), **tokens)
    assert (None if found is None else str(found)) == dollars


EXPECTED = "expected a number of tokens from 0 to"
MOST = f"{EXPECTED} 1,000,000,000,000,000"
TOKEN_COUNTS = st.integers(0, 10**15)


@given(TOKEN_COUNTS, TOKEN_COUNTS, TOKEN_COUNTS, *[st.floats(0, 1e300)] * 3)
def test_cost_is_exact(
    fresh: int, cached: int, output: int, price: float, cached_price: float, output_price: float
) -> None:
    fresh, cached = fresh // 2, cached // 2
    info = replace(PRICED_INFO, input_price=price, cached_input_price=cached_price, output_price=output_price)
    shares = ((fresh, price), (cached, cached_price), (output, output_price))
    expected = sum((tokens * Fraction(str(each)) / 1_000_000 for tokens, each in shares), Fraction())
    found = cost(info, input_tokens=fresh + cached, output_tokens=output, cached=cached)
    assert found is not None
    assert Fraction(found) == expected


def test_floats_would_not_be_exact() -> None:
    assert 3 * 0.1 / 1_000_000 != 3e-7
    assert cost(replace(PRICED_INFO, input_price=0.1), input_tokens=3) == Decimal("3e-7")


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ({"input_tokens": -1}, f"input_tokens: found -1, {MOST}"),
        ({"input_tokens": True}, f"input_tokens: found True, {MOST}"),
        ({"input_tokens": 1, "output_tokens": 1.0}, f"output_tokens: found 1.0, {MOST}"),
        ({"input_tokens": 10**5000}, f"input_tokens: found a number that is too long, {MOST}"),
        ({"input_tokens": 7, "cached": 8}, f"cached: found 8, {EXPECTED} 7"),
    ],
    ids=range(5),
)  # fmt: skip
def test_error_of_tokens(tokens: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        cost(PRICED_INFO, **tokens)
    assert str(caught.value) == text


def test_error_of_a_model() -> None:
    with pytest.raises(ConfigError) as caught:
        cost("gpt-4o", input_tokens=1)  # type: ignore[arg-type]  # that is what is tested
    assert str(caught.value) == "info: found str, expected ModelInfo; see get_model"
