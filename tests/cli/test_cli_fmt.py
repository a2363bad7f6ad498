"""`chatml fmt` and `format_text`: canonical form, the same messages, and nothing written that was not checked."""

from __future__ import annotations

import json
import os
import re
import stat
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cli_process import Captured, run_here
from hypothesis import assume, example, given
from hypothesis import strategies as st
from strategies import catches, conversations, dialects, fitted, json_like, mutated, soups

from chatml import ChatMLError, ConfigError, ParseError, Prompt, Severity, detect_dialect, render
from chatml import _format as formatting
from chatml._format import format_text
from chatml.dialects import Dialect

ODD = "<|im_start|>user \nHi<|im_end|><|im_start|>assistant\n"
EVEN = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# ------------------------------------------------------------------------------------------------ format_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (ODD, EVEN),
        (EVEN, EVEN),
        ("<|im_start|>user\nHi  \n\n<|im_end|>\n\n\n<|im_start|>assistant\nSure, ", None),
        ("<|im_start|>user\nHi<|im_end|>", "<|im_start|>user\nHi<|im_end|>\n"),
        ("\ufeff" + ODD, "\ufeff" + EVEN),
        (ODD.replace("\n", "\r\n"), EVEN.replace("\n", "\r\n")),
        ("<|im_start|>user \r\nHi\r\nthere<|im_end|>\r\n", "<|im_start|>user\r\nHi\r\nthere<|im_end|>\r\n"),
        ("<|im_start|>user\r\nHi<|im_end|>\n", "<|im_start|>user\nHi<|im_end|>\n"),
        ("<|im_start|>user\n{{ x }} <\\|im_end|><|im_end|>\n", "<|im_start|>user\n{{ x }} <\\|im_end|><|im_end|>\n"),
        ("no markers \n", "no markers \n"),
        ("<s>x</s>", "<s>x</s>"),
    ],
)
def test_raw_prompts(text: str, expected: str | None) -> None:
    if expected is None:
        expected = "<|im_start|>user\nHi  \n\n<|im_end|>\n<|im_start|>assistant\nSure, "
    assert format_text(text) == expected
    assert format_text(expected) == expected


def test_a_dialect_can_be_asked_for() -> None:
    text = "<|im_start|>user\nHi\n<|im_end|>\n"
    assert format_text(text, dialect="chatml") == text
    assert format_text(text.replace("\nHi\n", "\nHi"), dialect="chatml") == text.replace("\nHi\n", "\nHi")
    assert format_text(text.replace("\nHi\n", "\nHi"), dialect="azure") == text[:-1]
    with pytest.raises(ConfigError):
        format_text(text, dialect="no-such")


VALUE = [{"role": "user", "content": 'a "b" [1, 2] {c: d} \\ \u2028 é', "x": [], "y": {}, "z": [1.50, {"k": None}]}]


def test_json() -> None:
    for given_ in (json.dumps(VALUE), json.dumps(VALUE, indent=4), json.dumps(VALUE, separators=(",", ":"))):
        assert format_text(given_, path="a.json") == json.dumps(VALUE, indent=2) + "\n"
    assert (
        format_text(json.dumps(VALUE, ensure_ascii=False), path="a")
        == json.dumps(VALUE, ensure_ascii=False, indent=2) + "\n"
    )
    text = '{"messages": [], "n": 1.500, "m": 1E5, "s": "\\u00e9\\/"}'
    assert format_text(text, path="a.json") == (
        '{\n  "messages": [],\n  "n": 1.500,\n  "m": 1E5,\n  "s": "\\u00e9\\/"\n}\n'  # as it is spelled
    )
    assert format_text('[{"role":"user"}]\r\n', path="a.json") == '[\r\n  {\r\n    "role": "user"\r\n  }\r\n]\r\n'


def test_json_lines() -> None:
    text = '{"messages":[]}\n\n  {"messages" : [ {"role":"user","content":"a:b,c"} ] }'
    expected = '{"messages": []}\n{"messages": [{"role": "user", "content": "a:b,c"}]}\n'
    assert format_text(text, path="a.jsonl") == expected
    assert format_text(text.replace("\n", "\r\n"), path="a.jsonl") == expected.replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("", "a.json", "a.json:1:1: the file is empty; expected ChatML text, or messages as JSON"),
        ('[{"role"]', "a.json", "a.json:1:9: this is not valid JSON: a colon is expected, found ']'"),
        (
            "<|im_start|>user\nHi<|im_start|>assistant\n",
            "a.chatml",
            "a.chatml:1:1: message 0 (user) is not closed before the next one begins;"
            " only a text without errors has a canonical form; `chatml lint` says more",
        ),
    ],
)
def test_what_is_not_well_formed(text: str, path: str, message: str) -> None:
    with pytest.raises(ParseError) as caught:
        format_text(text, path=path)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.jinja", "{% for message in messages %} {{ message.content }}{% endfor %}"),
        ("a.prompt.yml", "messages:\n    - {role: user,   content: hi}\n"),
        ("a.prompt", '---\nmodel: x\n---\n{{role "user"}}\nhi  \n'),
        ("Modelfile", 'FROM x\nTEMPLATE """{{ .Prompt }}"""\n'),
    ],
)
def test_other_formats_are_left_alone(path: str, text: str) -> None:
    pytest.importorskip("yaml")
    assert format_text(text, path=path) == text


