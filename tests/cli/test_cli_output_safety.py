"""Invariant: whatever texts, names and arguments hold, no output makes a terminal or a CI log do anything.

Only `chatml render` and `chatml sanitize` write text as it is: to files, and to pipes outside of CI. Only `chatml
sanitize --scan --format github` writes workflow commands: its own.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from cli_process import Captured, environment, run_here

import chatml
from chatml import _visible
from chatml._errors import FileError
from chatml.cli import _output
from chatml.cli._commands import COMMANDS

posix = pytest.mark.skipif(os.name == "nt", reason="names and kinds of files")
ESC, COMMAND = "a control character: found U+001B", "a workflow command: found '::'"
OLD_COMMAND, DIRECTION = "a workflow command: found '##['", "a control of direction: found U+"
# payload -> what is refused in a CI log, with "" for what only has to be shown as an escape
PAYLOADS = {
    # terminals: controls that begin with the escape character
    "\x1b[2J\x1b[H": ESC,
    "\x1b[8mhidden\x1b[0m": ESC,
    "\x1b[6n": ESC,
    "\x1b[?1049h": ESC,
    "\x1b[1A\x1b[2K0 problems": ESC,
    "\x1b]0;title\x07": ESC,
    "\x1b]8;;https://evil.example/\x1b\\link\x1b]8;;\x1b\\": ESC,
    "\x1b]52;c;cm0gLXJmIH4=\x07": ESC,
    "\x1b]1337;File=name=eA==;inline=1:eA==\x07": ESC,
    "\x1bP+q544e\x1b\\": ESC,
    "\x1b_Gi=1;x\x1b\\": ESC,
    "\x1b^private\x1b\\": ESC,
    "\x1bc": ESC,
    "\x1b(0lqk": ESC,
    "\x1b": ESC,
    # the same in 8 bits, and single characters
    "\x9b2J": "a control character: found U+009B",
    "\x9d0;title\x9c": "a control character: found U+009D",
    "\x90+q544e\x9c": "a control character: found U+0090",
    "\x85::error::next line": "a control character: found U+0085",
    "real\r0 problems": "a control character: found U+000D",
    "real\x08\x08\x08\x08fake": "a control character: found U+0008",
    "\x07": "a control character: found U+0007",
    "\x0elqk\x0f": "a control character: found U+000E",
    "\x7f": "a control character: found U+007F",
    "\x0b::error::vertical tab": "a control character: found U+000B",
    "\x0c::error::form feed": "a control character: found U+000C",
    "\x1c::error::separator": "a control character: found U+001C",
    # direction and what takes no room
    "\u202etxt.exe": f"{DIRECTION}202E",
    "\u2066a\u2069": f"{DIRECTION}2066",
    "\u200fa\u061cb": f"{DIRECTION}200F",
    "\U000e0001\U000e0068\U000e0069": "",
    "a\u200bb\u2060\ufeffc": "",
    # workflow commands
    "::error file=x,line=1::forged": COMMAND,
    "\n::error::forged": COMMAND,
    "\r\n::error::forged": COMMAND,
    " \t ::warning::forged": COMMAND,
    "\xa0\u3000::error::wide white space": COMMAND,
    "\u2028::error::line separator": COMMAND,
    "\u2029 ::error::paragraph separator": COMMAND,
    "\ufeff::error::byte order mark": COMMAND,
    "::set-output name=x::y": COMMAND,
    "::add-mask::x": COMMAND,
    "::stop-commands::pause": COMMAND,
    "::group::forged\n::endgroup::": COMMAND,
    ":::error::three": COMMAND,
    "##[error]forged": OLD_COMMAND,
    "text before ##[set-env name=PATH]x": OLD_COMMAND,
    "####[group]forged": OLD_COMMAND,
    "##vso[task.setvariable variable=x]y": "a workflow command: found '##vso['",
    "before ##VSO[task.complete result=Failed]x": "a workflow command: found '##VSO['",
    "##teamcity[buildStatus status='SUCCESS']": "a workflow command: found '##teamcity['",
    "%0A::error::percent": "",
    "%0D%0A##%5Berror]": "",
    # markup
    "</script><!--]]>": "",
}
TEXTS = list(PAYLOADS)
NAMES = [
    *(text for text in TEXTS if "/" not in text),
    "a\n::error::.md",
    "-rf",
    "--help=##[error]",
    "a\udcff.md",
    "a\udc9b2J.json",
    f"{'long ' * 5}::error::{'x ' * 20}::error::",
]
SEEN = set("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
_OF_TOKENS = r"0;(?:(?:4;)?7(?:;31)?|38;5;16;48;5;(?:110|150|195|225|230)|1;38;5;231;48;5;(?:124|160))"
OUR_COLORS = re.compile(rf"\x1b\[(?:(?:0|1|2|7|3[1-4])(?:;3[1-4])?|22|1;4;31|{_OF_TOKENS})m")
OUR_COMMANDS = re.compile(
    r"^::(?:error|warning|notice) file=[^:,\n]*,line=\d+,(?:col=\d+,endColumn=\d+|endLine=\d+)"
    r",title=chatml [a-z0-9-]+::",
    re.MULTILINE,
)


def faults(output: bytes, *, color: bool = False, github: bool = False) -> list[str]:
    """What in the output of a command would be obeyed; what is our own in `color` or for `github` is left out."""
    text = output.decode()
    text = OUR_COMMANDS.sub("", text) if github else text
    plain = OUR_COLORS.sub("", text) if color else text
    found = [
        f"U+{ord(character):04X}"
        for character in sorted({*plain} - SEEN - {"\n"})
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]
    found += [line for line in text.splitlines() if line.strip(" \t\xa0\u3000\ufeff").startswith("::")]
    return found + re.findall(r"##(?:vso|teamcity)?\[.*", text, re.IGNORECASE)


def run_apart(*arguments: str) -> Captured:
    """Run the command line in a process of its own, in CI."""
    done = subprocess.run(
        [sys.executable, "-m", "chatml", *arguments], env=environment(CI="true"), capture_output=True, check=False
    )
    return Captured(done.returncode, done.stdout, done.stderr)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a temporary folder, outside of CI."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "60")
    for name in ("CI", "GITHUB_ACTIONS", "TF_BUILD", "CHATML_DEBUG"):
        monkeypatch.delenv(name, raising=False)


def write_all(texts: list[str]) -> list[str]:
    """Files that hold the texts wherever a file may hold one; returns their names."""
    user = {"role": "user", "content": "Hi"}
    call = [{"id": "a", "type": "function", "function": {"name": "look", "arguments": "".join(texts)}}]
    values = {
        "content.json": [
            *({"role": "user", "content": text, text: 1} for text in texts),
            {"role": "assistant", "content": None, "tool_calls": call},
            {"role": "tool", "tool_call_id": "a", "content": "\n".join(texts)},
        ],
        "conversations.jsonl": {"messages": [{**user, "content": text} for text in texts]},
        "request.json": {"messages": [user], "model": texts[0], "tools": [{"type": texts[0]}]},
        "role.json": [{**user, "role": texts[0]}],
        "name.json": [{**user, "name": texts[0]}],
        "call.json": [{"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": texts[0]}}]}],
        "part.json": [{**user, "content": [{"type": texts[0], texts[0]: texts[0]}]}],
        "keys.json": {texts[0]: 1, "version": texts[0]},
        "sharegpt.json": {"conversations": [{"from": texts[0], "value": texts[0]}]},
    }
    for name, value in values.items():
        Path(name).write_text(json.dumps(value), "utf-8")
    raw = [text.encode(errors="replace").decode() for text in texts]  # what a file may hold as it is
    frames = [f"<|im_start|>{text}\n{text} [INST]##[INST]{text}<|im_end|>{text}\n{text}" for text in raw]
    sources = {
        "raw.chatml": "".join(frames),
        "plain.txt": "".join(raw),
        "broken.json": f'[{{"role": {raw[0]}',
        "twice.json": json.dumps({raw[0]: 1})[:-1] + "," + json.dumps({raw[0]: 1})[1:],
    }
    for name, source in sources.items():
        Path(name).write_bytes(source.encode())
    return [*values, *sources]


READERS = [
    ("parse",),
    ("parse", "--no-unescape", "--compact", "--form", "sharegpt"),
    ("count", "-v"),
    ("count", "--format", "json"),
    ("inspect",),
    ("inspect", "--color", "always", "--dialect", "hermes3"),
    ("inspect", "--color", "always", "--tokens", "--ids", "--whitespace"),
    ("inspect", "--format", "json"),
    ("render", "--format", "json"),
    ("sanitize", "--format", "json"),
    ("sanitize", "--format", "json", "--policy", "strip", "--profile", "hardened"),
    ("sanitize", "--format", "json", "--policy", "reject"),
    ("sanitize", "--format", "json", "--unescape"),
    ("sanitize", "--scan"),
    ("sanitize", "--scan", "--color", "always"),
    ("sanitize", "--scan", "--format", "json"),
    ("sanitize", "--scan", "--format", "github"),
]


def check(done: Captured, *arguments: str) -> None:
    """Fail on anything in the streams that would be obeyed, and on what is no answer."""
    assert done.status in (0, 1, 2), arguments
    assert not faults(done.out, color="always" in arguments, github="github" in arguments), arguments
    assert not faults(done.err), arguments
    assert b"internal error" not in done.err, (arguments, done.err)
    assert done.out or done.err


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_texts_of_files(text: str) -> None:
    for name in write_all([text]):
        for command in READERS:
            check(run_here(*command, name), *command, name)
    for line in run_here("render", "--format", "json", "conversations.jsonl").out.splitlines():
        assert json.loads(line)["text"] == f"<|im_start|>user\n{text}<|im_end|>\n"


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_texts_of_files_in_a_process(command: tuple[str, ...]) -> None:
    names = write_all(TEXTS)
    for name in ["content.json", "raw.chatml", *(names if command == ("inspect",) else ())]:
        check(run_apart(*command, name), *command)


@posix
def test_arguments_in_a_process() -> None:
    Path("chat.json").write_text('[{"role": "user", "content": "Hi"}]')
    text = "".join(TEXTS) + "\udcff"  # bytes that are no UTF-8 come as \udc80 to \udcff
    lines = [
        (text,),
        ("models", text),
        ("explain", text),
        ("dialects", "--format", text),
        *((command, text) for command in ("render", "parse", "count", "inspect", "sanitize")),
        ("count", "chat.json", "--model", text),
        ("inspect", "chat.json", f"--{text}"),
    ]
    for line in lines:
        done = run_apart(*line)
        assert done.status == 2
        check(done, *line)


NAMING = (
    *("count -v", "count --format json", "inspect", "parse", "render"),
    *("sanitize --policy reject", "sanitize --unescape", "sanitize --format json", "sanitize --scan"),
    *("sanitize --scan --format json", "sanitize --scan --format github"),
)


@posix
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_of_files(name: str) -> None:
    for command in ("render", "parse", "count", "inspect", "sanitize"):
        check(run_here(command, name), command, name)
    Path(name).write_text("<|im_start|>user \n[<|im_end|><|im_end|>", "utf-8")
    for line in NAMING:
        check(run_here(*line.split(), "--", name), *line.split(), name)
    os.mkdir("folder")
    os.rename(name, f"folder/{name}.txt")
    Path("folder", f"{name}.json").write_text("{}")
    check(run_here("count", "folder"), "folder", name)
    check(run_here("sanitize", "--scan", "folder", "--format", "github"), "folder", name, "github")


CHOICES = ("policy", "profile", "family", "dialect", "tokenizer", "marker", "format")


@pytest.mark.parametrize("text", [*TEXTS, "\0", "-x ::error::"], ids=ascii)
def test_arguments(text: str) -> None:
    Path("chat.json").write_text('[{"role": "user", "content": "Hi"}]')
    options = ("model", "dialect", "encoding", "line", "format", "untrusted", "output", text)
    lines = [
        (text,),
        ("models", text),
        ("models", "--models", f"./{text}.json"),
        ("explain", text),
        ("explain", "gpt-4o", "--models", f"./{text}.json"),
        ("dialects", text),
        ("render", "chat.json", "--encoding", f"./{text}.json"),
        ("render", "chat.json", "--encoding", f"./{text}.json", "--ids"),
        ("render", "chat.json", "-o", f"missing/{text}"),
        *(("render", "chat.json", f"--{option}={text}/") for option in options),
        ("sanitize", "chat.json", "-o", f"missing/{text}"),
        ("sanitize", "chat.json", f"--token={text}<", f"--marker={text[0]}"),
        *(("sanitize", "chat.json", f"--{option}={text}/") for option in (*CHOICES, text)),
    ]
    for line in lines:
        done = run_here(*line)
        assert done.status == 2
        check(done, *line)


OWN = [
    "--help",
    "--version",
    *(f"{name} --help" for name in COMMANDS),
    "dialects",
    "models",
    "explain gpt-4o",
    "explain dbrx",
]


@pytest.mark.parametrize("line", OWN)
def test_output_of_our_own(line: str) -> None:
    done = run_here(*line.split())
    assert (done.status, done.err) == (0, b"")
    check(done, line)


def inspected(columns: int, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A page in which a word comes to the beginning of a line by our own breaks, and pieces of two styles touch."""
    name = f"{'x' * 20} ::error::{'y' * 20}::error::.json"
    Path(name).write_text('[{"role": "user", "content": "##[INST]"}]')
    monkeypatch.setenv("COLUMNS", str(columns))
    done = run_here("inspect", name, "--dialect", "chatml")
    assert (done.status, done.err) == (0, b"")
    return done.out


