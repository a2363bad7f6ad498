"""Files that are missing, hostile or odd. Every one gives one line that names it, and exit status 2."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli_process import Result, Run, Write

from chatml._errors import FileError
from chatml.cli import _files
from chatml.promptfiles import MAX_SIZE

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
A_PAIR = r"expected a pair such as \ud83d\ude00"
TWO_LINES = b'{"messages": []}\n\n'
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
    "infinite.jsonl": (TWO_LINES + b'{"x": [{"y": NaN}]}', f":3:14: found NaN, {NO_NUMBER}"),
    "large.json": (b"[\r\n-1e999]", ":2:1: found -1e999, which is more than a number can be"),
    "twice.json": (b'{"messages": [],\n "messages": []}', ":2:2: the key 'messages' occurs twice in one object"),
    "twice.jsonl": (TWO_LINES + b'{"a": 1, "\\u0061": 2}', ":3:10: the key 'a' occurs twice in one object"),
    "deep.jsonl": (TWO_LINES + b"[" * 65 + b"]" * 65, f":3:65: {TOO_DEEP}"),
    "lone.json": (
        rb'[{"role": "user", "content": "\ud83d\ude00 \\ud800"},'
        b"\n "
        rb'{"role": "user", "content": "a\ud800b"}]',
        rf":2:32: found the lone surrogate \ud800, {A_PAIR}",
    ),
    "lone.jsonl": (
        TWO_LINES + rb'{"messages": [], "\uDC00": 1}',
        rf":3:19: found the lone surrogate \uDC00, {A_PAIR}",
    ),
    "lone-in-tools.jsonl": (
        TWO_LINES + rb'{"conversations": [], "tools": "[\n\"\\ud800\"]"}',
        rf":3:1: 'tools' is a string, and not one of JSON: line 2, column 2: found the lone surrogate \ud800, {A_PAIR}",
    ),
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
        ".: this is a folder, expected a file; name a file in it; count, stats, lint and sanitize --scan take folders"
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


LIMIT = 2**20
LARGE = "has more than 1,048,576 bytes; --max-size raises the limit of 1 MiB"


def line_of(size: int) -> bytes:
    """A conversation as a line of so many bytes, without the newline."""
    return b'{"messages": [], "x": "' + b"x" * (size - 25) + b'"}'


# name -> content of which the last byte is too much for --max-size 1, and what is said behind the name
OVERSIZED = {
    "a.txt": (b"x" * (LIMIT + 1), f":1:1: the document {LARGE}"),
    "bom.txt": (b"\xef\xbb\xbf" + b"x" * (LIMIT + 1), f":1:1: the document {LARGE}"),
    "wide.txt": ("é".encode() * (LIMIT // 2 - 1) + b"xxx", f":1:1: the document {LARGE}"),
    "a.chatml": (b"<|im_start|>user\n" + b"x" * (LIMIT - 16), f":1:1: the document {LARGE}"),
    "a.json": (line_of(LIMIT + 1), f":1:1: the document {LARGE}"),
    "array.json": (b"[" + TWO_LINES + b"," + line_of(LIMIT - len(TWO_LINES) - 2) + b"]", f":1:1: the document {LARGE}"),
    "first.jsonl": (line_of(LIMIT + 1), f":1:1: the line {LARGE}"),
    "third.jsonl": (TWO_LINES + line_of(LIMIT + 1), f":3:1: the line {LARGE}"),
    "third-by-content.json": (TWO_LINES + line_of(LIMIT + 1), f":3:1: the line {LARGE}"),
}


@pytest.mark.parametrize("name", OVERSIZED)
def test_max_size(run: Run, write: Write, name: str) -> None:
    content, problem = OVERSIZED[name]
    assert run("count", write(name, content), "--max-size", "1") == failure(name + problem)
    assert run("count", write(name, content.replace(b"xx", b"x", 1)), "--max-size", "1").status == 0


@pytest.mark.parametrize("command", ["render", "parse", "count", "inspect"])
def test_max_size_of_each_command(run: Run, write: Write, command: str) -> None:
    words = "word " * (LIMIT // 5)
    text = f"<|im_start|>user\n{words}<|im_end|>\n" if command == "parse" else CHAT.replace("Hi", words)
    name = write("a.txt", text)
    assert run(command, name).status == 0
    assert run(command, name, "--max-size", "1") == failure(f"{name}:1:1: the document {LARGE}")


def test_max_size_by_default(run: Run, write: Write) -> None:
    name = write("a.json", b"[" + b" " * (MAX_SIZE - 1) + b"]")
    problem = "the document has more than 16,777,216 bytes; --max-size raises the limit of 16 MiB"
    assert run("render", name) == failure(f"{name}:1:1: {problem}")
    assert run("render", name, "--max-size", "17") == Result(0, "", "")
    assert run("render", name, "--max-size", "9" * 18) == Result(0, "", "")


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "16MiB"])
def test_max_size_is_a_number(run: Run, value: str) -> None:
    problem = f"argument --max-size: found '{value}', expected a number from 1 on"
    assert run("count", "x", f"--max-size={value}") == failure(f"{problem}; `chatml count --help` lists the options")


def test_lines_may_be_more_than_a_document(run: Run, write: Write) -> None:
    lines = (line_of(LIMIT) + b"\n") * 3
    assert run("count", write("a.jsonl", lines), "--max-size", "1").status == 0
    assert run("count", write("a.txt", lines), "--max-size", "1").status == 0  # content decides, not the name
    assert run("count", "-", "--max-size", "1", stdin=b"\xef\xbb\xbf" + lines).status == 0


@pytest.mark.parametrize("text", ["x", "aé", "é", "漢", '[{"role": "user"}, ', "[\n"])
def test_nothing_is_read_beyond_the_limit(run: Run, write: Write, text: str) -> None:
    read = LIMIT + 7  # room for a byte order mark and a character
    start = (text.encode() * 2 * LIMIT)[:read]  # it may end within a character
    not_utf8 = b"\xff" * 4 * LIMIT  # it would be said to be that if it was read
    write("a.json", start + not_utf8)
    assert run("count", "a.json", "--max-size", "1") == failure(f"a.json:1:1: the document {LARGE}")
    refused = run("count", "-", "--max-size", "1", stdin=start + not_utf8)
    assert refused == failure(f"<stdin>:1:1: the document {LARGE}")
    refused = run("count", "-", "--max-size", "1", stdin=b"\xef\xbb\xbf \xff" + start)
    assert refused == failure(f"<stdin>: {NOT_UTF8} 0xff at offset 4; save it as UTF-8")


def test_too_large_files_stop_no_other_file(run: Run, write: Write) -> None:
    write("folder/a.txt", b"x" * (LIMIT + 1))
    write("folder/b.json", CHAT)
    problem = f"chatml: error: {os.path.join('folder', 'a.txt')}:1:1: the document {LARGE}\n"
    expected = Result(2, f"{TITLES}{COUNTED}{os.path.join('folder', 'b.json')}\n", problem + DEFAULT)
    assert run("count", "folder", "--max-size", "1") == expected


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
    if os.name != "nt":  # what stays in the folder, or has another name
        links = {
            "link.json": "b.json",
            "a/link.json": "../b.json",
            "hidden.json": ".hidden/c.json",
            "link": "a",
            "loop": ".",
            "a/loop": str(tmp_path / "folder"),
            "link.md": "../elsewhere/g.json",
            ".link.json": "../elsewhere/g.json",
            ".hidden/link": "../../elsewhere",
            "gone": "nowhere",
            "itself": "itself",
        }
        for name, target in links.items():
            (tmp_path / "folder" / name).symlink_to(target)
        os.mkfifo(tmp_path / "folder" / "fifo")
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


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write) -> Path:
    """A folder, and another one beside it that is not to be read; the temporary folder is the current one."""
    monkeypatch.chdir(tmp_path)
    write("elsewhere/x.json", "[")
    write("elsewhere/folder/y.json", "[")
    write("folder-2/z.json", "[")
    write("folder/b.json", CHAT)
    return tmp_path / "folder"


# name of a link in the folder -> what it leads to, and where that is
LEADING_OUT = {
    "a.JSON": ("../elsewhere/x.json", "elsewhere/x.json"),
    "folder-beside": ("../elsewhere", "elsewhere"),
    "name": ("../folder-2", "folder-2"),  # begins as the name of the folder does
    "null.txt": (os.devnull, os.devnull),
    "over": ("folder-beside/folder", "elsewhere/folder"),
    "two.prompt": ("a.JSON", "elsewhere/x.json"),
    "up": ("..", ""),
}


@posix
def test_links_out_of_a_folder(run: Run, inside: Path) -> None:
    for name, (target, _) in LEADING_OUT.items():
        (inside / name).symlink_to(target)
    (inside.parent / "link").symlink_to("folder")  # what the user names may be a link
    root = inside.parent.resolve()
    for folder in ("folder", "link", f"{inside}{os.sep}"):
        err = "".join(
            f"chatml: error: {os.path.join(folder, name)}: this is a link that leads out of the folder, to"
            f" {root / target}; links are not followed: name what it leads to\n"
            for name, (_, target) in LEADING_OUT.items()
        )
        out = f"{TITLES}{COUNTED}{os.path.join(folder, 'b.json')}\n"
        assert run("count", folder) == Result(2, out, err + DEFAULT)


@posix
def test_a_link_that_the_user_names(run: Run, inside: Path) -> None:
    (inside / "link.json").symlink_to("../elsewhere/chat.json")
    (inside.parent / "elsewhere" / "chat.json").write_text(CHAT)
    assert run("count", "folder/link.json") == Result(0, f"{TITLES}{COUNTED}folder/link.json\n", DEFAULT)


@posix
def test_what_is_no_file_in_a_folder(run: Run, inside: Path) -> None:
    os.mkfifo(inside / "a.json")
    (inside / "c.json").symlink_to("a.json")  # to what is reported by its own name
    (inside / "gone.txt").symlink_to("nowhere")
    (inside / "itself.txt").symlink_to("itself.txt")
    (inside / "over-a-file.txt").symlink_to("b.json/x")
    (inside / "ring-1.txt").symlink_to("ring-2.txt")
    (inside / "ring-2.txt").symlink_to("ring-1.txt")
    nowhere = "this is a link that leads nowhere; mend it or remove it"
    advice = "expected a regular file; give - and send it to standard input"
    err = f"chatml: error: folder/a.json: this is a FIFO, {advice}\n"
    for name in ("gone", "itself", "over-a-file", "ring-1", "ring-2"):
        err += f"chatml: error: folder/{name}.txt: {nowhere}\n"
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("folder/s.jsonl")
        err += f"chatml: error: folder/s.jsonl: this is a socket, {advice}\n"
        assert run("count", "folder") == Result(2, f"{TITLES}{COUNTED}folder/b.json\n", err + DEFAULT)
    os.remove("folder/b.json")
    assert run("count", "folder") == Result(2, "", err)


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_closed_folder_in_a_folder(run: Run, inside: Path) -> None:
    (inside / "a").mkdir(mode=0)
    err = "chatml: error: folder/a: reading it is not permitted; check who may read it\n"
    assert run("count", "folder") == Result(2, f"{TITLES}{COUNTED}folder/b.json\n", err + DEFAULT)


def unchecked(_: str) -> None:
    pass


EXCHANGED = "this is a link, and was none before; links in a folder are not followed"


@posix
@pytest.mark.usefixtures("inside")
def test_entries_that_are_exchanged_for_links(write: Write) -> None:
    write("folder/c/d.json", CHAT)
    found = _files.files_in("folder")
    assert next(found) == "folder/b.json"
    os.remove("folder/b.json")
    os.symlink("../elsewhere/x.json", "folder/b.json")
    os.rename("folder/c", "c")
    os.symlink("../elsewhere", "folder/c")
    assert [str(one) for one in found] == [f"folder/c: {EXCHANGED}"]
    with pytest.raises(FileError) as caught:
        _files.read_text("folder/b.json", most=MAX_SIZE, check=unchecked, follow=False)
    assert str(caught.value) == f"folder/b.json: {EXCHANGED}"
    assert _files.read_text("folder/b.json", most=MAX_SIZE, check=unchecked) == ("[", False)


@posix
@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize(
    ("exchange", "problem"),
    [
        (lambda path: os.symlink("../elsewhere/x.json", path), EXCHANGED),
        (os.mkfifo, "this is a FIFO, expected a regular file; give - and send it to standard input"),
        (os.mkdir, "it cannot be read: Is a directory"),
        (lambda _: None, "there is no such file or folder; check the name; - is standard input"),
    ],
)
def test_a_file_that_is_exchanged_before_it_is_opened(
    monkeypatch: pytest.MonkeyPatch, exchange: Callable[[str], None], problem: str
) -> None:
    path, look = "folder/b.json", os.stat

    def exchange_behind(*arguments: str, **options: bool) -> os.stat_result:
        status = look(*arguments, **options)
        os.remove(path)
        exchange(path)
        return status

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", exchange_behind)
        with pytest.raises(FileError) as caught:
            _files.read_text(path, most=MAX_SIZE, check=unchecked, follow=False)
    assert str(caught.value) == f"{path}: {problem}"


@posix
@pytest.mark.usefixtures("inside")
def test_an_entry_that_is_removed_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    look = os.lstat

    def remove_before(path: str) -> os.stat_result:
        os.remove(path)
        return look(path)

    monkeypatch.setattr(os, "lstat", remove_before)
    with pytest.raises(FileError, match="the folder holds no file that ends in"):
        next(_files.files_in("folder"))


def test_folder_without_prompts(run: Run, write: Write) -> None:
    write("folder/notes.md", "x")
    names = ".json, .jsonl, .chatml, .txt, .prompt, .prompty, .prompt.yml or .prompt.yaml"
    problem = f"folder: the folder holds no file that ends in {names}"
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
    larger = ("--max-size", "17")
    assert run("count", "big.json", "--model", "gpt-4o", *larger).status == 0
    assert run("count", "big.chatml", *larger).status == 0
    assert len(run("render", "big.json", *larger).out) == len(words) + len("<|im_start|>user\n<|im_end|>\n")


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
