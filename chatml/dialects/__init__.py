"""The dialects on offer. To add one: a constant in a file of its family, a line in `DIALECTS`, and vectors."""

from __future__ import annotations

from chatml._errors import ConfigError, shown
from chatml.dialects._chatml import (
    CHATML,
    CHATML_BOS,
    CHATML_BOS_EOS,
    DBRX,
    HERMES3,
    OPENCODER,
    QWEN1_5,
    QWEN2,
    SMOLLM2,
)
from chatml.dialects._dialect import Dialect, split_channel, token_problem
from chatml.dialects._openai import AZURE, OPENAI, OPENAI_0301, OPENAI_HARMONY, OPENAI_IM_SEP
from chatml.dialects._reply_header import PHI4, YI_CODER

__all__ = ["DIALECTS", "Dialect", "dialect_names", "get_dialect", "split_channel", "token_problem"]

DIALECTS: tuple[Dialect, ...] = (
    CHATML, CHATML_BOS, CHATML_BOS_EOS, OPENAI, AZURE, OPENAI_0301, OPENAI_IM_SEP, OPENAI_HARMONY, PHI4, QWEN1_5,
    QWEN2, SMOLLM2, OPENCODER, HERMES3, YI_CODER, DBRX,
)  # fmt: skip

_BY_NAME = {name: dialect for dialect in DIALECTS for name in (dialect.name, *dialect.aliases)}


def dialect_names() -> tuple[str, ...]:
    """The names of all dialects, without aliases."""
    return tuple(dialect.name for dialect in DIALECTS)


def get_dialect(name: str | Dialect) -> Dialect:
    """Look up a dialect by name or alias; a `Dialect` is returned as it is. An unknown name raises `ConfigError`."""
    if isinstance(name, Dialect):
        return name
    found = _BY_NAME.get(name) if isinstance(name, str) else None
    if found is None:
        raise ConfigError(f"unknown dialect {shown(name)}", option="dialect", hint=_nearest(name))
    return found


def _nearest(name: object) -> str:
    import difflib  # only on the way to an error: it costs 5 ms

    near = difflib.get_close_matches(name[:80], _BY_NAME, n=3, cutoff=0.4) if isinstance(name, str) else []
    return "the nearest are " + ", ".join(near) if near else "known are " + ", ".join(dialect_names())