def test_commands_that_our_layout_completes(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = [inspected(columns, monkeypatch) for columns in range(40, 60)]
    assert not any(map(faults, pages))
    assert all(b"#\\x23[\\INST]" in page for page in pages)
    assert any(b"\n          \\x3a:error" in page for page in pages)


def test_a_page_that_is_not_looked_at_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_output, "write", _output._guarded)
    found = {fault for columns in range(40, 60) for fault in faults(inspected(columns, monkeypatch))}
    assert any(fault.strip().startswith("::error::") for fault in found)
    assert "##[\\INST]<|im_end|>\\n" in {fault.replace("↵", "\\n") for fault in found}
    for text in ("\x1b[8m", "\x1b", "\t", "a\n ::x", "a ##[x", "a##VSO[x", "\u2028"):
        assert faults(text.encode(), color=True), text


@pytest.mark.parametrize("broken", ["_escaped", "_json_escaped", "without_commands"])
def test_a_broken_neutraliser_is_seen(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def as_it_is(what: re.Match[str] | str, _: str = "") -> str:
        return what if isinstance(what, str) else what[0]

    names = write_all(TEXTS)
    monkeypatch.setattr(_visible, broken, as_it_is)
    command = ("inspect", "--format", "json") if broken == "_json_escaped" else ("inspect",)
    seen = [faults(done.out) + faults(done.err) for done in (run_here(*command, name) for name in names)]
    assert sum(map(bool, seen)) > 3


def test_a_traceback_is_shown_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise KeyError("".join(TEXTS[:33]) + "\n::error::\n")

    monkeypatch.setattr("chatml.cli._files.is_folder", fail)
    monkeypatch.setenv("CHATML_DEBUG", "1")
    done = run_here("count", "x")
    assert done.status == 2
    assert done.err.startswith(b"Traceback (most recent call last):\n")
    assert not faults(done.err)


# Data


def chat(content: str) -> str:
    """Write a file with one message, and return the prompt."""
    Path("chat.json").write_text(json.dumps([{"role": "user", "content": content}]))
    return chatml.render([{"role": "user", "content": content}])


def refusal(text: str, refused: str) -> bytes:
    """The line that refuses `text`; the place is where the characters first stand."""
    found = refused.partition("found ")[2]
    start = text.index(found.strip("'") if found.startswith("'") else chr(int(found.removeprefix("U+"), 16)))
    line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
    problem = f"this is a CI run, whose log would obey {refused} on line {line}, column {column} of the text"
    shown = problem.replace("'##", "'#\\x23")
    return f"chatml: error: standard output: {shown}; write it with -o FILE, or use --format json\n".encode()


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_a_prompt_is_exact_or_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = chat(f"a\n{text}")
    exact = Captured(0, prompt.encode(errors="backslashreplace"), b"")
    assert run_here("render", "chat.json") == exact
    monkeypatch.setenv("CI", "true")
    refused = PAYLOADS[text]
    assert run_here("render", "chat.json") == (Captured(2, b"", refusal(prompt, refused)) if refused else exact)
    check(run_here("render", "chat.json", "--format", "json"))
    monkeypatch.setattr(_output, "is_terminal", lambda: True)
    shown = run_here("render", "chat.json")
    assert shown == Captured(0, _visible.visible_lines(prompt).encode(), b"")
    check(shown._replace(out=shown.out.replace(b"\t", b" ")))  # tabs belong to the layout of the text


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_a_sanitized_text_is_exact_or_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    safe = f"a\n{text} <\\|im_end|>"
    Path("a.txt").write_bytes(f"a\n{text} <|im_end|>".encode())
    exact = Captured(0, safe.encode(), b"")
    assert run_here("sanitize", "a.txt") == exact
    monkeypatch.setenv("CI", "true")
    refused = PAYLOADS[text]
    assert run_here("sanitize", "a.txt") == (Captured(2, b"", refusal(safe, refused)) if refused else exact)
    monkeypatch.setattr(_output, "is_terminal", lambda: True)
    shown = run_here("sanitize", "a.txt")
    assert shown == Captured(0, _visible.visible_lines(safe).encode(), b"")
    check(shown._replace(out=shown.out.replace(b"\t", b" ")))  # tabs belong to the layout of the text


def test_a_lone_surrogate_is_refused_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    with pytest.raises(FileError) as caught:  # no file can hold one
        _output.write_data("a\n\ud800")
    assert refusal("a\n\ud800", "a lone surrogate: found U+D800") == f"chatml: error: {caught.value}\n".encode()


def test_the_place_of_a_refused_character(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "1")
    chat("one :: two\r\n\tthree\n  ::error::x")
    problem = (
        "chatml: error: standard output: this is a CI run, whose log would obey a workflow command: found '::' on line"
        " 4, column 3 of the text; write it with -o FILE, or use --format json\n"
    )
    assert run_here("render", "chat.json") == Captured(2, b"", problem.encode())


@pytest.mark.parametrize(
    ("variable", "value", "is_ci"),
    [
        ("CI", "true", True),
        ("CI", "1", True),
        ("GITHUB_ACTIONS", "true", True),
        ("TF_BUILD", "True", True),
        ("CI", "", False),
        ("CI", "0", False),
        ("CI", "False", False),
        ("GITHUB_WORKFLOW", "x", False),
    ],
)
def test_what_is_a_ci_run(variable: str, value: str, is_ci: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    chat("\x1b")
    monkeypatch.setenv(variable, value)
    assert run_here("render", "chat.json").status == (2 if is_ci else 0)


def render_in_ci(stdout: int | io.BufferedWriter) -> tuple[int, bytes | None, bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "chatml", "render", "chat.json"],
        env=environment(CI="true"),
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_in_ci_a_pipe_may_be_a_log_and_a_file_is_none() -> None:
    prompt = chat("\x1b[2J")
    assert render_in_ci(subprocess.PIPE) == (2, b"", refusal(prompt, ESC))
    with open("prompt.chatml", "wb") as file:
        assert render_in_ci(file) == (0, None, b"")
    assert Path("prompt.chatml").read_bytes() == prompt.encode()
    prompt = chat("é 漢 ::\r\n\tFine: std::vector, a # b, ## [c]\n")
    assert render_in_ci(subprocess.PIPE) == (0, prompt.encode(), b"")
