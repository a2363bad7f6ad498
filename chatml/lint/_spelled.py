"""What in a text spells a special token, or nearly: functions that contexts hand to rules."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from chatml._escape import escaper_for, tokens_for
from chatml._findings import FindingKind
from chatml._special import TRUSTED_ROLES
from chatml.dialects import Dialect

_NEARLY = frozenset({FindingKind.INVISIBLE, FindingKind.LOOK_ALIKE})


def tokens_in(dialect: Dialect, text: str, role: str | None) -> Iterator[tuple[str, int, int]]:
    """The complete special tokens in content of `role`: each with its start and end. Escaped ones are none."""
    yield from escaper_for(dialect, role).find_all(text)


def lookalikes_in(dialect: Dialect, text: str, role: str | None) -> Iterator[tuple[str, int, int]]:
    """What becomes a token of the form <|name|> when text is normalized, lowered or cleaned: that token, and where."""
    from chatml._scan import scan  # few texts have anything that makes a rule ask

    for one in scan(text, tokens=_frame_like(dialect, role in TRUSTED_ROLES)):
        if one.kind in _NEARLY:
            yield one.token, one.start, one.end


@lru_cache(maxsize=64)
def _frame_like(dialect: Dialect, is_trusted: bool) -> frozenset[str]:
    trusted, untrusted = tokens_for(dialect)
    return frozenset(token for token in (trusted if is_trusted else untrusted) if token.startswith("<|"))


def escaped(dialect: Dialect, text: str, role: str | None) -> str:
    """A text in escaped form."""
    return escaper_for(dialect, role).escape(text)
