"""A prompt is a flat row of segments; strings, messages, ids, counts and reports are folds over it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class SegmentKind(StrEnum):
    """What a piece of a prompt is."""

    BOS = "bos"  # the token before everything
    START = "start"  # the marker that opens a turn
    ROLE = "role"
    NAME = "name"  # the name with what joins it to the role, such as " name=bob"
    CHANNEL = "channel"  # what a dialect puts between role and header end, such as a channel
    HEADER_END = "header_end"
    CONTENT = "content"
    TRUSTED = "trusted"  # content whose special tokens are meant
    REASONING = "reasoning"
    TOOL_CALL = "tool_call"
    END = "end"  # the marker that closes a turn
    SEPARATOR = "separator"  # white space that belongs to the frame
    EOS = "eos"  # the token after everything
    STRAY = "stray"  # belongs to no turn, or a marker where none can be


class Segment(NamedTuple):
    """A piece of a prompt. Segments tile it: each starts where the one before it ends, and none is empty.

    `text` is the piece as it stands on the wire, `start` its offset in characters, `message` the index of the message
    it belongs to (None: to none, as a generation prompt), `special` whether it is a marker that becomes an id.
    """

    kind: SegmentKind
    text: str
    start: int
    message: int | None
    special: bool
