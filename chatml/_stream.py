"""Parsing while the text arrives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatml._diagnostics import Diagnostic
from chatml._errors import ConfigError
from chatml._messages import Message
from chatml._parse import Machine, feed_text, to_diagnostics
from chatml._render import Ending, read_template_kwargs
from chatml._segments import Segment
from chatml._spans import LineIndex
from chatml.dialects import Dialect, get_dialect


class StreamParser:
    """Reads a prompt piece by piece.

    `feed` and `close` return events: `Segment` values, of which adjacent ones of the same kind and message are deltas
    of one text. Joined, they are the segments of `Prompt.from_text` for the whole text, however it was cut. What may
    still turn out to be a marker, a header or white space of the frame is held back. `messages` and `ending` are
    complete after `close`. A malformed text never raises; `diagnostics` lists its problems, but for `partly-escaped`,
    which needs a whole message.
    """

    def __init__(self, *, dialect: str | Dialect = "chatml", template_kwargs: Mapping[str, Any] | None = None) -> None:
        found = get_dialect(dialect)
        options = read_template_kwargs(template_kwargs, found)
        self._machine = Machine(found, options.get("bos_token", ""), options.get("eos_token", ""))
        self._buffer = ""
        self._lines = LineIndex()
        self._open = True

    @property
    def dialect(self) -> Dialect:
        """The dialect that is read."""
        return self._machine.dialect

    @property
    def messages(self) -> tuple[Message, ...]:
        """The messages closed so far, content as it stands: escapes are not taken off."""
        return tuple(self._machine.messages)

    @property
    def ending(self) -> Ending:
        """How the text ends: "closed", "generation_prompt", or "open"; known after `close`."""
        return self._machine.ending

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """The problems found so far."""
        return to_diagnostics(self._machine.problems, self._lines)

    def feed(self, chunk: str) -> list[Segment]:
        """Read the next piece of text, of any length, and return the events that it makes certain."""
        self._check(chunk)
        self._lines.extend(chunk)
        text = self._buffer + chunk
        self._buffer = text[feed_text(self._machine, text, 0, more=True) :]
        return self._taken()

    def close(self) -> list[Segment]:
        """End the text and return the last events. Then nothing more can be fed."""
        self._check("")
        self._open = False
        feed_text(self._machine, self._buffer, 0)
        self._machine.close()
        return self._taken()

    def _check(self, chunk: str) -> None:
        if not self._open:
            raise ConfigError("the stream is closed", option="StreamParser", hint="make a new one for the next text")
        if not isinstance(chunk, str):
            raise ConfigError(
                f"found {type(chunk).__name__}, expected str", option="StreamParser.feed", hint="decode bytes first"
            )

    def _taken(self) -> list[Segment]:
        events, self._machine.out = self._machine.out, []
        return events
