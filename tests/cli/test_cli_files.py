"""Files that are missing, hostile or odd. Every one gives one line that names it, and exit status 2."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import Result, Run, Write

CHAT = '[{"role": "user", "content": "Hi"}]'
COUNTED = "     8  exact   "
TITLES = "tokens  status  file\n"
DEFAULT = "chatml: note: counted as gpt-4o, because neither --model nor --dialect is given\n"
posix = pytest.mark.skipif(os.name == "nt", reason="kinds of files")


def failure(problem: str) -> Result:
    return Result(2, "", f"chatml: error: {problem}\n")


EMPTY = "the file is empty; expected ChatML text, or messages as JSON"
BLANK = "the file is empty but for white space; expected ChatML text, or messages as JSON"
NOT_UTF8 = "the file is not UTF-8: found byte"
CUT = "this is not valid JSON: a comma or a closing bracket is expected, found the end of the text"
NO_VALUE = "this is not valid JSON: a value is expected, found"
TOO_DEEP = "the JSON is nested more than 64 levels deep"
NO_NUMBER = "which is not valid JSON; a number or null is expected"
FORMS = "a message has role and content, sender and text, or from and value"
EXPECTED = "expected a list of messages, or an object with 'messages' or 'conversations'"
# name -> content, and what is said behind the name
HOSTILE = {
    "empty.json": (b"", f":1:1: {EMPTY}"),
    "bom.json": (b"\xef\xbb\xbf", f":1:1: {EMPTY}"),
    "spaces.txt": (b" " * 1_000_000, f":1:1: {BLANK}"),
    "byte.txt": (b"ab\xffc", f": {NOT_UTF8} 0xff at offset 2; save it as UTF-8"),
    "behind-bom.txt": (b"\xef\xbb\xbfab\xc3", f": {NOT_UTF8} 0xc3 at offset 5; save it as UTF-8"),
    "surrogate.txt": (b"\xed\xa0\x80", f": {NOT_UTF8} 0xed at offset 0; save it as UTF-8"),
    "utf16.txt": (b"\xff\xfea\0", f": {NOT_UTF8} 0xff at offset 0; it looks like UTF-16: save it as UTF-8"),
    "deep.json": (b"[" * 100_000, f":1:65: {TOO_DEEP}"),
    "deep-object.json": (b'{"a":' * 100_000, f":1:321: {TOO_DEEP}"),
    "deep-content.json": (
        b'[{"role": "user", "content": ' + b"[" * 100_000 + b"]" * 100_000 + b"}]",
        f":1:92: {TOO_DEEP}",
    ),
    "digits.json": (
        b"[\n  " + b"7" * 5000 + b"]",
        ":2:3: found a number of 5000 digits, which is more than can be read",
    ),
    "infinite.json": (b"[1, -Infinity]", f":1:5: found -Infinity, {NO_NUMBER}"),
    "twice.json": (b'{"messages": [],\n "messages": []}', ":2:2: the key 'messages' occurs twice in one object"),
    "cut.json": (b'[{"role": "user"', f":1:17: {CUT}"),
    "text.json": (b"hello", f":1:1: {NO_VALUE} 'h'"),
    "nul.json": (b"[\0]", rf":1:2: {NO_VALUE} '\x00'"),
    "other.json": (b'{"name": "x", "version": 1}', f":1:1: found an object with 'name', 'version', {EXPECTED}"),
    "role.json": (
        b'[{"role": "User", "content": "Hi"}]',
        ": messages[0].role: found 'User', expected a role of the form [a-z][a-z0-9_-]{0,63}; write 'user'",
    ),
    "second.jsonl": (b'{"messages": []}\n{"messages": [}\n', f":2:15: {NO_VALUE} '}}'"),
    "role.jsonl": (
        b'{"messages": []}\n\n{"messages": [{"content": "Hi"}]}\n',
        f":3: messages[0].role: the key is missing; {FORMS}",
    ),
    "model.json": (
        b'{"model": "gpt-9", "messages": []}',
        ": unknown model 'gpt-9', the nearest known are gpt-5, gpt-4, gpt-4o;"
        " pass --dialect for a wire that you know, or run `chatml models` for all names",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_content(run: Run, write: Write, name: str) -> None:
    content, problem = HOSTILE[name]
    assert run("count", write(name, content)) == failure(name + problem)


@pytest.mark.parametrize("name", ["missing.json", "folder/missing.json"])
@pytest.mark.parametrize("command", ["render", "parse", "count", "inspect"])
def test_missing(run: Run, command: str, name: str) -> None:
    assert run(command, name) == failure(
        f"{name}: there is no such file or folder; check the name; - is standard input"
    )


def test_empty_name(run: Run) -> None:
    assert run("count", "") == failure("'': there is no such file or folder; check the name; - is standard input")


@posix
def test_file_as_folder(run: Run, write: Write) -> None:
    write("a.json", CHAT)
    assert run("count", "a.json/b") == failure(
        "a.json/b: there is no such file or folder; check the name; - is standard input"
    )


@pytest.mark.parametrize("command", ["render", "parse", "inspect"])
def test_folder_where_a_file_is_needed(run: Run, command: str) -> None:
    assert run(command, ".") == failure(
        ".: this is a folder, expected a file; name a file in it; only count takes folders"
    )


@posix
@pytest.mark.parametrize("command", ["render", "count"])
def test_fifo_and_device(run: Run, tmp_path: Path, command: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    advice = "expected a regular file; give - and send it to standard input"
    assert run(command, "fifo") == failure(f"fifo: this is a FIFO, {advice}")
    assert run(command, "/dev/null") == failure(f"/dev/null: this is a device, {advice}")
    assert run(command, "fifo", "--encoding", "./fifo") == failure(f"./fifo: this is a FIFO, {advice}")


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_permission(run: Run, tmp_path: Path, write: Write) -> None:
    (tmp_path / write("secret.json", CHAT)).chmod(0)
    assert run("count", "secret.json") == failure("secret.json: reading it is not permitted; check who may read it")


@posix
def test_too_large(run: Run, tmp_path: Path) -> None:
    with open(tmp_path / "sparse.json", "wb") as file:
        file.truncate(4 * 2**30)
    advice = "split it, such as by lines"
    assert run("count", "sparse.json") == failure(
        f"sparse.json: the file has more than the 536,870,912 bytes that are read at once; {advice}"
    )


def test_standard_input(run: Run) -> None:
    assert run("count", "-", stdin=CHAT.encode()) == Result(0, f"{TITLES}{COUNTED}<stdin>\n", DEFAULT)
    assert run("count", "-", stdin=b"") == failure(
        "<stdin>:1:1: the file is empty; expected ChatML text, or messages as JSON"
    )


def test_byte_order_mark(run: Run, write: Write) -> None:
    write("chat.json", b"\xef\xbb\xbf" + CHAT.encode())
    write("chat.chatml", b"\xef\xbb\xbf<|im_start|>user\nHi<|im_end|>\n")
    assert run("count", "chat.json") == Result(0, f"{TITLES}{COUNTED}chat.json\n", DEFAULT)
    note = "chatml: note: chat.chatml: the byte order mark before the text is left out\n"
    assert run("count", "chat.chatml") == Result(0, f"{TITLES}     6  exact   chat.chatml\n", note)


def test_folder(run: Run, write: Write, tmp_path: Path) -> None:
    for name in (
        "folder/b.json",
        "folder/a/z.prompt",
        "folder/.hidden/c.json",
        "folder/.d.json",
        "folder/e.md",
        "folder/f.JSON",
    ):
        write(name, CHAT)
    write("folder/package.json", '{"name": "x"}')
    write("folder/readme.txt", "Read me.")
    write("folder/empty.txt", "")
    write("elsewhere/g.json", CHAT)
    if os.name != "nt":
        (tmp_path / "folder" / "link.json").symlink_to(tmp_path / "elsewhere" / "g.json")
        (tmp_path / "folder" / "link").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "folder" / "loop").symlink_to(tmp_path / "folder")
        os.mkfifo(tmp_path / "folder" / "fifo.json")
    out = "".join(
        f"{COUNTED}{os.path.join('folder', name)}\n" for name in (os.path.join("a", "z.prompt"), "b.json", "f.JSON")
    )
    err = (
        "chatml: note: folder/empty.txt: passed over, the file is empty\n"
        "chatml: note: folder/package.json: passed over, found an object with 'name', expected a list of messages,"
        " or an object with 'messages' or 'conversations'\n"
        "chatml: note: folder/readme.txt: passed over, there is no marker of a prompt in it\n"
    ).replace("folder/", f"folder{os.sep}")
    assert run("count", "folder") == Result(0, f"{TITLES}{out}    24  exact   total\n", err + DEFAULT)


def test_folder_without_prompts(run: Run, write: Write) -> None:
    write("folder/notes.md", "x")
    problem = "folder: the folder holds no file that ends in .json, .jsonl, .chatml, .txt or .prompt"
    assert run("count", "folder") == failure(f"{problem}; files of other names can be given one by one")


@pytest.fixture
def deep_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A folder of 1,200 levels with a file at the bottom; taken down by hand, because shutil.rmtree recurses."""
    monkeypatch.chdir(tmp_path)
    for _ in range(1200):
        os.mkdir("d")
        os.chdir("d")
    Path("a.json").write_text(CHAT)
    yield "d"
    os.remove("a.json")
    for _ in range(1200):
        os.chdir("..")
        os.rmdir("d")


