"""What is counted, and whether a request can be: the keywords of `count`, read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from chatml._billing import Request
from chatml._errors import ConfigError, shown
from chatml._measure import Status
from chatml.dialects import Dialect, get_dialect
from chatml.models import ModelInfo, get_model

if TYPE_CHECKING:
    import tiktoken


class Target(NamedTuple):
    """What is counted: a model's wire as it is billed, or a prompt in a dialect that the caller sends as it is."""

    dialect: Dialect
    encoding: str | tiktoken.Encoding
    status: Status
    model: ModelInfo | None
    billed: bool


def target_of(
    model: str | ModelInfo | None, dialect: str | Dialect | None, encoding: str | tiktoken.Encoding | None
) -> Target:
    """What `model`, `dialect` and `encoding` mean together. Raises `ConfigError` and `UnknownModelError`."""
    if model is None and dialect is None:
        raise ConfigError(
            "neither a model nor a dialect is given", option="model", hint="pass model='gpt-4o' or dialect='chatml'"
        )
    info = model if isinstance(model, ModelInfo) else None if model is None else get_model(model)
    if dialect is None and info is not None:
        status = Status(info.status) if _name(encoding) in (None, info.encoding) else Status.ESTIMATE
        return Target(get_dialect(info.dialect), encoding or info.encoding, status, info, billed=True)
    found = get_dialect(dialect or "chatml")
    # our own text: exact, unless it is counted with the stand-in for a vocabulary that is not embedded
    stand_in = not found.own_vocabulary and (encoding is None or _name(encoding) == found.encoding)
    status = Status.ESTIMATE if stand_in else Status.EXACT
    return Target(found, encoding or (info.encoding if info else found.encoding), status, info, billed=False)


def _name(encoding: str | tiktoken.Encoding | None) -> str | None:
    return encoding if encoding is None or isinstance(encoding, str) else str(getattr(encoding, "name", ""))


def check_request(request: Request, api: object, billed: bool) -> None:
    """Raise `ConfigError` unless the request has the types it must have, and nothing that a dialect cannot hold."""
    if api not in ("chat", "responses"):
        raise ConfigError(f"found {shown(api)}, expected 'chat' or 'responses'", option="api")
    for option, value in (("tools", request.tools), ("functions", request.functions)):
        if value is None:
            continue
        if not isinstance(value, Sequence) or not all(isinstance(one, Mapping) for one in value):
            raise ConfigError(f"found {type(value).__name__}, expected a list of mappings", option=option)
    choice, response_format = request.tool_choice, request.response_format
    if choice is not None and not isinstance(choice, (str, Mapping)):
        raise ConfigError(f"found {type(choice).__name__}, expected a string or a mapping", option="tool_choice")
    if response_format is not None and not isinstance(response_format, Mapping):
        raise ConfigError(f"found {type(response_format).__name__}, expected a mapping", option="response_format")
    if not billed and (request.functions or choice or response_format):
        problem = "functions, tool_choice and response_format are counted for a model, not for a dialect"
        raise ConfigError(problem, option="dialect", hint="leave out dialect, or what the dialect cannot hold")
