"""Chat prompts as the model sees them: exact ChatML strings, token ids and counts, and back."""

from __future__ import annotations

from chatml._version import __version__

TYPE_CHECKING = False  # as in typing, which costs 6 ms to import
if TYPE_CHECKING:
    from typing import Any

    from chatml._count import count, measure
    from chatml._detect import Detection, detect_dialect
    from chatml._diagnostics import Diagnostic, Severity
    from chatml._errors import (
        BudgetError,
        ChatMLError,
        ConfigError,
        CountError,
        EncodingError,
        FileError,
        InjectionError,
        ParseError,
        RenderError,
        UnknownModelError,
    )
    from chatml._findings import Finding, FindingKind
    from chatml._format import format_text
    from chatml._measure import Measure, MessageCount, Part, Status
    from chatml._messages import ContentPart, Message, ToolCall
    from chatml._prompt import Prompt, decode, encode, parse
    from chatml._render import Dropped, render
    from chatml._sanitize import Sanitizer, escape, is_escaped, sanitize, sanitize_messages, unescape
    from chatml._scan import scan
    from chatml._segments import Segment, SegmentKind
    from chatml._special import REGISTRY_VERSION
    from chatml._stream import StreamParser
    from chatml._token_sets import special_tokens
    from chatml._trusted import Trusted, trusted
    from chatml._verify import verify_ids
    from chatml.budgets import (
        CacheStable,
        Conversation,
        CutMessage,
        DropOldest,
        DroppedMessage,
        Fitted,
        KeepLast,
        MiddleOut,
        Priority,
        Summarize,
        Truncate,
        fit,
    )
    from chatml.comparison import (
        ChangeKind,
        CommonPrefix,
        Comparison,
        MessageChange,
        PartChange,
        PrefixEnd,
        TextSpan,
        compare,
    )
    from chatml.dialects import Dialect, dialect_names, get_dialect
    from chatml.encodings import encoding_names, get_encoding, load_encoding
    from chatml.models import ModelInfo, ModelTable, get_model, load_models, model_names

__all__ = [
    "REGISTRY_VERSION",
    "BudgetError",
    "CacheStable",
    "ChangeKind",
    "ChatMLError",
    "CommonPrefix",
    "Comparison",
    "ConfigError",
    "ContentPart",
    "Conversation",
    "CountError",
    "CutMessage",
    "Detection",
    "Diagnostic",
    "Dialect",
    "DropOldest",
    "Dropped",
    "DroppedMessage",
    "EncodingError",
    "FileError",
    "Finding",
    "FindingKind",
    "Fitted",
    "InjectionError",
    "KeepLast",
    "Measure",
    "Message",
    "MessageChange",
    "MessageCount",
    "MiddleOut",
    "ModelInfo",
    "ModelTable",
    "ParseError",
    "Part",
    "PartChange",
    "PrefixEnd",
    "Priority",
    "Prompt",
    "RenderError",
    "Sanitizer",
    "Segment",
    "SegmentKind",
    "Severity",
    "Status",
    "StreamParser",
    "Summarize",
    "TextSpan",
    "ToolCall",
    "Truncate",
    "Trusted",
    "UnknownModelError",
    "__version__",
    "compare",
    "count",
    "decode",
    "detect_dialect",
    "dialect_names",
    "encode",
    "encoding_names",
    "escape",
    "fit",
    "format_text",
    "get_dialect",
    "get_encoding",
    "get_model",
    "is_escaped",
    "load_encoding",
    "load_models",
    "measure",
    "model_names",
    "parse",
    "render",
    "sanitize",
    "sanitize_messages",
    "scan",
    "special_tokens",
    "trusted",
    "unescape",
    "verify_ids",
]

_HOMES = {
    "chatml._count": ("count", "measure"),
    "chatml._detect": ("Detection", "detect_dialect"),
    "chatml._diagnostics": ("Diagnostic", "Severity"),
    "chatml._errors": (
        "BudgetError", "ChatMLError", "ConfigError", "CountError", "EncodingError", "FileError", "InjectionError",
        "ParseError", "RenderError", "UnknownModelError",
    ),
    "chatml._format": ("format_text",),
    "chatml._findings": ("Finding", "FindingKind"),
    "chatml._measure": ("Measure", "MessageCount", "Part", "Status"),
    "chatml._messages": ("ContentPart", "Message", "ToolCall"),
    "chatml._prompt": ("Prompt", "decode", "encode", "parse"),
    "chatml._render": ("Dropped", "render"),
    "chatml._sanitize": ("Sanitizer", "escape", "is_escaped", "sanitize", "sanitize_messages", "unescape"),
    "chatml._scan": ("scan",),
    "chatml._segments": ("Segment", "SegmentKind"),
    "chatml._special": ("REGISTRY_VERSION",),
    "chatml._stream": ("StreamParser",),
    "chatml._token_sets": ("special_tokens",),
    "chatml._trusted": ("Trusted", "trusted"),
    "chatml._verify": ("verify_ids",),
    "chatml.budgets": (
        "CacheStable", "Conversation", "CutMessage", "DropOldest", "DroppedMessage", "Fitted", "KeepLast",
        "MiddleOut", "Priority", "Summarize", "Truncate", "fit",
    ),
    "chatml.comparison": (
        "ChangeKind", "CommonPrefix", "Comparison", "MessageChange", "PartChange", "PrefixEnd", "TextSpan", "compare",
    ),
    "chatml.dialects": ("Dialect", "dialect_names", "get_dialect"),
    "chatml.encodings": ("encoding_names", "get_encoding", "load_encoding"),
    "chatml.models": ("ModelInfo", "ModelTable", "get_model", "load_models", "model_names"),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name from its module when it is first used: importing chatml costs 3 ms, tiktoken alone 22."""
    from importlib import import_module

    if name == "lint":  # a package, with names of its own
        return import_module("chatml.lint")
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'chatml' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return __all__
