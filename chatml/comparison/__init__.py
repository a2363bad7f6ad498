"""Two prompts side by side: what changed in messages, words and tokens, and where their common prefix ends."""

from __future__ import annotations

from chatml.comparison._compare import ChangeKind, Comparison, MessageChange, PartChange, compare
from chatml.comparison._prefix import CommonPrefix, PrefixEnd
from chatml.comparison._wording import TextSpan

__all__ = [
    "ChangeKind",
    "CommonPrefix",
    "Comparison",
    "MessageChange",
    "PartChange",
    "PrefixEnd",
    "TextSpan",
    "compare",
]
