"""A plugin for tiktoken: `tiktoken.get_encoding("cl100k_im")` and `("o200k_im")`, without network.

tiktoken imports every module of this namespace package whenever it looks up a name, so nothing is imported before an
encoding is asked for.
"""

from __future__ import annotations

from typing import Any


def cl100k_im() -> dict[str, Any]:
    """Give the arguments of `tiktoken.Encoding` for cl100k_base with ChatML's markers."""
    from chatml.encodings._registry import encoding_arguments

    return encoding_arguments("cl100k_im")


def o200k_im() -> dict[str, Any]:
    """Give the arguments of `tiktoken.Encoding` for o200k_base with ChatML's markers."""
    from chatml.encodings._registry import encoding_arguments

    return encoding_arguments("o200k_im")


ENCODING_CONSTRUCTORS = {"cl100k_im": cl100k_im, "o200k_im": o200k_im}