def test_what_a_dialect_would_add() -> None:
    with pytest.raises(ParseError) as caught:
        format_text("<|im_start|>user\nHi<|im_end|>\n", dialect="qwen2")
    assert str(caught.value) == (
        "prompt.chatml:1:1: this cannot be formatted: dialect qwen2 would add or change messages; it is left as it is"
    )


@pytest.mark.parametrize("bad", [None, b"", 3])
def test_wrong_types(bad: Any) -> None:
    with pytest.raises(ConfigError):
        format_text(bad)
    with pytest.raises(ConfigError):
        format_text("", path=bad)


# Properties


def reference(text: str, dialect: Dialect) -> tuple[list[Any], str]:
    """What a prompt says, the slow way."""
    prompt = Prompt.from_text(text, dialect=dialect)
    return [message.to_mapping() for message in prompt.messages], prompt.ending


def check_text(text: str) -> None:
    try:
        out = format_text(text)
    except ChatMLError:
        return
    assert format_text(out) == out
    if text.strip()[:1] in ("{", "["):
        return
    fits = detect_dialect(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    dialect = fits[0].name if fits else "chatml"
    assert reference(out.removeprefix("\ufeff"), dialect) == reference(text.removeprefix("\ufeff"), dialect)


@given(soups)
@example("<|im_start|>user\r\nHi\r\n<|im_end|>\r\n")
def test_any_text(text: str) -> None:
    check_text(text)


@given(st.data(), conversations, dialects)
def test_rendered_text_is_canonical(data: st.DataObject, messages: list[dict[str, Any]], dialect: Dialect) -> None:
    text = render(fitted(messages, dialect), dialect=dialect, lossy=True)
    faults = [one for one in Prompt.from_text(text, dialect=dialect).diagnostics if one.severity is Severity.ERROR]
    assume(text and not text.isspace() and text.lstrip()[:1] not in "{[" and not faults)
    assume(dialect.start in text)
    assert format_text(text, dialect=dialect) == text
    check_text(data.draw(mutated(text)))


json_values = st.fixed_dictionaries(
    {"messages": st.just([]), "x": json_like.filter(lambda one: is_plain(one))}, optional={"y": st.floats()}
)


def is_plain(value: object) -> bool:
    """Whether JSON has it, in the same way when it is read again."""
    try:
        text = json.dumps(value, allow_nan=False)
        return json.loads(text) == value and not re.search(r"\\ud[89a-f]", text)
    except (TypeError, ValueError):
        return False


@given(st.lists(json_values.filter(is_plain), min_size=1, max_size=3), st.sampled_from([None, 1, 4]), st.booleans())
def test_json_is_laid_out_as_python_does_it(values: list[Any], indent: int | None, is_ascii: bool) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=is_ascii)
    assert format_text(text, path="a.json") == json.dumps(values, indent=2, ensure_ascii=is_ascii) + "\n"
    lines = "\n".join(json.dumps(value, separators=(",", ":"), ensure_ascii=is_ascii) for value in values)
    expected = "".join(json.dumps(value, ensure_ascii=is_ascii) + "\n" for value in values)
    assert format_text(lines, path="a.jsonl") == expected


def test_a_formatter_that_changes_messages_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = formatting._Formatter._framed
    monkeypatch.setattr(formatting._Formatter, "_framed", lambda *given: sound(*given).replace("Hi", "Ho"))
    with pytest.raises(ParseError, match="its canonical form would hold other messages"):
        format_text(ODD)
    spaces = map(" ".__mul__, count(1))
    monkeypatch.setattr(formatting._Formatter, "_framed", lambda *_: EVEN.replace("user", f"user{next(spaces)}"))
    with pytest.raises(ParseError, match="its canonical form has another canonical form"):
        format_text(ODD)
    monkeypatch.setattr(formatting, "_in_one_line", lambda line: line[:-1])
    with pytest.raises(ParseError, match="its canonical form could not be read: this is not valid JSON"):
        format_text('{"messages": []}\n{"messages":[]}\n')


def test_a_formatter_that_does_not_check_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = formatting._Formatter._framed
    monkeypatch.setattr(formatting._Formatter, "_framed", lambda *given: sound(*given).replace("a", "b"))
    monkeypatch.setattr(formatting._Formatter, "check", lambda *_: None)
    assert catches(check_text, soups)


# ------------------------------------------------------------------------------------------------ the command


