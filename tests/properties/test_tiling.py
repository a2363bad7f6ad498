"""Invariant: the segments of a prompt tile it, whether it was read or compiled, and both ways give the same ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given
from strategies import Messages, catches, conversations, fitted, options, soups

from chatml import Prompt, RenderError, Segment, SegmentKind, render
from chatml.dialects import DIALECTS, Dialect


def check_tiling(segments: Iterable[Segment], text: str) -> None:
    position = 0
    for segment in segments:
        assert segment.text, "a segment is empty"
        assert segment.start == position
        position += len(segment.text)
    assert "".join(segment.text for segment in segments) == text


def check_owners(prompt: Prompt) -> None:
    """Segments of one message stand together, in the order of messages; each message has a start or a content."""
    owners = [segment.message for segment in prompt.segments if segment.message is not None]
    assert owners == sorted(owners)
    assert set(owners) <= set(range(len(prompt.messages)))
    for index, message in enumerate(prompt.messages):
        mine = [segment for segment in prompt.segments if segment.message == index]
        content = [segment.text for segment in mine if segment.kind is SegmentKind.CONTENT]
        assert len(content) == (1 if message.content else 0)
        assert "".join(content) == message.content


def compiled(messages: Messages, dialect: Dialect, given_options: dict[str, Any]) -> Prompt | None:
    """The prompt, or None: what an option asks for need not exist."""
    try:
        return Prompt.from_messages(fitted(messages, dialect), dialect=dialect, **given_options)
    except RenderError:
        return None


@given(soups)
def test_segments_tile_any_text(text: str) -> None:
    for dialect in DIALECTS:
        check_tiling(Prompt.from_text(text, dialect=dialect).segments, text)


@given(conversations, options)
def test_segments_tile_compiled_messages(messages: Messages, given_options: dict[str, Any]) -> None:
    for dialect in DIALECTS:
        prompt = compiled(messages, dialect, given_options)
        if prompt is not None:
            check_tiling(prompt.segments, "".join(segment.text for segment in prompt.segments))
            check_owners(prompt)


@given(conversations, options)
def test_reading_gives_the_segments_that_were_compiled(messages: Messages, given_options: dict[str, Any]) -> None:
    for dialect in DIALECTS:
        prompt = compiled(messages, dialect, given_options)
        if prompt is None:
            continue
        text = render(fitted(messages, dialect), dialect=dialect, **given_options)
        if text == "".join(segment.text for segment in prompt.segments):  # nothing was escaped
            assert Prompt.from_text(text, dialect=dialect).segments == prompt.segments


def without_last_newline(text: str) -> tuple[Segment, ...]:
    segments = Prompt.from_text(text).segments
    lost = segments and segments[-1].kind is SegmentKind.SEPARATOR
    return segments[:-1] if lost else segments


def with_empty_contents(text: str) -> list[Segment]:
    empty = Segment(SegmentKind.CONTENT, "", 0, 0, False)
    out: list[Segment] = []
    for segment in Prompt.from_text(text).segments:
        out += [segment, empty._replace(start=segment.start + len(segment.text))]
    return out


def with_offsets_in_bytes(text: str) -> list[Segment]:
    out, position = [], 0
    for segment in Prompt.from_text(text).segments:
        out.append(segment._replace(start=position))
        position += len(segment.text.encode("utf-8", "surrogatepass"))
    return out


def test_broken_readers_are_caught() -> None:
    for broken in (without_last_newline, with_empty_contents, with_offsets_in_bytes):
        assert catches(lambda text, broken=broken: check_tiling(broken(text), text), soups), broken.__name__