@posix
def test_folder_of_great_depth(run: Run, deep_folder: str) -> None:
    result = run("count", deep_folder, "--format", "json")
    assert (result.status, json.loads(result.out)["total"]) == (0, 8)


def test_a_fault_stops_no_other_file(run: Run, write: Write) -> None:
    write("folder/a.json", '[{"role": 1, "content": "Hi"}]')
    write("folder/b.json", CHAT)
    write("folder/c.json", "[")
    err = (
        "chatml: error: folder/a.json: messages[0].role: found a value of type int, expected a role such as 'user'\n"
        "chatml: error: folder/c.json:1:2: this is not valid JSON: a value is expected, found the end of the text\n"
    ).replace("folder/", f"folder{os.sep}")
    expected = Result(2, f"{TITLES}{COUNTED}{os.path.join('folder', 'b.json')}\n", err + DEFAULT)
    assert run("count", "folder") == expected
    missing = "chatml: error: missing: there is no such file or folder; check the name; - is standard input\n"
    assert run("count", "missing", "folder") == expected._replace(err=missing + expected.err)


@posix
def test_names_of_files_are_escaped(run: Run, write: Write) -> None:
    name = "\x1b[2J\u202e\n::error::.json"
    write(name, CHAT)
    assert run("count", name).out == f"{TITLES}{COUNTED}\\x1b[2J<U+202E>\\n::error::.json\n"
    assert run("count", "\x1b]0;x\n") == failure(
        r"\x1b]0;x\n: there is no such file or folder; check the name; - is standard input"
    )
    write(name + "l", "[")
    shown = r"\x1b[2J<U+202E>\n::error::.jsonl"
    assert run("parse", name + "l") == failure(f"{shown}:1:2: {NO_VALUE} the end of the text")


