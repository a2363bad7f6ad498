"""Files that commands write with -o: as a whole or not at all, and nothing but regular files."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from cli_process import Captured, run_here

import chatml
from chatml._errors import FileError
from chatml.cli._writing import write_file

posix = pytest.mark.skipif(os.name == "nt", reason="kinds and modes of files")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a temporary folder."""
    monkeypatch.chdir(tmp_path)


def chat(content: str) -> str:
    """Write a file with one message, and return the prompt."""
    Path("chat.json").write_text(json.dumps([{"role": "user", "content": content}]))
    return chatml.render([{"role": "user", "content": content}])


def not_written(*arguments: str) -> str:
    """The error of a run that has to leave everything as it was."""
    before = {path: path.lstat() for path in Path().rglob("*")}
    done = run_here("render", "chat.json", *arguments)
    assert (done.status, done.out) == (2, b"")
    assert {path: path.lstat() for path in Path().rglob("*")} == before
    return done.err.decode().removeprefix("chatml: error: ")


def test_output_file() -> None:
    prompt = chat("\x1b[2J\r\n::error::é\u202e")
    for option in (("-o", "new.chatml"), ("--output", "new.chatml"), ("--output=new.chatml",)):
        assert run_here("render", "chat.json", *option) == Captured(0, b"", b"")
        assert Path("new.chatml").read_bytes() == prompt.encode()
    for options in (("--ids",), ("--format", "json"), ("--format", "json", "--ids")):
        assert run_here("render", "chat.json", *options, "-o", "other") == Captured(0, b"", b"")
        assert Path("other").read_bytes() == run_here("render", "chat.json", *options).out
    Path("two.jsonl").write_text('{"messages": []}\n{"messages": []}\n')
    assert run_here("render", "two.jsonl", "--format", "json", "-o", "other") == Captured(0, b"", b"")
    assert Path("other").read_text() == '{"text":""}\n{"text":""}\n'
    assert sorted(os.listdir()) == ["chat.json", "new.chatml", "other", "two.jsonl"]


@posix
def test_output_file_in_the_place_of_another() -> None:
    prompt = chat("Hi").encode()
    old = os.umask(0o027)
    try:
        for name, mode in (("wide", 0o666), ("narrow", 0o600), ("special", 0o4755)):
            Path(name).write_text("old")
            Path(name).chmod(mode)
            assert run_here("render", "chat.json", "-o", name) == Captured(0, b"", b"")
            assert (Path(name).read_bytes(), stat.S_IMODE(os.stat(name).st_mode)) == (prompt, mode & 0o777)
        assert run_here("render", "chat.json", "-o", "new").status == 0
        assert stat.S_IMODE(os.stat("new").st_mode) == 0o640
    finally:
        os.umask(old)
    os.mkdir("folder")
    for link, target in (("link", "wide"), ("dangling", "folder/new")):
        os.symlink(target, link)
        assert run_here("render", "chat.json", "-o", link) == Captured(0, b"", b"")
        assert (os.readlink(link), Path(target).read_bytes()) == (target, prompt)


NO_FOLDER = "there is no such folder; check the name, or make the folder first\n"
NO_FILE = "expected a file or a new name; name a file\n"


@posix
def test_output_file_that_cannot_be_written() -> None:
    chat("Hi")
    os.mkfifo("fifo")
    os.mkdir("folder")
    os.symlink("loop", "loop")
    long = "x" * 300
    errors = {
        "folder": f"this is a folder, {NO_FILE}",
        ".": f"this is a folder, {NO_FILE}",
        "fifo": f"this is no regular file, {NO_FILE}",
        "/dev/null": f"this is no regular file, {NO_FILE}",
        "missing/new": NO_FOLDER,
        "new/": NO_FOLDER,
        "chat.json/new": NO_FOLDER,
        "loop": "it cannot be written: Too many levels of symbolic links\n",
        long: "it cannot be written: File name too long\n",
        "-": "the name of a file is expected; leave out the option for standard output, or write ./- for a file of that"
        " name\n",
    }
    assert {path: not_written("-o", path) for path in errors} == {
        path: f"{path}: {what}" for path, what in errors.items()
    }
    assert not_written("-o", "") == f"'': {NO_FOLDER}"
    assert not_written("-o", "a\0b") == "a\\x00b: it cannot be written: embedded null byte\n"
    assert not_written("-o", "no\x1b[2J\n/::error") == f"no\\x1b[2J\\n/::error: {NO_FOLDER}"
    assert (
        not_written("-o") == "argument -o/--output: expected one argument; `chatml render --help` lists the options\n"
    )


def test_output_file_with_lone_surrogates() -> None:
    with pytest.raises(FileError) as caught:  # no file can hold one
        write_file("new", "a\nb\ud800")
    problem = "found the lone surrogate U+D800 on line 2, column 2 of the text, which a file in UTF-8 cannot hold"
    assert str(caught.value) == f"new: {problem}; --format json writes it as an escape"
    assert not Path("new").exists()


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (PermissionError(13, "x"), "writing it is not permitted; check who may write there"),
        (OSError(28, "No space left on device"), "it cannot be written: No space left on device"),
        (KeyboardInterrupt(), ""),
    ],
)
def test_output_file_when_writing_fails(error: BaseException, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    chat("Hi")
    Path("old").write_text("old")
    monkeypatch.setattr(os, "replace", fail)
    done = run_here("render", "chat.json", "-o", "old")
    expected = Captured(2, b"", f"chatml: error: old: {problem}\n".encode()) if problem else Captured(130, b"", b"")
    assert done == expected
    assert (sorted(os.listdir()), Path("old").read_text()) == (["chat.json", "old"], "old")


@posix
def test_output_file_that_is_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    chat("Hi")
    Path("old").write_text("old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # which root always may
    assert not_written("-o", "old") == "old: writing it is not permitted; check who may write there\n"


class TestPages:
    """`--html rows.jsonl other.jsonl` is easily typed; a prompt or a data set is not replaced by a page."""

    @pytest.mark.parametrize(
        "command", [("inspect", "chat.json"), ("diff", "chat.json", "chat.json"), ("stats", "chat.json")]
    )
    def test_what_is_no_page_stays(self, command: tuple[str, ...]) -> None:
        chat("Hi")
        rows = Path("rows.jsonl")
        rows.write_text("[]\n")
        for name in ("rows.jsonl", "chat.json"):
            before = Path(name).read_bytes()
            result = run_here(*command, "--html", name)
            error = f"chatml: error: {name}: found a file that is no HTML page, and would be replaced; "
            assert result == Captured(2, b"", f"{error}give --html a new name, or that of a page\n".encode())
            assert Path(name).read_bytes() == before

    @pytest.mark.parametrize("content", [None, "", "<!doctype HTML>old"])
    def test_a_page_is_replaced(self, content: str | None) -> None:
        chat("Hi")
        if content is not None:
            Path("page").write_text(content)
        for _ in range(2):
            assert run_here("inspect", "chat.json", "--html", "page").status == 0
        assert Path("page").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