def write(name: str, text: str | bytes) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_files_are_written_in_their_places() -> None:
    odd, even = write("odd.chatml", ODD), write("even.chatml", EVEN)
    odd.chmod(0o640)
    before = even.stat()
    out = b"formatted: odd.chatml\n1 file formatted, 1 file left as it is\n"
    assert run_here("fmt", "odd.chatml", "even.chatml") == Captured(0, out, b"")
    assert odd.read_text() == EVEN
    assert stat.S_IMODE(odd.stat().st_mode) == 0o640
    assert (even.stat().st_mtime_ns, even.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert run_here("fmt", "odd.chatml") == Captured(0, b"1 file left as it is\n", b"")


def test_bom_and_line_ends_stay() -> None:
    path = write("a.chatml", b"\xef\xbb\xbf" + ODD.replace("\n", "\r\n").encode())
    assert run_here("fmt", "a.chatml").status == 0
    assert path.read_bytes() == b"\xef\xbb\xbf" + EVEN.replace("\n", "\r\n").encode()


def test_check_and_diff() -> None:
    path = write("a.chatml", ODD)
    write("b.chatml", EVEN)
    out = b"would be formatted: a.chatml\n1 file would be formatted, 1 file left as it is\n"
    assert run_here("fmt", "--check", "a.chatml", "b.chatml") == Captured(1, out, b"")
    assert run_here("fmt", "--check", "b.chatml") == Captured(0, b"1 file left as it is\n", b"")
    diff = (
        "--- a.chatml (as it is)\n+++ a.chatml (canonical)\n@@ -1,3 +1,4 @@\n-<|im_start|>user \n"
        "-Hi<|im_end|><|im_start|>assistant\n+<|im_start|>user\n+Hi<|im_end|>\n+<|im_start|>assistant\n \n"
        "1 file would be formatted\n"
    )
    assert run_here("fmt", "--diff", "a.chatml") == Captured(1, diff.encode(), b"")
    colored = run_here("fmt", "--diff", "--color=always", "a.chatml").out.decode()
    assert "\x1b[31m-<|im_start|>user \x1b[0m\n" in colored
    assert path.read_text() == ODD


def test_a_diff_is_harmless() -> None:
    write("a.chatml", "<|im_start|>user \n::error::x\n##[error] \x1b[2J\u202e<|im_end|>\n")
    done = run_here("fmt", "--diff", "a.chatml")
    assert done.status == 1
    assert not re.search(rb"\x1b|^.?\s*::|##\[|\xe2\x80\xae", done.out, re.MULTILINE)


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    def given_(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    given_(ODD)
    assert run_here("fmt", "-") == Captured(0, EVEN.encode(), b"")
    given_(ODD)
    out = b"would be formatted: <stdin>\n1 file would be formatted\n"
    assert run_here("fmt", "--check", "-") == Captured(1, out, b"")


def test_a_fault_in_one_file_does_not_stop_the_others() -> None:
    write("a.chatml", "<|im_start|>user\nHi<|im_start|>")
    path = write("b.chatml", ODD)
    done = run_here("fmt", "a.chatml", "no.chatml", "b.chatml")
    assert (done.status, done.out) == (2, b"formatted: b.chatml\n1 file formatted, 2 files in error\n")
    assert [line.split(": ")[2] for line in done.err.decode().splitlines()] == ["a.chatml:1:1", "no.chatml"]
    assert path.read_text() == EVEN


def test_folders() -> None:
    write("p/a.chatml", ODD)
    write("p/package.json", '{"name": "x"}')
    write("p/empty.txt", "")
    write("p/notes.txt", "some notes")
    done = run_here("fmt", "p")
    shown = os.path.join("p", "a.chatml")
    out = f"formatted: {shown}\n1 file formatted, 1 file left as it is\n"
    assert (done.status, done.out.decode(), done.err) == (0, out, b"")
    assert run_here("fmt", "p/package.json").status == 2  # who names a file means it
    write("q/package.json", '{"name": "x"}')
    assert run_here("fmt", "q") == Captured(0, b"no prompt files\n", b"")


def test_nothing_is_written_when_the_check_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("a.chatml", ODD)
    sound = formatting._Formatter._framed
    monkeypatch.setattr(formatting._Formatter, "_framed", lambda *given: sound(*given).replace("Hi", "Ho"))
    done = run_here("fmt", "a.chatml")
    problem = "this cannot be formatted: its canonical form would hold other messages; it is left as it is"
    assert done == Captured(2, b"1 file in error\n", f"chatml: error: a.chatml:1:1: {problem}\n".encode())
    assert path.read_text() == ODD


def test_the_limit_of_size() -> None:
    write("a.chatml", f"<|im_start|>user\n{'x' * 2**20}<|im_end|>\n")
    done = run_here("fmt", "--max-size", "1", "a.chatml")
    assert done.status == 2
    assert b"--max-size raises the limit of 1 MiB" in done.err
    assert run_here("fmt", "--dialect", "no-such", "a.chatml").status == 2
