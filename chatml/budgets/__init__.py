"""Conversations within a budget of tokens: `fit`, the strategies that say what goes, and `Conversation`."""

from __future__ import annotations

from chatml.budgets._budget import fit
from chatml.budgets._conversation import Conversation
from chatml.budgets._dropping import CacheStable, DropOldest, KeepLast, MiddleOut, Priority
from chatml.budgets._fitted import CutMessage, DroppedMessage, Fitted
from chatml.budgets._rewriting import Summarize, Truncate

__all__ = [
    "CacheStable",
    "Conversation",
    "CutMessage",
    "DropOldest",
    "DroppedMessage",
    "Fitted",
    "KeepLast",
    "MiddleOut",
    "Priority",
    "Summarize",
    "Truncate",
    "fit",
]
