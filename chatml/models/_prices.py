"""What tokens cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatml._errors import ConfigError
from chatml.models._info import MOST_TOKENS, ModelInfo, printed

if TYPE_CHECKING:
    from decimal import Decimal

_DIGITS = 1_000  # from the first digit of the largest float to the last of the smallest, and more: nothing is rounded


def cost(info: ModelInfo, *, input_tokens: int, output_tokens: int = 0, cached: int = 0) -> Decimal | None:
    """Return the price of a request in US dollars, exactly; None where a price that is needed is not known.

    `cached` of the input tokens were read from the provider's cache: they have the price for cached input, or without
    one that of other input. Taxes, discounts and steps of the price list are left out. Raises `ConfigError`.

    >>> from chatml.models import get_model
    >>> from dataclasses import replace
    >>> info = replace(get_model("gpt-4o"), input_price=2.5, cached_input_price=1.25, output_price=10)
    >>> str(cost(info, input_tokens=1_200, output_tokens=100, cached=1_000))
    '0.00275'
    """
    if not isinstance(info, ModelInfo):
        raise ConfigError(f"found {type(info).__name__}, expected ModelInfo", option="info", hint="see get_model")
    _check_tokens("input_tokens", input_tokens, MOST_TOKENS)
    _check_tokens("output_tokens", output_tokens, MOST_TOKENS)
    _check_tokens("cached", cached, input_tokens)
    cached_price = info.input_price if info.cached_input_price is None else info.cached_input_price
    shares = ((input_tokens - cached, info.input_price), (cached, cached_price), (output_tokens, info.output_price))
    if info.input_price is None or any(tokens and price is None for tokens, price in shares):
        return None
    return _sum([(tokens, price) for tokens, price in shares if tokens and price])


def _check_tokens(option: str, tokens: object, most: int) -> None:
    if type(tokens) is not int or not 0 <= tokens <= most:
        raise ConfigError(f"found {printed(tokens)}, expected a number of tokens from 0 to {most:,}", option=option)


def _sum(shares: list[tuple[int, float]]) -> Decimal:
    from decimal import Context, Decimal  # a millisecond that looking up a model does not need

    exactly = Context(prec=_DIGITS)
    total = Decimal(0)
    for tokens, price in shares:
        total = exactly.add(total, exactly.multiply(Decimal(tokens), Decimal(str(price))))
    total = exactly.normalize(exactly.scaleb(total, -6))
    is_whole = total == exactly.to_integral_value(total)
    return exactly.quantize(total, Decimal(1)) if is_whole else total  # 10 and not 1E+1
