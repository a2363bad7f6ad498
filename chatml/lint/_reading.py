"""Which dialect a raw prompt is read in, where nobody says."""

from __future__ import annotations

import re

from chatml._detect import detect_dialect
from chatml._prompt import Prompt
from chatml.dialects import DIALECTS, Dialect, get_dialect
from chatml.lint._settings import DEFAULT_DIALECT

_MARKED_HEADER = re.compile(r"<\|im_start\|>\w+<\|im_sep\|>")
_DEFAULT_SYSTEMS = frozenset(dialect.default_system for dialect in DIALECTS)
_MOST_PLAIN = 65_536  # characters; of longer texts detection sees but a sample


def read_prompt(text: str, dialect: str | None) -> Prompt:
    """Read a raw prompt in `dialect`, where it is asked for, else in the one that it is written in."""
    if dialect is not None:
        return Prompt.from_text(text, dialect=get_dialect(dialect))
    return plain_prompt(text) or Prompt.from_text(text, dialect=detected(text))


def plain_prompt(text: str) -> Prompt | None:
    """A prompt in which only the most common dialect can be seen, as it is in most files; None for all others.

    It is what detection comes to, which has to read a text in every dialect.
    """
    if len(text) > _MOST_PLAIN:
        return None
    prompt = Prompt.from_text(text, dialect=get_dialect(DEFAULT_DIALECT))
    if prompt.diagnostics or not prompt.messages or prompt.messages[0].text in _DEFAULT_SYSTEMS:
        return None
    ends_in_newlines = all(message.text.endswith("\n") for message in prompt.messages)
    return None if ends_in_newlines else prompt


def detected(text: str) -> Dialect:
    fits = detect_dialect(text)
    return get_dialect(fits[0].name if fits else _likeliest(text))


def _likeliest(text: str) -> str:
    """The dialect of a prompt that none reads without an error."""
    start = text.find("<|im_start|>")
    if start < 0 and "<|start|>" in text:
        return "openai-harmony"
    return "openai-im-sep" if start >= 0 and _MARKED_HEADER.match(text, start) else DEFAULT_DIALECT