@pytest.mark.skipif(sys.platform != "linux", reason="names that are not UTF-8")
def test_names_that_are_not_utf8(run: Run, tmp_path: Path) -> None:
    name = os.fsdecode(b"a\xff.json")
    (tmp_path / name).write_text(CHAT)
    assert run("count", name).out == f"{TITLES}{COUNTED}a<U+DCFF>.json\n"
    assert json.loads(run("count", name, "--format", "json").out)["files"][0]["file"] == name


@pytest.mark.slow
def test_a_line_of_16_mib(run: Run, write: Write) -> None:
    words = "lorem ipsum " * (16 * 2**20 // 12)
    write("big.json", json.dumps([{"role": "user", "content": words}]))
    write("big.chatml", f"<|im_start|>user\n{words}<|im_end|>\n")
    assert run("count", "big.json", "--model", "gpt-4o").status == 0
    assert run("count", "big.chatml").status == 0
    assert len(run("render", "big.json").out) == len(words) + len("<|im_start|>user\n<|im_end|>\n")


def test_a_million_spaces(run: Run, write: Write) -> None:
    spaces = " " * 1_000_000
    write("spaces.chatml", f"<|im_start|>user\n{spaces}<|im_end|>\n")
    assert run("count", "spaces.chatml") == Result(0, f"{TITLES} 7,818  exact   spaces.chatml\n", "")
    assert json.loads(run("parse", "spaces.chatml").out) == [{"role": "user", "content": spaces}]


def test_nul_bytes(run: Run, write: Write) -> None:
    write("nul.txt", b"\0\0\0")
    note = "chatml: note: nul.txt holds no marker of a prompt: it is counted as plain text\n"
    assert run("count", "nul.txt") == Result(0, f"{TITLES}     3  exact   nul.txt\n", note)
    write("nul.chatml", b"<|im_start|>user\n\0<|im_end|>\n")
    assert run("parse", "nul.chatml", "--compact") == Result(0, '[{"role":"user","content":"\\u0000"}]\n', "")


def test_lone_surrogates(run: Run, write: Write) -> None:
    write("lone.json", r'[{"role": "user", "content": "a\ud800b"}]')
    assert run("render", "lone.json") == Result(0, "<|im_start|>user\na\\ud800b<|im_end|>\n", "")
    assert (
        run("render", "lone.json", "--format", "json").out == '{"text":"<|im_start|>user\\na\\ud800b<|im_end|>\\n"}\n'
    )
    assert run("count", "lone.json") == Result(0, f"{TITLES}    10  exact   lone.json\n", DEFAULT)
    assert "a<U+D800>b" in run("inspect", "lone.json").out
