"""Vectors: one case a file, and the same case drives writing and reading.

A case has `messages` and `options` (keywords of `render` besides the dialect), and either `error` (all the text of the
`RenderError`) or `text`, which the segments spell. Where content spells a token, `escaped` is what `render` writes.
`parsed` are the messages that are read, where they are other ones than those given; `normal` those that the prompt
holds, where it holds what cannot be read back. `dropped` is what a lossy prompt left out, as `[message, field]`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chatml import Message, Prompt, RenderError, StreamParser, dialect_names, parse, render
from chatml._parse import join_deltas
from chatml.dialects import DIALECTS, get_dialect

FOLDER = Path(__file__).parent / "vectors"
CASES = {path.relative_to(FOLDER).with_suffix("").as_posix(): path for path in sorted(FOLDER.glob("*/*.json"))}


class Case:
    def __init__(self, path: Path) -> None:
        fields = json.loads(path.read_text(encoding="utf-8"))
        self.dialect = get_dialect(path.parent.name)
        self.messages: list[dict[str, Any]] = fields.pop("messages")
        self.options: dict[str, Any] = fields.pop("options", {})
        self.source: str = fields.pop("source")
        self.text: str = fields.pop("text", "")
        self.escaped: str = fields.pop("escaped", self.text)
        self._parsed = fields.pop("parsed", self.messages)
        self._normal = fields.pop("normal", self._parsed)
        self.dropped: list[list[Any]] = fields.pop("dropped", [])
        self.error: str = fields.pop("error", "")
        self.unknown = fields

    @property
    def parsed(self) -> list[Message]:
        return [Message.from_mapping(message) for message in self._parsed]

    @property
    def normal(self) -> list[Message]:
        return [Message.from_mapping(message) for message in self._normal]

    @property
    def template_kwargs(self) -> dict[str, Any]:
        return self.options.get("template_kwargs", {})

    def compile(self) -> Prompt:
        return Prompt.from_messages(self.messages, dialect=self.dialect, **self.options)

    def read(self, text: str) -> Prompt:
        return Prompt.from_text(text, dialect=self.dialect, template_kwargs=self.template_kwargs)


ALL = {name: Case(path) for name, path in CASES.items() if '"error":' not in path.read_text(encoding="utf-8")}
ERRORS = {name: Case(path) for name, path in CASES.items() if name not in ALL}


@pytest.fixture(params=ALL, name="case")
def _case(request: pytest.FixtureRequest) -> Case:
    return ALL[request.param]


def test_every_dialect_has_vectors() -> None:
    assert {name.partition("/")[0] for name in ALL} == set(dialect_names())
    assert {name.partition("/")[0] for name in ERRORS} == set(dialect_names())


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_one(name: str) -> None:
    case = {**ALL, **ERRORS}[name]
    assert not case.unknown
    assert case.source
    assert (name in ERRORS) == bool(case.error)


def test_segments_spell_the_text(case: Case) -> None:
    assert "".join(segment.text for segment in case.compile().segments) == case.text


def test_render_writes_the_text(case: Case) -> None:
    assert render(case.messages, dialect=case.dialect, **case.options) == case.escaped


def test_the_prompt_holds_the_messages_in_normal_form(case: Case) -> None:
    prompt = case.compile()
    assert list(prompt.messages) == case.normal
    assert [[lost.message, lost.field] for lost in prompt.dropped] == case.dropped


def test_parse_reads_them_back(case: Case) -> None:
    assert parse(case.escaped, dialect=case.dialect, template_kwargs=case.template_kwargs) == case.parsed


def test_a_prompt_that_was_read_gives_the_text_back(case: Case) -> None:
    prompt, compiled = case.read(case.escaped), case.compile()
    assert prompt.ending == compiled.ending
    messages = parse(case.escaped, dialect=case.dialect, template_kwargs=case.template_kwargs)
    assert render(messages, dialect=case.dialect, **prompt.options) == case.escaped
    if case.normal == case.parsed:
        assert render(compiled.messages, dialect=case.dialect, **compiled.options) == case.escaped
        assert case.escaped != case.text or prompt.segments == compiled.segments
    if case.escaped == case.text:
        assert prompt.text == compiled.text == case.text


def test_a_canonical_text_has_no_problems(case: Case) -> None:
    harmless = {"open-message", "generation-prompt", "unexpected-bos", "unexpected-eos"}
    found = {problem.code for problem in case.read(case.escaped).diagnostics}
    assert found <= (harmless if case.options else {"open-message"})


def test_one_character_at_a_time(case: Case) -> None:
    stream = StreamParser(dialect=case.dialect, template_kwargs=case.template_kwargs)
    events = [event for character in case.escaped for event in stream.feed(character)]
    events += stream.close()
    whole = case.read(case.escaped)
    assert tuple(join_deltas(events)) == whole.segments
    assert (stream.messages, stream.ending) == (whole.messages, whole.ending)
    assert stream.diagnostics == whole.diagnostics


def test_text_behind_it(case: Case) -> None:
    """Behind a closed prompt it belongs to no message; else it is what the model writes."""
    whole, dialect = case.read(case.escaped), case.dialect
    if whole.ending == "closed":
        longer = case.read(case.escaped + "tail")
        assert longer.messages == whole.messages
        assert [problem.code for problem in longer.diagnostics if problem.severity == "error"] == [
            "text-outside-message"
        ]
        return
    header = f"{dialect.start}assistant{dialect.assistant_channel}{dialect.header_end}"
    missing = header[len(dialect.generation_prompt) :] if case.escaped.endswith(dialect.generation_prompt) else ""
    longer = case.read(case.escaped + missing + "tail")
    if whole.ending == "generation_prompt":
        assert longer.messages == (*whole.messages, Message("assistant", "tail"))
    else:
        *before, last = whole.messages
        assert longer.messages == (*before, Message(last.role, last.text + "tail", last.name))
    assert longer.ending == "open"


def test_a_turn_behind_it(case: Case) -> None:
    whole, dialect = case.read(case.escaped), case.dialect
    if whole.ending == "closed" and not any(segment.kind == "eos" for segment in whole.segments):
        gap = dialect.separator if whole.messages and not dialect.separator_after_last else ""
        turn = f"{dialect.start}user{dialect.header_end}Next{dialect.content_end}{dialect.end}{dialect.separator}"
        longer = case.read(case.escaped + gap + turn)
        assert longer.messages == (*whole.messages, Message("user", "Next"))
        assert not [problem for problem in longer.diagnostics if problem.severity == "error"]


@pytest.mark.parametrize("name", ERRORS)
def test_what_a_dialect_cannot_hold_is_an_error(name: str) -> None:
    case = ERRORS[name]
    for call in (Prompt.from_messages, render):
        with pytest.raises(RenderError) as caught:
            call(case.messages, dialect=case.dialect, **case.options)
        assert str(caught.value) == case.error


def test_the_folders_are_the_dialects() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(dialect.name for dialect in DIALECTS)
