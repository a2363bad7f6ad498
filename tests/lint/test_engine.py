"""From text to diagnostics: places, faults of rules, comments that suppress, and texts of all kinds."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lint_samples import CLOSED, OPEN, STRUCTURE, row
from strategies import catches, soups

from chatml import ChatMLError, ConfigError, render
from chatml.dialects import DIALECTS, Dialect
from chatml.lint import LintDiagnostic, Settings, _reading, lint_text, lint_texts
from chatml.lint._engine import Block, analyze, judge
from chatml.lint._rule import Change, Context, DatasetRule, Fact, Finding, Fix, Rule, Value
from chatml.lint._suppress import find_comments

PATHS = ("p.chatml", "p.json", "p.jsonl", "p.txt", "p.prompty", "p.prompt", "p.prompt.yml", "p.jinja", "Modelfile", "p")
PARTS = [
    '{"messages": [', '{"role": "user", "content": "hi"}', ", ", "]}", "\n", '{"conversations": [{"from": "human", ',
    '"value": "x"}]}', "---\n", "name: x\n", "system:\n", "{{ x }}", "{% for m in messages %}", "{% endfor %}",
    "# chatml: ignore[CML001]\n", "{# chatml: ignore[ALL] #}", '{{role "user"}}', "\r\n", '"tool_calls": [{"id": "a", ',
    '"\\ud800"', "\ufeff", "\x00", "<tools>", "TEMPLATE \"\"\"", "- role: user\n  content: |\n    hi\n", "messages:\n",
]  # fmt: skip
files = st.one_of(soups, st.lists(st.one_of(st.sampled_from(PARTS), soups), max_size=8).map("".join))
paths = st.sampled_from(PATHS)


def is_in(one: LintDiagnostic, text: str) -> bool:
    """Whether the span of a finding lies in a text, and its lines and columns say the same."""
    text = text.removeprefix("\ufeff")
    lines = text.split("\n")
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    if one.start == one.end == 0 and one.line > 1:  # a dataset rule, which knows lines only
        return one.line <= len(lines)
    spans = starts[one.line - 1] + one.column - 1, starts[one.end_line - 1] + one.end_column - 1
    return 0 <= one.start <= one.end <= len(text) and spans == (one.start, one.end)


@given(files, paths)
def test_no_text_makes_it_fail(text: str, path: str) -> None:
    for one in lint_text(text, path=path):
        assert is_in(one, text), one
        assert "internal error" not in one.message


@given(files, paths)
def test_all_rules_at_once(text: str, path: str) -> None:
    for one in lint_text(text, path=path, settings=Settings(select=("ALL",), model="gpt-4o")):
        assert is_in(one, text), one
        assert "internal error" not in one.message


def test_a_place_outside_is_caught() -> None:
    (found,) = lint_text(OPEN, settings=STRUCTURE)
    assert is_in(found, OPEN)
    assert not is_in(found._replace(column=2), OPEN)
    assert not is_in(found._replace(end=99), OPEN)


def test_arguments_are_checked() -> None:
    with pytest.raises(ConfigError) as caught:
        lint_text(b"hi")  # type: ignore[arg-type]  # the point
    assert str(caught.value) == "text: found bytes, expected str; decode bytes first"


class Words(Rule):
    """Marks a word in every message, and can replace it."""

    code, name = "TST001", "words"

    def check(self, context: Context) -> Iterator[Finding]:
        for turn in context.turns:
            start = turn.text.find("bad")
            if start >= 0:
                place = Value(turn.texts[0][0], start, start + 3)
                yield Finding("found bad", place, Fix("Mend it", (Change(place, "good"),)))


class Broken(Rule):
    """Fails."""

    code, name = "TST002", "broken"

    def check(self, context: Context) -> Iterator[Finding]:
        yield Finding("before", Value())
        raise KeyError(context.path)


class Same(DatasetRule):
    """Finds conversations that begin alike."""

    code, name = "TST003", "same"

    def fact(self, context: Context) -> str | None:
        return context.turns[0].text if context.turns else None

    def judge(self, facts):  # type: ignore[no-untyped-def]  # a sketch
        seen: dict[object, Fact] = {}
        for fact in facts:
            if fact.fact in seen:
                yield fact, Finding(f"as in {seen[fact.fact].path}:{seen[fact.fact].line}")
            seen.setdefault(fact.fact, fact)


def test_places_in_json_are_those_of_the_file() -> None:
    text = '{\n "messages": [{"role": "user", "content": "a \\n bad"}]}'
    (found,) = analyze(Block(text), path="x.json", settings=Settings(), rules=[Words()]).diagnostics
    assert text[found.start : found.end] == "bad"
    assert (found.line, found.column, found.pointer) == (2, text.index("bad") - 1, "/messages/0/content")
    assert found.fix is not None
    assert [tuple(edit) for edit in found.fix.edits] == [(found.start, found.end, "good")]


def test_a_block_has_the_places_of_its_file() -> None:
    """A block of lines is checked as the whole is, wherever it stands."""
    first, second = row("fine"), row("bad é 😀") + row("bad")
    whole = analyze(Block(first + second), path="x.jsonl", settings=Settings(), rules=[Words()])
    block = Block(second, 2, len(first), form="jsonl")
    part = analyze(block, path="x.jsonl", settings=Settings(), rules=[Words()])
    assert part.diagnostics == whole.diagnostics
    assert len(part.diagnostics) == 4
    assert (first + second)[part.diagnostics[0].start :].startswith("bad \\u00e9")
    moved = analyze(block._replace(base=7), path="x.jsonl", settings=Settings(), rules=[Words()])
    assert moved.diagnostics != whole.diagnostics


def test_a_fault_in_a_rule_is_a_finding_and_no_clean_file() -> None:
    found = analyze(Block(CLOSED), path="x.chatml", settings=Settings(), rules=[Broken(), Words()])
    assert [one.message for one in found.diagnostics] == ["before", "internal error: KeyError: 'x.chatml'"]
    assert found.diagnostics[1].help == "please report this"
    assert not found.is_readable


def test_facts_are_judged_across_files() -> None:
    facts: dict[str, list[Fact]] = {}
    for path in ("a.jsonl", "b.jsonl"):
        analysis = analyze(Block(row("x") + row("x")), path=path, settings=Settings(), rules=[Same()])
        facts.setdefault("TST003", []).extend(analysis.facts["TST003"])
    assert [(one.path, one.line, one.message) for one in judge([Same()], facts)] == [
        ("a.jsonl", 2, "as in a.jsonl:1"),
        ("b.jsonl", 1, "as in a.jsonl:1"),
        ("b.jsonl", 2, "as in a.jsonl:1"),
    ]


def test_files_are_in_their_order() -> None:
    found = lint_texts([("b.chatml", OPEN), ("a.chatml", OPEN), ("c.chatml", CLOSED)], settings=STRUCTURE)
    assert [one.path for one in found] == ["b.chatml", "a.chatml"]


@pytest.mark.parametrize(
    ("path", "text", "code", "line"),
    [
        ("a.json", '{"messages": [', "SYN002", 1),
        ("a.json", " \n ", "SYN002", 1),
        ("a.json", '{"name": "x"}', "DAT002", 1),
        ("a.jsonl", row() + '{"messages": [\n' + row(), "DAT001", 2),
        ("a.jsonl", row() + "\n" + '{"name": 1}\n', "DAT002", 3),
    ],
)
def test_what_cannot_be_read_is_a_finding(path: str, text: str, code: str, line: int) -> None:
    assert [(one.code, one.line) for one in lint_text(text, path=path, settings=STRUCTURE)] == [(code, line)]
    assert not lint_text(text, path=path, settings=Settings(select=("CML001",), ignore=(code,)))
    per_file = Settings(select=("CML001",), per_file_ignores={"a.*": (code,)})
    assert not lint_text(text, path=path, settings=per_file)
    is_readable = analyze(Block(text), path=path, settings=STRUCTURE).is_readable
    assert is_readable == (code == "DAT002")


class TestComments:
    """`chatml: ignore[...]` in formats that have comments."""

    @staticmethod
    def spans(text: str, path: str = "x.prompt.yml") -> list[tuple[tuple[str, ...], int, int]]:
        return [(one.codes, one.first, one.last) for one in find_comments(text, path, is_template=False)]

    def test_a_line_of_its_own_speaks_of_the_next_entry(self) -> None:
        text = "messages:\n  # chatml: ignore[TXT001, TLC]\n  - role: user\n    content: x\n\n  - role: system\n"
        assert self.spans(text) == [(("TXT001", "TLC"), 3, 4)]

    def test_behind_an_entry_it_speaks_of_that_entry(self) -> None:
        text = "a: 1\ncontent: | # chatml: ignore[TXT001]\n  one\n\n  two\nb: 2\n"
        assert self.spans(text) == [(("TXT001",), 2, 5)]

    def test_text_of_a_block_is_no_comment(self) -> None:
        assert not self.spans("content: |\n  one\n  # chatml: ignore[TXT001]\n\n  # chatml: ignore[TXT002]\n")
        assert not self.spans("- >-\n  # chatml: ignore[TXT001]\n")
        assert not self.spans("a: 'x'# chatml: ignore[TXT001]\n")
        assert self.spans("content: a | b\n# chatml: ignore[TXT001]\nx: y\n") == [(("TXT001",), 3, 3)]

    def test_the_file(self) -> None:
        assert self.spans("# chatml: ignore-file[TXT001]\na: b\n") == [(("TXT001",), 1, 10**9)]

    def test_front_matter(self) -> None:
        text = "---\nname: x # chatml: ignore[TXT001]\n---\n# chatml: ignore[TXT002]\n"
        assert self.spans(text, "x.prompty") == [(("TXT001",), 2, 2)]

    def test_templates(self) -> None:
        text = "{# chatml: ignore[TPL002] #}\n{{ x }} {#- chatml: ignore[TPL001] -#}\n{{! chatml: ignore[TPL003] }}"
        assert self.spans(text, "x.jinja") == [(("TPL002",), 1, 2), (("TPL001",), 2, 2), (("TPL003",), 3, 4)]

    @pytest.mark.parametrize("path", ["x.chatml", "x.json", "x.jsonl", "x.txt"])
    def test_where_it_would_be_text_it_is_text(self, path: str) -> None:
        assert not self.spans("{# chatml: ignore[CML001] #}\n# chatml: ignore[CML001]\n", path)

    def test_findings_are_left_out(self) -> None:
        settings = Settings(select=("CML001", "SUP001"))
        assert [one.code for one in lint_text(OPEN, path="x.jinja", settings=settings)] == ["CML001"]
        assert not lint_text("{# chatml: ignore[CML001] #}\n" + OPEN, path="x.jinja", settings=settings)
        assert not lint_text(
            "{# chatml: ignore-file[unclosed-message] #}\n\n" + OPEN, path="x.jinja", settings=settings
        )

    @pytest.mark.parametrize(
        ("codes", "messages"),
        [
            ("[CML001]", ["CML001 has nothing to ignore here"]),
            ("[CML001, XYZ001]", ["CML001 has nothing to ignore here", "XYZ001 names no rule"]),
            ("[TLC001]", []),
            ("", ["the comment names no rule; write codes, as in ignore[TXT001]"]),
        ],
    )
    def test_what_is_not_needed_is_reported(self, codes: str, messages: list[str]) -> None:
        text = f"{{# chatml: ignore{codes} #}}\n{CLOSED}"
        found = lint_text(text, path="x.jinja", settings=Settings(select=("CML001", "SUP001")))
        assert sorted(one.message for one in found) == messages
        assert {text[one.start : one.end] for one in found} <= {f"{{# chatml: ignore{codes} #}}"}
        has_fix = [one.fix is not None for one in found]
        assert has_fix == [bool(codes)] * len(found)
        assert not lint_text(text, path="x.jinja", settings=STRUCTURE)


def test_a_wrong_line_is_caught() -> None:
    """The negative control of the property that places lie in the file."""
    text = json.dumps([{"role": "user", "content": "bad"}])
    analysis = analyze(Block(text, line=5), path="x.json", settings=Settings(), rules=[Words()])
    assert not is_in(analysis.diagnostics[0], text + "\n" * 9)


ROLES = ("system", "user", "assistant", "tool")
TEXTS = ("hi", "hi\n", "", " x ", "You are a helpful assistant.", *(one.default_system or "a" for one in DIALECTS))
chats = st.lists(st.tuples(st.sampled_from(ROLES), st.sampled_from(TEXTS)), min_size=1, max_size=4)


@given(chats, st.sampled_from(DIALECTS), st.booleans())
def test_the_quick_look_at_a_prompt_is_what_detection_says(
    chat: list[tuple[str, str]], dialect: Dialect, is_asked: bool
) -> None:
    messages = [{"role": role, "content": content} for role, content in chat]
    try:
        text = render(messages, dialect=dialect, add_generation_prompt=is_asked, lossy=True)
    except ChatMLError:
        return
    found = _reading.plain_prompt(text)
    assert found is None or found.dialect == _reading.detected(text)


@given(soups)
def test_the_quick_look_at_any_text_is_what_detection_says(text: str) -> None:
    found = _reading.plain_prompt(text)
    assert found is None or found.dialect == _reading.detected(text)


def test_the_quick_look_sees_what_most_files_are() -> None:
    assert _reading.plain_prompt(CLOSED) is not None
    assert _reading.plain_prompt(CLOSED.replace("user\n", "user \n")) is None


def test_the_property_catches_a_shifted_span() -> None:
    def check(text: str) -> None:
        found = lint_text(text, settings=STRUCTURE)
        assert all(is_in(one._replace(start=one.start + 1), text) for one in found)

    assert catches(check, files)
