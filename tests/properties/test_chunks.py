"""Invariant: a text gives the same segments, messages, ending and diagnostics in any chunking as in one piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from strategies import Messages, catches, chunked, conversations, fitted, mutated, options, soups

from chatml import Prompt, RenderError, Segment, StreamParser, render
from chatml._grammar import Grammar
from chatml.dialects import DIALECTS, Dialect


def joined(events: Iterable[Segment]) -> list[Segment]:
    """Adjacent deltas of one text as one segment: the plain way, one pair after the other."""
    out: list[Segment] = []
    for event in events:
        before = out[-1] if out else None
        if (
            before
            and before.kind is event.kind
            and before.message == event.message
            and not (before.special or event.special)
        ):
            out[-1] = before._replace(text=before.text + event.text)
        else:
            out.append(event)
    return out


def check_stream(text: str, chunks: Sequence[str], dialect: Dialect, parser: Callable[..., Any] = StreamParser) -> None:
    whole = Prompt.from_text(text, dialect=dialect)
    stream = parser(dialect=dialect)
    events: list[Segment] = []
    for chunk in chunks:
        events += stream.feed(chunk)
    events += stream.close()
    assert joined(events) == list(whole.segments)
    assert stream.messages == whole.messages
    assert stream.ending == whole.ending
    own = [found for found in whole.diagnostics if found.code != "partly-escaped"]  # of whole contents, not of deltas
    assert list(stream.diagnostics) == own


@st.composite
def rendered(draw: st.DrawFn) -> tuple[Dialect, str]:
    dialect = draw(st.sampled_from(DIALECTS))
    try:
        return dialect, render(fitted(draw(conversations), dialect), dialect=dialect, **draw(options))
    except RenderError:
        return dialect, ""


@given(st.data(), soups)
def test_any_text_in_any_chunking(data: st.DataObject, text: str) -> None:
    chunks = data.draw(chunked(text))
    for dialect in DIALECTS:
        check_stream(text, chunks, dialect)


@given(soups)
def test_any_text_one_character_at_a_time(text: str) -> None:
    for dialect in DIALECTS:
        check_stream(text, list(text), dialect)


@given(st.data(), rendered())
def test_rendered_text_in_any_chunking(data: st.DataObject, made: tuple[Dialect, str]) -> None:
    dialect, text = made
    check_stream(text, data.draw(chunked(text)), dialect)
    check_stream(text, list(text), dialect)


@given(st.data(), rendered())
def test_mutated_text_in_any_chunking(data: st.DataObject, made: tuple[Dialect, str]) -> None:
    dialect, text = made
    changed = data.draw(mutated(text))
    chunks = data.draw(chunked(changed))
    for reader in DIALECTS:
        check_stream(changed, chunks, reader)
    check_stream(changed, list(changed), dialect)


@given(st.data(), conversations)
def test_unescaped_content_in_any_chunking(data: st.DataObject, messages: Messages) -> None:
    dialect = data.draw(st.sampled_from(DIALECTS))
    prompt = Prompt.from_messages(fitted(messages, dialect), dialect=dialect, add_generation_prompt=True)
    text = "".join(segment.text for segment in prompt.segments)
    check_stream(text, data.draw(chunked(text)), dialect)
    check_stream(text, list(text), dialect)


class HoldsNothingBack(StreamParser):
    most = 0

    def __init__(self, *, dialect: Dialect) -> None:
        super().__init__(dialect=dialect)
        grammar = Grammar(dialect)
        right = grammar.held_back
        grammar.held_back = lambda text, start: min(right(text, start), self.most)  # type: ignore[method-assign]
        self._machine.grammar = grammar


class HoldsTooLittleBack(HoldsNothingBack):
    most = 4


class LosesTheEnd(StreamParser):
    def close(self) -> list[Segment]:
        self._buffer = ""
        return super().close()


class ReportsInDeltas(StreamParser):
    @property
    def diagnostics(self) -> Any:
        return [*super().diagnostics, *super().diagnostics[:1]]


def test_broken_streams_are_caught() -> None:
    for broken in (HoldsNothingBack, HoldsTooLittleBack, LosesTheEnd, ReportsInDeltas):
        assert catches(lambda text, broken=broken: check_stream(text, list(text), DIALECTS[0], broken), soups), broken
