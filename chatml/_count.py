"""Counts as a provider bills them: messages are compiled in the model's wire, and the ids are counted.

Rules and statuses were fitted on recorded usage. `exact`: every recorded case agreed; `fitted`: most did; `estimate`:
the rule is not known, the number is near.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from chatml._measure import Measure, weakest
from chatml._messages import MessageLike, read_messages
from chatml._meter import meter_for
from chatml.dialects import Dialect
from chatml.models import ModelInfo

if TYPE_CHECKING:
    import tiktoken


def count(
    messages: Iterable[MessageLike],
    *,
    model: str | ModelInfo | None = None,
    dialect: str | Dialect | None = None,
    encoding: str | tiktoken.Encoding | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    functions: Sequence[Mapping[str, Any]] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    response_format: Mapping[str, Any] | None = None,
    api: Literal["chat", "responses"] = "chat",
    add_generation_prompt: bool = True,
    lossy: bool = False,
    allow_estimate: bool = False,
) -> int:
    """Count the tokens of a request as the provider bills them, the reply priming included.

    `model` chooses wire and encoding: a name, or a row of a table of your own (`load_models`). With `dialect` it is the
    length of `encode(..., add_generation_prompt=True)` for a prompt that you send yourself: what the dialect cannot
    hold raises `RenderError`, or is left out when `lossy`. `encoding` overrides that of the model or dialect.
    `tool_choice` may also be the legacy `function_call`. `api` is the one that the request goes to, they bill tools
    differently. `add_generation_prompt=False` leaves out the reply priming. What cannot be counted (audio, files,
    built-in tools, images of a model without a rule) raises `CountError`, or counts as next to nothing when
    `allow_estimate`. `measure` gives the same number with its parts and says how far it can be trusted. Raises
    `UnknownModelError`, `RenderError`, `EncodingError`, `CountError` and `ConfigError`.
    """
    meter = meter_for(
        model=model, dialect=dialect, encoding=encoding, tools=tools, functions=functions, tool_choice=tool_choice,
        response_format=response_format, api=api, add_generation_prompt=add_generation_prompt, lossy=lossy,
        allow_estimate=allow_estimate,
    )  # fmt: skip
    return meter.total(read_messages(messages))


def measure(
    messages: Iterable[MessageLike],
    *,
    model: str | ModelInfo | None = None,
    dialect: str | Dialect | None = None,
    encoding: str | tiktoken.Encoding | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    functions: Sequence[Mapping[str, Any]] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    response_format: Mapping[str, Any] | None = None,
    api: Literal["chat", "responses"] = "chat",
    add_generation_prompt: bool = True,
    lossy: bool = False,
    allow_estimate: bool = False,
) -> Measure:
    """Count a request per message and part; the keywords are those of `count`.

    Each number has its status: `exact`, `fitted` with the share of recorded bills that its rule agreed with, or
    `estimate` with the tokens by which it may be off, where that is known.
    """
    meter = meter_for(
        model=model, dialect=dialect, encoding=encoding, tools=tools, functions=functions, tool_choice=tool_choice,
        response_format=response_format, api=api, add_generation_prompt=add_generation_prompt, lossy=lossy,
        allow_estimate=allow_estimate,
    )  # fmt: skip
    given = read_messages(messages)
    counts, parts = meter.report(given)
    target = meter.target
    return Measure(
        total=sum(one.total for one in counts) + sum(part.tokens for part in parts),
        status=weakest([target.status, *(one.status for one in counts), *(part.status for part in parts)]),
        messages=counts,
        parts=tuple(parts),
        model=model.name if isinstance(model, ModelInfo) else model,
        dialect=target.dialect.name,
        encoding=meter.coder.encoding.name,
        window=target.model.context_window if target.model else None,
        max_input=target.model.max_input if target.model else None,
        max_output=target.model.max_output if target.model else None,
    )
