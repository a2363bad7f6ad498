"""The parts of the command line that hold for every text: escapes, layout, and the tokens of a prompt."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import chatml
from chatml._visible import first_obeyed, json_visible, visible, visible_lines, without_commands
from chatml._width import cut, width_of
from chatml.cli import main
from chatml.cli._layout import Cell, Column, Flow, table
from chatml.cli._measure import measure_subject
from chatml.cli._subject import Choices, subject_of
from chatml.cli._terminal import Symbols, Terminal
from chatml.dialects import DIALECTS
from chatml.promptfiles import Document

SYMBOLS = Symbols("…", "↵", "█", "░", "▒", "│", "¦", "·", "→", "⍽", "◌")
PLAIN = Terminal(40, False, SYMBOLS)
ANY_TEXT = st.text(st.characters(exclude_categories=()))  # lone surrogates, too
# format characters that are seen: signs before numbers and the like
SEEN = set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
MARKERS = [
    "<|im_start|>",
    "<|im_end|>",
    "<|im_sep|>",
    "<|start|>",
    "<|end|>",
    "<|message|>",
    "<|channel|>final",
    "<s>",
    "</s>",
]
PIECES = st.sampled_from(
    [*MARKERS, "user", "assistant", "system", "tool", "\n", " ", "hi", "<|endoftext|>", "漢", "\\", "|>"]
)


@given(ANY_TEXT)
@example("".join(map(chr, range(0x300))))
def test_visible_text_does_nothing_to_a_terminal(text: str) -> None:
    for character in visible(text):
        assert character in SEEN or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
    assert visible(visible(text)) == visible(text)


def test_every_dangerous_character_is_escaped() -> None:
    kept = [character for character in map(chr, range(0x110000)) if visible(character) == character]
    dangerous = [character for character in kept if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert set(dangerous) <= SEEN
    assert {"\ufe0f", "é", "漢", "😕", "\xa0", "\u3000"} <= set(kept)
    assert visible("\x1b\x7f\x9b\u202e\u200b\ud800\u2028\U000e0041\n\t\r") == (
        r"\x1b\x7f\x9b<U+202E><U+200B><U+D800><U+2028><U+E0041>\n\t\r"
    )
    assert visible_lines("a\n\tb\r\x1b") == "a\n\tb\\r\\x1b"


@given(
    st.recursive(st.none() | ANY_TEXT, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner), max_leaves=5)
)
def test_visible_json_is_the_same_json(value: object) -> None:
    shown = json_visible(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(shown) == value
    assert visible_lines(shown) == shown
    shown.encode()


COMMAND_PIECES = st.sampled_from(
    ["::", ":", "##", "#", "[", "vso[", "VSO[", "teamcity[", "error", " ", "\n", "\t", "\r", "\xa0", "\u2028", "\ufeff"]
)
COMMAND = re.compile(r"^[\s\ufeff]*::|##(?:vso|teamcity)?\[", re.MULTILINE | re.IGNORECASE)


@given(st.lists(COMMAND_PIECES | ANY_TEXT, max_size=12).map("".join), st.sampled_from([None, 2]))
def test_workflow_commands_are_escaped(text: str, indent: int | None) -> None:
    for show in (visible, visible_lines):
        shown = show(text)
        assert not COMMAND.search(shown)
        assert show(shown) == shown
        assert first_obeyed(shown) is None
    value = [text, {text: text}]
    shown = json_visible(json.dumps(value, ensure_ascii=False, indent=indent))
    assert json.loads(shown) == json.loads(json.dumps(value))
    assert not COMMAND.search(shown)
    assert without_commands(shown) == visible_lines(shown) == shown
    assert bool(COMMAND.search(text)) <= bool(first_obeyed(text))


def test_workflow_commands_are_shown_recognisably() -> None:
    assert visible("::error::no ::\n::") == r"\x3a:error::no ::\n::"
    assert visible_lines("a ::\n \u2028\xa0::b\n\t:::c") == "a ::\n <U+2028>\xa0::b\n\t\\x3a::c"
    assert visible(":a\n# [b] # #[c]") == r":a\n# [b] # #[c]"
    assert visible("##[a]###vso[b]# #[c]##d##Vso[") == r"#\x23[a]##\x23vso[b]# #[c]##d#\x23Vso["
    assert json_visible('["##[a]", "::b"]') == r'["#\u0023[a]", "::b"]'
    assert first_obeyed("a\r\n\t# [漢]\ufe0f\u200b\u2028x ::") is None
    blanks = [character for character in map(chr, range(0x110000)) if character.isspace()]
    assert all(first_obeyed(f"a\n{blank}::") for blank in blanks)


@given(st.text(), st.integers(4, 60))
def test_what_is_cut_fits(text: str, room: int) -> None:
    assert width_of(cut(text, room, "…")) <= room
    assert cut(text, room, "…") == text or width_of(text) > room


@pytest.mark.parametrize(("text", "width"), [("abc", 3), ("漢字", 4), ("e\u0301", 1), ("😕", 2), ("", 0), ("ﾊ", 1)])
def test_width(text: str, width: int) -> None:
    assert width_of(text) == width


@given(st.lists(st.tuples(st.text(max_size=50).map(visible), st.text(max_size=9).map(visible)), min_size=1))
def test_columns_are_aligned(rows: list[tuple[str, str]]) -> None:
    columns = (Column("first", gives_way=True), Column("second", right=True))
    cells = [(Cell(f"{left}x"), Cell(f"{right[:3]}|")) for left, right in rows]
    lines = list(table(columns, cells, PLAIN))
    assert len({width_of(line) for line in lines}) == 1
    coloured = list(table(columns, cells, PLAIN._replace(color=True)))
    assert [line.replace("\x1b[2m", "").replace("\x1b[0m", "") for line in coloured] == lines


@given(st.lists(st.text(max_size=200).map(visible)), st.sampled_from(["  ", "      │ "]))
def test_flow_loses_nothing(texts: list[str], margin: str) -> None:
    flow = Flow(PLAIN)
    flow.begin(margin, margin)
    for text in texts:
        flow.add(text)
    lines = flow.lines()
    assert all(width_of(line) <= PLAIN.width for line in lines)
    assert "".join(line[len(margin) :] for line in lines).replace(" ", "") == "".join(texts).replace(" ", "")


@settings(deadline=None)
@given(st.lists(PIECES, max_size=12).map("".join), st.sampled_from(DIALECTS))
@example("<|im_start|>user\n\n\nhi<|im_end|>\n\n<|im_start|>assistant", chatml.get_dialect("chatml"))
def test_tokens_of_a_text_add_up(text: str, dialect: chatml.Dialect) -> None:
    """The total is the number of ids, and messages and parts are the total."""
    subject = subject_of(
        Document("chatml", text=text),
        Choices(dialect, None, "o200k_harmony" if "harmony" in dialect.name else "cl100k_im"),
    )
    assert subject.text is not None
    measure = measure_subject(subject)
    assert measure.total == subject.text.count(subject.encoding)
    assert measure.total == sum(one.total for one in measure.messages) + sum(part.tokens for part in measure.parts)
    assert [one.role for one in measure.messages] == [message.role for message in subject.text.messages]
    assert all(min(one.header, one.content, one.framing) >= 0 for one in measure.messages)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_tokens_of_a_text_are_those_of_its_messages(dialect: chatml.Dialect) -> None:
    messages = [{"role": "system", "content": "Hi there"}, {"role": "user", "content": "Hello"}]
    prompt = chatml.Prompt.from_messages(messages, dialect=dialect, add_generation_prompt=True)
    subject = subject_of(
        Document("chatml", text="".join(segment.text for segment in prompt.segments)), Choices(dialect, None, None)
    )
    ours, theirs = measure_subject(subject), chatml.measure(messages, dialect=dialect)
    assert [one.total for one in ours.messages] == [one.total for one in theirs.messages]
    if not dialect.content_end:  # which the library counts as content
        assert ours.messages == theirs.messages
    assert (ours.total, ours.status) == (theirs.total, theirs.status)


def run_quietly(*arguments: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(arguments)
    return status, out.getvalue(), err.getvalue()


TOKENS = [
    "[",
    "]",
    "{",
    "}",
    ":",
    ",",
    '"role"',
    '"user"',
    '"content"',
    '"messages"',
    '"conversations"',
    "null",
    "NaN",
    "\n",
]
KEYS = [
    "role",
    "content",
    "messages",
    "conversations",
    "tools",
    "from",
    "value",
    "model",
    "name",
    "tool_calls",
    "tool_choice",
]
VALUES = st.recursive(
    st.sampled_from([None, True, 1, "user", "hi", "\ud800", "tool"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
FILES = st.one_of(
    st.binary(max_size=40),
    st.lists(PIECES | ANY_TEXT, max_size=10).map(lambda pieces: "".join(pieces).encode("utf-8", "surrogatepass")),
    st.lists(st.sampled_from(TOKENS), max_size=14).map(lambda tokens: "".join(tokens).encode()),
    VALUES.map(lambda value: json.dumps(value).encode()),
)
COMMANDS = [
    ("render",),
    ("parse",),
    ("count", "-v"),
    ("count", "--dialect", "phi4", "--lossy"),
    ("inspect", "--ids"),
    ("inspect", "--format", "json"),
]


@settings(deadline=None, max_examples=150)
@given(FILES, st.sampled_from(["a.json", "a.jsonl", "a.txt", "a"]), st.sampled_from(COMMANDS))
def test_every_file_gives_a_status(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str, command: tuple[str, ...]
) -> None:
    folder = tmp_path_factory.getbasetemp() / f"any-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    status, out, err = run_quietly(*command, str(path))
    assert "internal error" not in err, err
    assert status in (0, 1, 2)
    assert (status == 2) == ("chatml: error: " in err)
    assert not set(out + err) & {"\x1b", "\x9b", "\u202e"} or command == ("render",)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (PermissionError(13, "x"), "reading it is not permitted; check who may read it"),
        (FileNotFoundError(2, "x"), "there is no such file or folder; check the name; - is standard input"),
        (OSError(5, "Input/output error"), "it cannot be read: Input/output error"),
        (ValueError("embedded null byte"), "it cannot be read: embedded null byte"),
    ],
)
@pytest.mark.parametrize("function", ["stat", "open", "scandir"])
def test_what_the_system_refuses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, function: str, error: Exception, problem: str
) -> None:
    (tmp_path / "a.json").write_text("[]")
    path = str(tmp_path if function == "scandir" else tmp_path / "a.json")

    def refuse(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, function, refuse)
        if function == "stat":  # which isdir() uses, too
            patch.setattr(os.path, "isdir", lambda _: False)
        result = run_quietly("count", path)
    assert result == (2, "", f"chatml: error: {path}: {problem}\n")


def test_main_reads_the_arguments_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["chatml", "--version"])
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main() == 0
    assert out.getvalue() == f"chatml {chatml.__version__}\n"


def test_the_real_width_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    from chatml.cli._terminal import open_terminal

    for columns, width in (("100", 100), ("5", 40), ("x", 80), ("", 80), ("²", 80)):
        monkeypatch.setenv("COLUMNS", columns)
        with contextlib.redirect_stdout(io.StringIO()):
            assert open_terminal("auto").width == width


def test_folder_of_this_test_has_snapshots_for_nothing_else() -> None:
    source = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    for path in Path(__file__).with_name("snapshots").iterdir():
        name = re.sub(r"(-\d+)?(-colour|-always|-never)?$", "", path.stem)  # put behind it for widths and colours
        known = (path.stem, name, name.removeprefix("inspect-"), f"{name}-{{width}}-{{color}}")
        assert any(f'"{one}"' in source for one in known), path
